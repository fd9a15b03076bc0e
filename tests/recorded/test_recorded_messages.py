"""Recorded answers through the whole gateway: the client gets the same messages however the provider's bytes were cut.

The formats of the main job: OpenAI chat, Anthropic messages, Workers AI. Recordings come from ``AIGW_FIXTURES``; Workers
AI has none there, so one is written here.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.effects import Connect
from aigw_sansio.gateway import Gateway
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import TextMessage, WebSocketWire

UPGRADE = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
FORMATS = {
    "openai-chat": ("openai", "chat/completions"),
    "anthropic-messages": ("anthropic", "v1/messages"),
    "groq": ("groq", "chat/completions"),
}
LARGEST = 12_000  #: bytes of a recording that is cut at every byte; larger ones are cut in fewer places

WORKERS_AI = (
    b'data: {"response":"Hel","p":"abdefghij"}\n\ndata: {"response":"lo \xf0\x9f\x91\x8b","p":"abd"}\n\n'
    b'data: {"response":"","usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\ndata: [DONE]\n\n'
)


def recordings() -> Iterator[tuple[str, str, str, bytes, int, str]]:
    """(name, provider, endpoint, body, status, content type)."""
    yield "workers-ai", "workers-ai", "@cf/meta/llama", WORKERS_AI, 200, "text/event-stream"
    root = os.environ.get("AIGW_FIXTURES")
    if not root:
        return
    for format, (provider, endpoint) in FORMATS.items():
        for path in sorted((Path(root) / format).iterdir()):
            if path.name.endswith(".meta.json") or path.suffix not in (".sse", ".json"):
                continue
            meta = path.with_name(path.name + ".meta.json")
            said = json.loads(meta.read_text()) if meta.exists() else {}
            status = int(said.get("status") or 200)
            kind = "text/event-stream" if path.suffix == ".sse" else "application/json"
            yield f"{format}/{path.name}", provider, endpoint, path.read_bytes(), status, kind


def messages(provider: str, endpoint: str, status: int, content_type: str, reads: list[bytes]) -> list[bytes]:
    """The messages that the client receives when the provider's body comes in ``reads``."""
    settings = {provider: ProviderSettings(base_url="http://127.0.0.1:9")}
    gateway = Gateway(Config(providers=settings), b"the same seed for all", 1_700_000_000.0)
    client = gateway.open_downstream("peer", None, 0.0)
    gateway.receive_data(client, UPGRADE, 0.0)
    step = {"eventId": "e", "provider": provider, "endpoint": endpoint, "query": {"stream": True}}
    create = json.dumps({"type": "universal.create", "request": step}).encode()
    gateway.receive_data(
        client, WebSocketWire(Role.CLIENT, message_limit=1 << 20, mask_key=lambda: b"mask").text(create), 0.0
    )
    up = next(effect.conn for effect in gateway.effects() if isinstance(effect, Connect))
    gateway.connected(up, None, 0.0)
    while data := gateway.data_to_send(up):
        gateway.data_sent(up, len(data), 0.0)
    length = sum(map(len, reads))
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    sent = b""
    for read in [head.encode(), *reads]:
        gateway.receive_data(up, read, 0.0)
        while data := gateway.data_to_send(client):
            sent += data
            gateway.data_sent(client, len(data), 0.0)
    wire = WebSocketWire(Role.CLIENT, message_limit=1 << 30, mask_key=lambda: b"mask")
    body = sent[sent.index(b"\r\n\r\n") + 4 :]
    found = [event.data for event in wire.receive_data(body) if isinstance(event, TextMessage)]
    assert gateway.snapshot()["exchanges"] == 0
    return found


@pytest.mark.parametrize(
    ("provider", "endpoint", "body", "status", "content_type"),
    [pytest.param(*rest, id=name) for name, *rest in recordings()],
)
def test_the_messages_do_not_depend_on_the_cuts(
    provider: str, endpoint: str, body: bytes, status: int, content_type: str
) -> None:
    whole = messages(provider, endpoint, status, content_type, [body])
    kinds = [json.loads(message)["type"] for message in whole]
    assert kinds[-1] in ("universal.done", "universal.created", "universal.error")
    assert kinds.count("universal.done") + kinds.count("universal.error") <= 1
    single = [body[i : i + 1] for i in range(len(body))] if len(body) <= LARGEST * 4 else []
    if single:
        assert messages(provider, endpoint, status, content_type, single) == whole
    cuts = range(1, len(body), 1 if len(body) <= 1500 else len(body) // 60 + 1)
    for at in cuts:
        assert messages(provider, endpoint, status, content_type, [body[:at], body[at:]]) == whole, f"cut at {at}"


def test_there_are_recordings() -> None:
    if not os.environ.get("AIGW_FIXTURES"):
        pytest.skip("AIGW_FIXTURES names no folder of recorded answers")
    assert len(list(recordings())) > 60
