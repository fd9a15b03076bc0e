"""The loopback provider, asked by httpx over real sockets on both event loops."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import httpx
import msgspec
import pytest
import trustme
from anyio.abc import ByteStream

from aigw_drivers.loopback import LoopbackProvider, Options, RequestRecord
from aigw_drivers.loopback.connection import LoopbackConnection
from aigw_drivers.loopback.options import HttpResponse, Piece, cuts, parse_options, plan

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[LoopbackProvider, httpx.AsyncClient]]:
    async with (
        LoopbackProvider.start() as provider,
        httpx.AsyncClient(base_url=provider.base_url, trust_env=False, timeout=120) as client,
    ):
        yield provider, client


def chat(prompt: str = "Say something", stream: bool = False, loopback: Any = None, **more: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": stream, **more}
    return body | ({} if loopback is None else {"loopback": loopback})


def datas(text: str) -> list[Any]:
    """The JSON of each event; ``[DONE]`` as a string."""
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else msgspec.json.decode(line) for line in lines]


def content(events: list[Any], choice: int = 0) -> str:
    return "".join(
        part["delta"].get("content") or ""
        for event in events
        if isinstance(event, dict)
        for part in event.get("choices", [])
        if part["index"] == choice
    )


async def raw_answer(provider: LoopbackProvider, body: dict[str, Any]) -> tuple[bytes, str]:
    """All bytes of one answer and how the connection ended: "eof" or "reset"."""
    data = msgspec.json.encode(body)
    async with await anyio.connect_tcp(provider.host, provider.port) as stream:
        await stream.send(
            b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(data)) + data
        )
        return await drained(stream)


async def drained(stream: ByteStream) -> tuple[bytes, str]:
    """All bytes up to the end of the connection, and which end it was."""
    got = b""
    try:
        while True:
            got += await stream.receive()
    except anyio.EndOfStream:
        return got, "eof"
    except anyio.BrokenResourceError:
        return got, "reset"


async def ended(provider: LoopbackProvider, number: int = -1) -> RequestRecord:
    seen = provider.seen[number]
    with anyio.fail_after(120):
        await provider.until(lambda: seen.how is not None)
    return seen


# -- what it says -----------------------------------------------------------------------------------------------


async def test_chat_says_the_same_whole_and_streamed() -> None:
    async with running() as (_, client):
        whole = (await client.post(CHAT, json=chat())).json()
        again = (await client.post(CHAT, json=chat())).json()
        other = (await client.post(CHAT, json=chat("Say something else"))).json()
        assert whole == again
        text = whole["choices"][0]["message"]["content"]
        assert text != other["choices"][0]["message"]["content"]
        answer = await client.post(CHAT, json=chat(stream=True, stream_options={"include_usage": True}))
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["transfer-encoding"] == "chunked"
        events = datas(answer.text)
        assert content(events) == text
        assert events[-1] == "[DONE]"
        assert events[-2]["choices"] == []
        assert events[-2]["usage"] == whole["usage"]
        assert events[-3]["choices"][0]["finish_reason"] == "stop"
        assert whole["usage"]["completion_tokens"] == len(text.split()) == len(events) - 4
        assert whole["usage"]["prompt_tokens"] == 3  # the role counts too
        assert whole["usage"]["total_tokens"] == 3 + len(text.split())


async def test_chat_with_choices_limits_and_tools() -> None:
    async with running() as (_, client):
        body = chat(n=2, max_tokens=5, loopback={"chunks": 9})
        whole = (await client.post(CHAT, json=body)).json()
        texts = [choice["message"]["content"] for choice in whole["choices"]]
        assert [len(text.split()) for text in texts] == [5, 5]
        assert texts[0] != texts[1]
        assert {choice["finish_reason"] for choice in whole["choices"]} == {"length"}
        events = datas((await client.post(CHAT, json=body | {"stream": True})).text)
        assert [content(events, number) for number in (0, 1)] == texts

        schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
        tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
        assert (await client.post(CHAT, json=chat(tools=tools))).json()["choices"][0]["finish_reason"] == "stop"
        body = chat(tools=tools, tool_choice="required")
        choice = (await client.post(CHAT, json=body)).json()["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        call = choice["message"]["tool_calls"][0]["function"]
        made = msgspec.json.decode(call["arguments"])
        assert (call["name"], set(made), type(made["days"])) == ("weather", {"city", "days"}, int)
        events = datas((await client.post(CHAT, json=body | {"stream": True})).text)
        deltas = [event["choices"][0]["delta"] for event in events[:-1]]
        calls = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
        assert calls[0] == {"name": "weather", "arguments": ""}
        assert "".join(part["arguments"] for part in calls) == call["arguments"]


async def test_responses() -> None:
    async with running() as (_, client):
        body: dict[str, Any] = {"model": "m", "input": "Say something"}
        whole = (await client.post("/v1/responses", json=body)).json()
        text = whole["output"][0]["content"][0]["text"]
        assert whole["status"] == "completed"
        assert whole["usage"]["output_tokens"] == len(text.split())
        events = datas((await client.post("/v1/responses", json=body | {"stream": True})).text)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta") == text
        assert events[-1] == {"type": "response.completed", "sequence_number": len(events) - 1, "response": whole}
        tools = [{"type": "function", "name": "f", "parameters": {"properties": {"a": {"type": "boolean"}}}}]
        body |= {"tools": tools, "tool_choice": "required"}
        item = (await client.post("/v1/responses", json=body)).json()["output"][0]
        assert (item["type"], item["name"]) == ("function_call", "f")
        events = datas((await client.post("/v1/responses", json=body | {"stream": True})).text)
        deltas = [e["delta"] for e in events if e["type"] == "response.function_call_arguments.delta"]
        assert "".join(deltas) == item["arguments"]
        cut = (await client.post("/v1/responses", json={"input": "x", "max_output_tokens": 2})).json()
        assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


async def test_messages() -> None:
    async with running() as (_, client):
        body: dict[str, Any] = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}
        whole = (await client.post("/v1/messages", json=body)).json()
        text = whole["content"][0]["text"]
        assert (whole["stop_reason"], whole["usage"]["output_tokens"]) == ("end_turn", len(text.split()))
        events = datas((await client.post("/v1/messages", json=body | {"stream": True})).text)
        kinds = [event["type"] for event in events]
        assert kinds[:3] == ["message_start", "content_block_start", "ping"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        assert "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta") == text
        assert events[-2]["usage"]["output_tokens"] == len(text.split())
        tools = [{"name": "f", "input_schema": {"properties": {"a": {"enum": ["x"]}}}}]
        body |= {"tools": tools, "tool_choice": {"type": "any"}}
        whole = (await client.post("/v1/messages", json=body)).json()
        assert (whole["stop_reason"], whole["content"][0]["input"]) == ("tool_use", {"a": "x"})
        events = datas((await client.post("/v1/messages", json=body | {"stream": True})).text)
        parts = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
        assert msgspec.json.decode("".join(parts)) == {"a": "x"}


async def test_other_routes_and_refusals() -> None:
    async with running() as (_, client):
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/v1/models")).json()["data"][0]["id"] == "loopback-1"
        missing = await client.get("/v2")
        assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
        wrong = await client.get(CHAT)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        for path, content_ in ((CHAT, b"{"), (CHAT, b"[]"), (CHAT, b"{}"), ("/v1/responses", b"{}")):
            bad = await client.post(path, content=content_)
            assert (bad.status_code, bad.json()["error"]["type"]) == (400, "invalid_request_error")
        bad = await client.post("/v1/messages", json={"messages": [{}]})
        assert (bad.status_code, bad.json()["error"]["message"]) == (400, "max_tokens: Field required")


# -- what it does on request ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"delay": 1}, "delay"),
        ({"delay_ms": -1}, "$.delay_ms"),
        ({"how": "explode"}, "$.how"),
        ({"split": 0}, "$.split"),
        ({"split": "words"}, "$.split"),
        ({"fail_times": 1}, "key"),
        ([], "object"),
    ],
)
async def test_unknown_options_are_refused_by_name(value: Any, named: str) -> None:
    async with running() as (_, client):
        refused = await client.post(CHAT, json=chat(loopback=value))
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["param"] == "loopback"
    assert named in error["message"]
    assert "Allowed are: delay_ms, first_chunk_delay_ms" in error["message"]


async def test_chunks_of_a_given_number_and_size() -> None:
    async with running() as (_, client):
        events = datas(
            (await client.post(CHAT, json=chat(stream=True, loopback={"chunks": 7, "chunk_bytes": 50}))).text
        )
    deltas = [event["choices"][0]["delta"].get("content") for event in events[1:-2]]
    assert [len(delta) for delta in deltas] == [50] * 7


async def test_failures_with_a_status_and_a_number_of_times() -> None:
    async with running() as (_, client):
        failed = await client.post(CHAT, json=chat(loopback={"status": 429, "retry_after": 3}))
        assert (failed.status_code, failed.headers["retry-after"]) == (429, "3")
        assert failed.json()["error"]["type"] == "rate_limit_error"
        options = {"fail_times": 2, "key": "k", "status": 500}
        statuses = [(await client.post(CHAT, json=chat(loopback=options))).status_code for _ in range(3)]
        assert statuses == [500, 500, 200]
        assert (await client.post(CHAT, json=chat(loopback={"fail_times": 1, "key": "j"}))).status_code == 503
        assert (await client.post(CHAT, json=chat(loopback={"status": 304}))).content == b""
        error = (await client.post("/v1/messages", json={"loopback": {"status": 529}})).json()["error"]
        assert error["type"] == "overloaded_error"


@pytest.mark.parametrize("split", ["bytes", "odd", 3, None])
@pytest.mark.parametrize(
    "shape",
    [{}, {"close_delimited": True}, {"content_length": True}, {"gzip": True}, {"gzip": True, "content_length": True}],
)
async def test_framings_and_cuts_carry_the_same_text(shape: dict[str, Any], split: Any) -> None:
    async with running() as (provider, client):
        plain = await client.post(CHAT, json=chat(stream=True, loopback={"chunks": 4}))
        loopback = {"chunks": 4, "split": split, **shape}
        answer = await client.post(CHAT, json=chat(stream=True, loopback=loopback))
        assert answer.text == plain.text
        assert ("content-length" in answer.headers) == bool(shape.get("content_length"))
        assert ("transfer-encoding" in answer.headers) == (
            "content_length" not in shape and "close_delimited" not in shape
        )
        assert (answer.headers.get("content-encoding") == "gzip") == bool(shape.get("gzip"))
        seen = await ended(provider)
        assert seen.how == "complete"
        assert seen.bytes_sent > 300


@pytest.mark.parametrize(("name", "end"), [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")])
async def test_line_ends(name: str, end: str) -> None:
    async with running() as (_, client):
        answer = await client.post(CHAT, json=chat(stream=True, loopback={"line_end": name, "chunks": 2}))
    assert answer.text.endswith(f"data: [DONE]{end}{end}")
    assert {character for character in answer.text if character in "\r\n"} == set(end)


async def test_streams_without_their_end_and_with_errors() -> None:
    async with running() as (_, client):
        text = (await client.post(CHAT, json=chat(stream=True, loopback={"no_done": True}))).text
        assert "[DONE]" not in text
        assert '"finish_reason":"stop"' in text
        events = datas((await client.post(CHAT, json=chat(stream=True, loopback={"error_event_after_chunks": 2}))).text)
        assert len(events) == 4
        assert events[-1]["error"]["type"] == "server_error"
        for path, last in (("/v1/responses", "response.failed"), ("/v1/messages", "error")):
            body = chat(stream=True, loopback={"error_event_after_chunks": 1}, input="x", max_tokens=9)
            assert datas((await client.post(path, json=body)).text)[-1]["type"] == last
        text = (await client.post(CHAT, json=chat(stream=True, loopback={"huge_line_bytes": 300_000}))).text
        assert text == "data: ".ljust(300_000, "x")


@pytest.mark.parametrize("chunks", [0, 2])
@pytest.mark.parametrize(("how", "end"), [("close", "eof"), ("reset", "reset"), ("mid_chunk", "eof")])
@pytest.mark.parametrize("stream", [True, False])
async def test_broken_connections(how: str, end: str, chunks: int, stream: bool) -> None:
    async with running() as (provider, _):
        body = chat(stream=stream, loopback={"break_after_chunks": chunks, "how": how})
        got, ending = await raw_answer(provider, body)
        seen = await ended(provider)
    assert ending == end
    assert seen.how == how
    assert seen.cancelled_at is None
    if how != "reset":  # what was sent before a reset may be lost
        assert len(got) == seen.bytes_sent
        assert got.count(b'"content":" ') + got.count(b'"content":"T') <= chunks
        assert b"[DONE]" not in got
        assert not got.endswith(b"\r\n0\r\n\r\n")
        assert got.endswith(b'data: {"cut":') == (how == "mid_chunk")


class ClosedStream:
    """A stream whose socket the event loop has closed."""

    def extra(self, attribute: object) -> socket.socket:
        closed = socket.socket()
        closed.close()
        return closed

    async def aclose(self) -> None:
        pass


async def test_a_client_whose_own_reset_came_first_ends_nothing_else() -> None:
    async with running() as (provider, _):
        connection = LoopbackConnection(provider, cast("ByteStream", ClosedStream()), 1)
        connection._reset = True
        await connection._close()


async def test_garbage() -> None:
    async with running() as (provider, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(CHAT, json=chat(loopback={"garbage": True}))
        assert (await ended(provider)).how == "garbage"


@pytest.mark.parametrize(
    "loopback",
    [
        {"delay_ms": 3_000_000},
        {"first_chunk_delay_ms": 3_000_000},
        {"chunk_delay_ms": 3_000_000},
        {"stall_after_chunks": 1},
        {"huge_line_bytes": 1 << 26},
    ],
)
async def test_a_caller_who_goes_away_is_noticed_at_once(loopback: dict[str, Any]) -> None:
    """While it sleeps and while it writes to a caller who reads nothing."""
    async with running() as (provider, _):
        data = msgspec.json.encode(chat(stream=True, loopback=loopback))
        stream = await anyio.connect_tcp(provider.host, provider.port)
        await stream.send(
            b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(data)) + data
        )
        if "delay_ms" not in loopback:
            await stream.receive(10)
        await provider.until(lambda: bool(provider.seen))
        assert provider.seen[0].how is None
        await stream.aclose()
        seen = await ended(provider)
        assert seen.how == "cancelled"
        assert seen.cancelled_at is not None
        await provider.until(lambda: provider.open_connections == 0)


# -- connections ------------------------------------------------------------------------------------------------


async def test_what_was_seen() -> None:
    async with running() as (provider, client):
        for _ in range(2):
            await client.post(CHAT + "?a=b", json=chat(), headers={"authorization": "Bearer x"})
        async with httpx.AsyncClient(base_url=provider.base_url, trust_env=False) as other:
            await other.get("/healthz", headers={"connection": "close"})
        for number in range(3):
            await ended(provider, number)
        assert [(seen.connection, seen.request, seen.method, seen.path, seen.how) for seen in provider.seen] == [
            (1, 1, "POST", CHAT, "complete"),
            (1, 2, "POST", CHAT, "complete"),
            (2, 1, "GET", "/healthz", "complete"),
        ]
        assert ("authorization", "Bearer x") in provider.seen[0].headers
        assert msgspec.json.decode(provider.seen[0].body) == chat()
        assert provider.connections == 2


async def test_the_records_are_bounded() -> None:
    async with LoopbackProvider.start(keep=2) as provider:
        async with httpx.AsyncClient(base_url=provider.base_url, trust_env=False) as client:
            for _ in range(3):
                await client.get("/healthz")
        assert [seen.request for seen in provider.seen] == [2, 3]


async def test_pipelined_requests_old_versions_and_expectations() -> None:
    async with running() as (provider, _), await anyio.connect_tcp(provider.host, provider.port) as stream:
        await stream.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" * 2)
        got = b""
        while got.count(b"ok\n") < 2:
            got += await stream.receive()
        await stream.send(b"POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
        assert (await stream.receive()).startswith(b"HTTP/1.1 100 ")
        await stream.send(b"z")
        got = b""
        while not got.endswith(b"}}"):
            got += await stream.receive()
        assert got.startswith(b"HTTP/1.1 404 ")
        await stream.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        got, ending = await drained(stream)
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(b"ok\n")
        assert ending == "eof"


async def test_what_is_not_http_is_refused() -> None:
    async with running() as (provider, _):
        async with await anyio.connect_tcp(provider.host, provider.port) as stream:
            await stream.send(b"hello\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
        assert provider.seen == []


async def test_under_tls(tmp_path: Any) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with LoopbackProvider.start("localhost", ssl_context=server) as provider:
        assert provider.base_url.startswith("https://localhost:")
        async with httpx.AsyncClient(base_url=provider.base_url, verify=trusted, trust_env=False) as client:
            for loopback in ({}, {"close_delimited": True}):
                answer = await client.post(CHAT, json=chat(stream=True, loopback=loopback))
                assert answer.text.endswith("[DONE]\n\n")
            with pytest.raises(httpx.TransportError):
                await client.post(CHAT, json=chat(stream=True, loopback={"break_after_chunks": 1, "how": "reset"}))


async def test_running_requests_end_with_the_provider() -> None:
    async with LoopbackProvider.start() as provider:
        stream = await anyio.connect_tcp(provider.host, provider.port)
        await stream.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        await stream.receive()
        data = msgspec.json.encode(chat(loopback={"delay_ms": 3_000_000}))
        await stream.send(
            b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(data)) + data
        )
        await provider.until(lambda: len(provider.seen) == 2)
    assert [seen.how for seen in provider.seen] == ["complete", "shutdown"]
    await stream.aclose()
    with pytest.raises(OSError):
        socket.create_connection((provider.host, provider.port)).close()


# -- pure parts -------------------------------------------------------------------------------------------------


def test_cuts() -> None:
    data = bytes(range(100))
    assert [len(piece) for piece in cuts(data, "odd")] == [1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11]
    assert [len(piece) for piece in cuts(data, 40)] == [40, 40, 20]
    assert len(cuts(data, "bytes")) == 100
    assert b"".join(cuts(data, "odd")) == data


def test_delays_stand_before_chunks() -> None:
    answer = HttpResponse(200, "text/event-stream", [Piece(b"a"), *[Piece(b"b", chunk=True)] * 3, Piece(b"c")], b"done")
    planned = plan(answer, Options(first_chunk_delay_ms=500, chunk_delay_ms=20))
    assert planned.steps == [(0, b"a"), (0.5, b"b"), (0.02, b"b"), (0.02, b"b"), (0, b"c"), (0, b"done")]
    assert planned.ending == "end"
    late = plan(answer, Options(break_after_chunks=4))  # there are only three
    assert (len(late.steps), late.ending) == (6, "end")
    first = plan(answer, Options(break_after_chunks=2, how="reset", stall_after_chunks=1))
    assert (first.steps, first.ending) == ([(0, b"a"), (0, b"b")], "stall")


def test_options_have_defaults() -> None:
    assert parse_options({}) == Options()
