"""A server that keeps records, on real sockets."""

import json
import logging
from pathlib import Path

import anyio
import msgspec
import pytest

from aigw_drivers.client import connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.observe.observed import observed, with_observation
from aigw_drivers.server.observe.otlp import OtelSettings
from aigw_drivers.server.observe.places import RecordSettings
from aigw_drivers.server.observe.queries import query
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings, read_settings
from aigw_sansio import Answer, Config, Event, ExchangeEnded, Metrics, Question, ReadMetrics, Secret, Unavailable

pytestmark = pytest.mark.anyio
FILE = """
[server]
port = 0
[gateways."acme/main"]
authentication = false
[gateways."acme/silent"]
authentication = false
collect_logs = false
[records]
to = ["file:records.jsonl", "sqlite:records.db"]
[providers.custom-loop]
base_url = "URL/v1"
api_key = "canary-of-a-key"
[providers.custom-talk]
realtime_url = "WS"
"""


def settings(folder: Path, provider: LoopbackProvider, more: str = "") -> Settings:
    text = FILE.replace("[providers.custom-loop]", f"{more}\n[providers.custom-loop]")
    text = text.replace("URL", provider.base_url).replace("WS", provider.base_url.replace("http", "ws", 1))
    return read_settings(text.encode(), file=str(folder / "aigw.toml"), environ={})


BOUNDS = """
queue_rows = 5
sqlite_rows = 1
[limits]
record_payload_bytes = 20
[gateways."acme/full"]
authentication = false
collect_log_payload = true
"""


def create(event_id: str, headers: dict[str, str]) -> str:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    step = {
        "eventId": event_id, "provider": "custom-loop", "endpoint": "chat/completions", "query": body, "headers": headers,
    }  # fmt: skip
    return json.dumps({"type": "universal.create", "request": step})


async def ask(url: str, event_id: str, **headers: str) -> None:
    async with connect(url) as client:
        await client.send(create(event_id, headers))
        while True:
            message = json.loads(await client.receive())
            if message["type"] == "universal.done":
                return


async def test_exchanges_and_realtime_sessions_are_in_every_place(tmp_path: Path) -> None:
    events: list[Event] = []
    async with LoopbackProvider.start() as provider:
        own = settings(tmp_path, provider)
        with anyio.fail_after(120):
            async with running(own, on_event=events.append) as gateway:
                metadata = {"cf-aig-metadata": '{"team":"blue"}', "cf-aig-collect-log-payload": "true"}
                await ask(f"{gateway.url}/v1/acme/main", "a", **metadata)
                await ask(f"{gateway.url}/v1/acme/silent", "b")
                await ask(f"{gateway.url}/v1/acme/silent", "c", **{"cf-aig-collect-log": "true"})
                await ask(f"{gateway.url}/v1/acme/main", "d", **{"cf-aig-collect-log": "false"})
                async with connect(f"{gateway.url}/v1/acme/main/custom-talk/echo?model=m") as client:
                    await client.send("hello")
                    await client.receive()
                await gateway.drain()
    found = [query(str(tmp_path / name), []) for name in ("records.jsonl", "records.db")]
    assert found[0].rows == found[1].rows
    assert (found[0].readable, found[0].unreadable) == (len(found[0].rows), 0)
    rows = found[0].rows
    assert [(row.kind, row.event_id, row.gateway) for row in rows] == [
        ("exchange", "a", "main"), ("exchange", "c", "silent"), ("realtime", None, "main"),
    ]  # fmt: skip
    first, _, session = rows
    assert (first.provider, first.model, first.success, first.status_code) == ("custom-loop", "m", True, 200)
    assert (first.metadata, first.key, len(first.attempts)) == ({"team": "blue"}, "stored", 1)
    assert first.request_head is not None
    assert json.loads(first.request_head)["model"] == "m"
    assert first.response_head is not None
    assert first.response_head.startswith("{")
    assert (session.messages_in, session.messages_out, session.success) == (1, 1, True)
    assert b"canary" not in (tmp_path / "records.jsonl").read_bytes()
    assert len([event for event in events if isinstance(event, ExchangeEnded)]) == 4


async def test_the_bounds_of_records(tmp_path: Path) -> None:
    async with LoopbackProvider.start() as provider:
        with anyio.fail_after(120):
            async with running(settings(tmp_path, provider, BOUNDS)) as gateway:
                await ask(f"{gateway.url}/v1/acme/full", "a")
                await ask(f"{gateway.url}/v1/acme/full", "b")
    rows = query(str(tmp_path / "records.jsonl"), []).rows
    assert [row.event_id for row in rows] == ["a", "b"]
    assert query(str(tmp_path / "records.db"), []).rows == rows[1:]
    for row in rows:
        assert row.request_head == '{"model": "m", "stre'
        assert not row.request_head_complete
        assert row.response_head is not None
        assert len(row.response_head) == 20


async def test_a_place_that_cannot_be_used_is_told_before_anything_starts(tmp_path: Path) -> None:
    async with LoopbackProvider.start() as provider:
        own = settings(tmp_path, provider)
        (tmp_path / "records.db").mkdir()
        with pytest.raises(OSError, match=r"records\.db"):
            async with running(own):
                pass


async def test_a_disk_that_is_full_takes_nothing_from_a_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with LoopbackProvider.start() as provider:
        own = settings(tmp_path, provider)
        places = msgspec.structs.replace(own.records, to=("file:/dev/full", own.records.to[1]))
        own = msgspec.structs.replace(own, records=places)
        with caplog.at_level(logging.WARNING, "aigw.records"), anyio.fail_after(120):
            async with running(own) as gateway:
                await ask(f"{gateway.url}/v1/acme/main", "a")
    assert "cannot be written to /dev/full" in caplog.text
    assert [row.event_id for row in query(str(tmp_path / "records.db"), []).rows] == ["a"]


async def read(url: str, path: str, *fields: str) -> tuple[int, str]:
    """The response to a plain request."""
    host, _, port = url.removeprefix("ws://").partition(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send("\r\n".join([f"GET {path} HTTP/1.1", "host: localhost", *fields, "", ""]).encode())
        data = b""
        while True:
            try:
                data += await stream.receive()
            except anyio.EndOfStream:
                break
    head, _, body = data.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


async def test_metrics_on_a_socket(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    async with LoopbackProvider.start() as provider:
        own = settings(tmp_path, provider)
        server = msgspec.structs.replace(own.server, metrics=True, metrics_token=Secret("a-token-of-metrics"))
        with anyio.fail_after(120):
            async with running(msgspec.structs.replace(own, server=server)) as gateway:
                await ask(f"{gateway.url}/v1/acme/main", "a")
                assert (await read(gateway.url, "/metrics"))[0] == 401
                status, text = await read(gateway.url, "/metrics", "authorization: Bearer a-token-of-metrics")
            async with running(own) as gateway:
                assert (await read(gateway.url, "/metrics"))[0] == 404
    assert status == 200
    assert 'aigw_exchanges_total{end="done",error="",gateway="acme/main",model="m",provider="custom-loop"} 1.0' in text
    assert "aigw_connections 2.0" in text
    assert "aigw_upstream_idle_connections 1.0" in text
    assert "aigw_records_lost_total 0.0" in text
    assert "process_resident_memory_bytes" in text


async def test_the_page_on_a_socket(tmp_path: Path) -> None:
    async with LoopbackProvider.start() as provider:
        own = settings(tmp_path, provider)
        with anyio.fail_after(120):
            async with running(own) as gateway:
                for path, start in (("/", "<!doctype html>"), ("/page/script.js", "//"), ("/page/style.css", ":root")):
                    status, text = await read(gateway.url, path)
                    assert status == 200
                    assert text.startswith(start)
                assert (await read(gateway.url, "/page/nothing"))[0] == 404
                host, _, port = gateway.url.removeprefix("ws://").partition(":")
                async with await anyio.connect_tcp(host, int(port)) as stream:
                    await stream.send(b"GET /page/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
                    data = b""
                    while data.count(b"data: {") < 2:
                        data += await stream.receive()
            server = msgspec.structs.replace(own.server, page="off")
            async with running(msgspec.structs.replace(own, server=server)) as gateway:
                assert (await read(gateway.url, "/"))[0] == 404


async def test_without_settings_nothing_is_listened_to_and_questions_go_to_the_host() -> None:
    def then(event: Event) -> None:
        """Told of an event."""

    async def answer(question: Question) -> Answer:
        return Metrics(b"the host's")

    async with observed(ServerSettings(page="off"), RecordSettings(), OtelSettings(), then, answer) as own:
        assert own.told is then
        assert await own.answer(ReadMetrics()) == Metrics(b"the host's")
    async with observed(ServerSettings(page="off"), RecordSettings(), OtelSettings()) as own:
        assert own.told is None
        assert await own.answer(ReadMetrics()) == Unavailable()
    config = with_observation(Config(), ServerSettings(page="off"), RecordSettings(), OtelSettings())
    assert config == Config()
