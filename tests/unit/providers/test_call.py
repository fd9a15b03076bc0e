"""Calls to providers: how a request is put together, and each provider through a whole gateway."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.peers.single_client import OneClient
from tests.reading.aws_messages import message
from tests.rigs.provider_calls import CANARY, ROWS, call, detail, fields, good

from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.secret import Secret

STORED = ProviderSettings(api_key=Secret(CANARY))


def test_fields_that_the_gateway_sets() -> None:
    assert fields(call(headers=[("accept-encoding", "gzip, br")])) == {
        "accept-encoding": "identity",
        "content-type": "application/json",
    }
    given = fields(call(headers=[("Content-Type", "multipart/form-data; boundary=x")]))
    assert given["content-type"] == "multipart/form-data; boundary=x"
    assert "content-type" not in fields(call(body=None))


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("head", b""), ("DELETE", b"{}"), ("put", b"{}"), ("Patch", b"{}")]
)
def test_methods(method: str, body: bytes) -> None:
    made = good(call(method=method))
    assert made.request.body == body
    assert made.request.method.decode() == method.upper()


@pytest.mark.parametrize(
    "method", ["CONNECT", "connect", "TRACE", "OPTIONS", "PRI", "Q-X", "", "GE T", "GET\r\n", "É", "PO\u017fT"]
)
def test_methods_that_are_refused(method: str) -> None:
    assert detail(call(method=method)).startswith("request.method is not allowed; allowed are GET, HEAD, ")


@pytest.mark.parametrize(("slug", "query"), [
    ("google-ai-studio", "key=operators-canary"),
    ("openai", "x=1&api_key=operators-canary"),
])  # fmt: skip
def test_a_key_in_the_url_of_the_settings_is_not_the_clients(slug: str, query: str) -> None:
    own = ProviderSettings(base_url=f"https://h.test/v1?{query}", headers=(("x-tenant", "operator"),))
    assert fields(call(slug, "models/m", google_ai_studio=own, openai=own))["x-tenant"] == "operator"
    bare = ProviderSettings(base_url=f"https://h.test/v1?{query}")
    assert good(call(slug, "models/m", google_ai_studio=bare, openai=bare)).key == "stored"
    plain = ProviderSettings(base_url="https://h.test/v1?api-version=2024-10-21-preview")
    assert good(call(slug, "models/m", google_ai_studio=plain, openai=plain)).key == "none"
    shown = call(slug, "models/m", headers=[("authorization", "Bearer own")], google_ai_studio=bare, openai=bare)
    assert good(shown).key == "client"


def test_a_key_in_a_url_that_the_client_names_is_its_own() -> None:
    own = ProviderSettings(key_in="query:k", api_key=Secret(CANARY))
    made = good(call("fal", "", headers=[("x-fal-target-url", "https://fal.run/a/b?k=mine")], fal=own))
    assert made.key == "client"
    assert CANARY.encode() not in made.request.target


@pytest.mark.parametrize(
    "result",
    [
        call(headers=[("authorization", f"Bearer {CANARY}")], endpoint=f"x?key={CANARY}", body=CANARY.encode()),
        call("anthropic", "v1/messages", anthropic=STORED),
        call(headers=[("authorization", f"Bearer {CANARY}\r\n")]),
        call(headers=[(f"{CANARY}:", "x")]),
        call(headers=[(f"Bearer {CANARY}", "x")]),
        call(headers=[("x", f"{CANARY}\ud800")]),
        call(endpoint=f"../x?key={CANARY}"),
        call(endpoint=f"https://{CANARY}/"),
        call(endpoint=f"x?key={CANARY}#"),
        call(method=f"{CANARY}\r\n"),
        call("azure-openai", f"{CANARY}_/x/y"),
        call("azure-openai", "r/x/y", azure_openai=STORED),
        call("fal", "x", headers=[("x-fal-target-url", f"https://{CANARY}@h/")]),
        call("fal", "x", headers=[("x-fal-target-url", f"https://h/?{CANARY}")]),
        call("aws-bedrock", "bedrock-runtime/us-east-1/x", aws_bedrock=ProviderSettings(api_key=Secret("{" + CANARY))),
        call("google-vertex-ai", "v1/publishers/x", google_vertex_ai=ProviderSettings(api_key=Secret("{" + CANARY))),
        call("workers-ai", "@cf/x", account=f"{CANARY}/"),
    ],
    ids=repr,
)
def test_no_key_is_ever_shown(result: ProviderCall | Fault) -> None:
    assert CANARY not in repr(result)
    assert CANARY not in str(result)
    if isinstance(result, Fault):
        assert result.kind in (FaultKind.INVALID_REQUEST, FaultKind.NOT_CONFIGURED)
        assert len(result.detail) < 300
    else:
        assert CANARY not in repr(result.request)


def test_settings_do_not_show_stored_keys() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org", CANARY),))
    assert CANARY not in repr(stored)
    assert "x-org" in repr(stored)


# -- each provider through a gateway: who is dialled, with which key, and how the answer is read ----------------------


def sse(*payloads: object, done: bool = False, named: bool = False) -> bytes:
    lines = []
    for payload in payloads:
        if named:
            assert isinstance(payload, dict)
            lines.append(f"event: {payload['type']}\n")
        lines.append(f"data: {payload if isinstance(payload, str) else json.dumps(payload)}\n\n")
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def lines(*payloads: object) -> bytes:
    return b"".join(json.dumps(payload).encode() + b"\n" for payload in payloads)


SSE, JSON, NDJSON, AWS = (
    "text/event-stream",
    "application/json",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
)


GEMINI = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}


TEXT = ["response.started", "text.delta", "response.finished"]


SOUND = ["audio.delta", "response.finished"]


ANTHROPIC = [
    {
        "type": "message_start",
        "message": {"id": "m", "model": "c", "role": "assistant", "content": [], "usage": {"input_tokens": 3}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    {"type": "message_stop"},
]


#: Format: content type, body, and the types of the events that it must give, those of usage left out.
ANSWERS: dict[str, tuple[str, bytes, list[str]]] = {
    "openai-chat": (SSE, sse({"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}, done=True), TEXT),
    "openai-responses": (
        SSE,
        sse(
            {"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress", "output": []}},
            {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "Hi"},
            {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
            named=True,
        ),
        TEXT,
    ),
    "openai-completions": (SSE, sse({"id": "1", "object": "text_completion", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]}, done=True), TEXT),
    "openai-audio": ("audio/mpeg", b"ID3\x04\x00\x00\xff\xfb", SOUND),
    "anthropic-messages": (SSE, sse(*ANTHROPIC, named=True), TEXT),
    "gemini": (JSON, json.dumps([GEMINI]).encode(), TEXT),
    "gemini-interactions": (JSON, b'{"id":"i","status":"completed","outputs":[{"type":"text","text":"Hi"}]}', TEXT),
    "bedrock-converse": (
        AWS,
        b"".join(
            message(json.dumps(payload).encode(), (":message-type", "event"), (":event-type", kind))
            for kind, payload in [
                ("messageStart", {"role": "assistant"}),
                ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
                ("messageStop", {"stopReason": "end_turn"}),
            ]
        ),
        TEXT,
    ),
    "bedrock-invoke": (JSON, json.dumps({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}).encode(), TEXT),
    "workers-ai": (SSE, sse({"response": "Hi"}, done=True), TEXT),
    "tgi": (SSE, sse({"token": {"id": 1, "text": "Hi", "special": False}, "generated_text": "Hi", "details": {"finish_reason": "eos_token"}}), TEXT),
    "replicate": (JSON, b'{"id":"p","status":"succeeded","output":["H","i"],"error":null}', TEXT),
    "cohere-v1": (NDJSON, lines({"event_type": "stream-start"}, {"event_type": "text-generation", "text": "Hi"}, {"event_type": "stream-end", "finish_reason": "COMPLETE"}), TEXT),
    "cohere-v2": (
        SSE,
        sse(
            {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant"}}},
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hi"}}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
            named=True,
        ),
        TEXT,
    ),
    "elevenlabs": ("audio/mpeg", b"ID3\x04\x00\x00\xff\xfb", SOUND),
    "cartesia": ("audio/mpeg", b"\x00\x01\xff\xfe", SOUND),
    "deepgram": (JSON, b'{"metadata":{"request_id":"r"},"results":{"channels":[{"alternatives":[{"transcript":"Hi"}]}]}}', TEXT),
    "fal": (JSON, b'{"images":[{"url":"https://x/a.png","content_type":"image/png"}]}', ["response.started", "image.delta", "response.finished"]),
    "ollama": (NDJSON, lines({"model": "m", "created_at": "t", "message": {"role": "assistant", "content": "Hi"}, "done": False}, {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}), TEXT),
    "unknown": (JSON, b'{"anything":["at all"]}', []),
}  # fmt: skip


def events_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        message["event"]
        for message in messages
        if message["type"] == "universal.event" and message["event"]["type"] != "usage"
    ]


def check(run: OneClient, url: str, format: str, step: dict[str, Any], credential: tuple[str, str]) -> None:
    """One call to ``url`` with ``credential`` that is answered in the format of ``format``."""
    parts = urlsplit(url)
    run.create("a", {**step, "query": {"stream": True}, "config": {"response": "both"}})
    authority = parts.netloc
    assert run.dialled() == [f"#2 {parts.scheme}://{authority}"]
    tls = run.connects[-1].tls
    assert (tls.server_hostname if tls is not None else None) == (parts.hostname if parts.scheme == "https" else None)
    request = run.accept(2)
    assert request.line == f"POST {parts.path}" + (f"?{parts.query}" if parts.query else "")
    fields = dict(request.headers or [])
    assert fields["host"] == authority
    assert fields[credential[0]] == credential[1]
    assert json.loads(request.body or b"") == {"stream": True}
    kind, body, expected = ANSWERS[format]
    run.respond(2, body, kind)
    messages = run.messages()
    events = events_of(messages)
    merged = [
        event["type"] for index, event in enumerate(events) if not index or events[index - 1]["type"] != event["type"]
    ]
    assert merged == expected
    if "text.delta" in expected:
        assert "".join(event.get("text", "") for event in events) == "Hi"
    streams = [message for message in messages if message["type"] == "universal.stream"]
    if messages[-1]["type"] == "universal.done":
        assert streams, "the provider's own bytes come beside their meaning"
    else:
        assert messages[-1]["response"] == (json.loads(body) if kind == JSON else b64encode(body).decode())
    run.finish()


@pytest.mark.parametrize(("slug", "endpoint", "url", "field", "format"), ROWS, ids=lambda value: str(value)[:40])
def test_each_provider_through_a_gateway(slug: str, endpoint: str, url: str, field: str | None, format: str) -> None:
    account = "accounts/acc/"
    url = url.replace(account, "accounts/local/")  # the client's own account
    step: dict[str, Any] = {"provider": slug, "endpoint": endpoint}
    settings: dict[str, ProviderSettings] = {}
    if field is None:  # the client names the host, and brings its key
        step["headers"] = {"X-Api-Key": "canary-own"}
        credential = ("x-api-key", "canary-own")
    else:
        settings[slug] = ProviderSettings(api_key=Secret("canary"))
        name, _, value = field.partition(": ")
        credential = (name, value.removesuffix("K") + "canary")
    check(OneClient(Config(providers=settings)), url, format, step, credential)


def test_a_custom_provider_through_a_gateway() -> None:
    mine = ProviderSettings(base_url="https://llm.example:8443/api", headers=(("X-Key", "canary"),))
    run = OneClient(Config(providers={"custom-mine": mine}))
    step = {"provider": "custom-mine", "endpoint": "v1/chat/completions?x=1"}
    check(run, "https://llm.example:8443/api/v1/chat/completions?x=1", "openai-chat", step, ("x-key", "canary"))


def test_every_format_is_answered() -> None:
    assert {row[4] for row in ROWS} == set(ANSWERS)
