"""Traces and measurements: which spans there are, whose ids they have, and what they tell."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from threading import Event as Gate
from typing import Any

import anyio
import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.rigs.ended_events import BROKEN, WALL, attempt_events, exchange_ended, log_id, session_ended

from aigw_drivers.client import connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.observe.otlp import Exporters, OtelSettings
from aigw_drivers.server.observe.telemetry import GivenIds, Telemetry
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import read_settings
from aigw_sansio import (
    AttemptStarted,
    ConnId,
    Event,
    ProviderEventRead,
    RecordOptions,
    RequestAdmitted,
    ResponseFinished,
    ResponseStarted,
    SessionOpened,
    UsageReported,
)
from aigw_sansio.providers.trace_context import span_id

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Desk:
    def __init__(self) -> None:
        self.now = int(WALL * 1e9)
        self.spans = InMemorySpanExporter()
        tracers = TracerProvider(id_generator=GivenIds(), shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.passed: list[Event] = []
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(tracers, meters, self.passed.append, lambda: self.now)

    def tell(self, *events: Event) -> None:
        for event in events:
            self.telemetry(event)
            self.now += 100_000_000

    def finished(self) -> Sequence[ReadableSpan]:
        return self.spans.get_finished_spans()

    def measured(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = [
            one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics
        ]
        return {one.name: list(one.data.data_points) for one in metrics}


def hexadecimal(span: ReadableSpan) -> tuple[str, str, str | None]:
    assert span.context is not None
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent


def exchange(number: int = 0, **changes: object) -> list[Event]:
    name = log_id(number, WALL + number)
    first, second, third, fourth = attempt_events(number)
    return [
        RequestAdmitted(1, "e", name, 1),
        AttemptStarted(name, 0, 1, "openai", "api.openai.com:8443", "/v1"), first, second,
        AttemptStarted(name, 0, 2, "openai", "api.openai.com:8443", "/v1"), third, fourth,
        exchange_ended(number, attempts=2, **changes),
    ]  # fmt: skip


def test_an_exchange_its_attempts_and_a_dial() -> None:
    desk = Desk()
    said = RecordOptions(metadata={"team": "blue"})
    desk.tell(*exchange(cost=0.5, record=said))
    whole, one, dial, two = desk.finished()
    assert [span.name for span in (whole, one, dial, two)] == ["chat gpt-5", "chat gpt-5", "connect", "chat gpt-5"]
    own = span_id(log_id())
    assert hexadecimal(whole) == (TRACE, own, PARENT)
    assert hexadecimal(one) == (TRACE, span_id(log_id(), 1), own)
    assert hexadecimal(two) == (TRACE, span_id(log_id(), 2), own)
    assert hexadecimal(dial)[::2] == (TRACE, span_id(log_id(), 1))
    assert (whole.start_time, whole.end_time) == (int(WALL * 1e9), int((WALL + 1.5) * 1e9))
    assert dial.start_time is not None
    assert dial.end_time is not None
    assert dial.end_time - dial.start_time == 20_000_000
    assert whole.attributes is not None
    assert dict(whole.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5",
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cost": 0.5, "http.response.status_code": 200, "aigw.metadata.team": "blue", "aigw.account": "acme",
        "aigw.gateway": "main", "aigw.log_id": log_id(), "aigw.attempts": 2, "aigw.end": "done",
    }  # fmt: skip
    assert one.attributes is not None
    assert (one.attributes["server.address"], one.attributes["server.port"]) == ("api.openai.com", 8443)
    assert one.attributes["error.type"] == "connection_lost"
    assert one.status.status_code is StatusCode.ERROR
    assert two.status.status_code is StatusCode.UNSET
    assert len(desk.passed) == 8


def test_without_a_clients_trace_it_is_one_of_its_own() -> None:
    desk = Desk()
    desk.tell(
        *exchange(traceparent=None, fault=BROKEN, request_model=None, endpoint="v1/other", status=None, usage=None)
    )
    whole = desk.finished()[0]
    assert hexadecimal(whole) == (log_id().replace("-", ""), span_id(log_id()), None)
    assert whole.name == "other"
    assert whole.status.status_code is StatusCode.ERROR


def test_a_trace_that_is_not_sampled_has_no_spans() -> None:
    desk = Desk()
    desk.tell(*exchange(traceparent=f"00-{TRACE}-{PARENT}-00"))
    assert desk.finished() == ()
    assert "gen_ai.client.operation.duration" in desk.measured()


def test_measurements() -> None:
    desk = Desk()
    desk.tell(*exchange(0, cost=0.5), *exchange(1, fault=BROKEN, how="error", first_content_s=None))
    measured = desk.measured()
    durations = {dict(one.attributes).get("error.type"): one for one in measured["gen_ai.client.operation.duration"]}
    assert {error: (one.count, one.sum) for error, one in durations.items()} == {
        None: (1, 1.5),
        "connection_lost": (1, 1.5),
    }
    (first,) = measured["gen_ai.client.operation.time_to_first_chunk"]
    assert (first.count, first.sum) == (1, 0.2)
    tokens = {one.attributes["gen_ai.token.type"]: one.sum for one in measured["gen_ai.client.token.usage"]}
    assert tokens == {"input": 20, "output": 10}
    assert measured["aigw.cost"][0].value == 0.5
    assert measured["aigw.exchanges"][0].value == 0


def test_the_turns_of_a_realtime_session() -> None:
    desk = Desk()
    name = log_id()
    desk.tell(
        SessionOpened(2, ConnId(1), "realtime", "acme", "main", "192.0.2.1:5", provider="openai", log_id=name),
        ProviderEventRead(name, ResponseStarted(model="gpt-realtime-1")),
        ProviderEventRead(name, UsageReported(input_tokens=7)),
        ProviderEventRead(name, ResponseFinished("stop")),
        ProviderEventRead(name, ResponseFinished("stop")),
        session_ended(0),
    )
    session, turn = desk.finished()
    assert (session.name, turn.name) == ("realtime gpt-realtime", "realtime gpt-realtime turn")
    assert hexadecimal(turn)[2] == hexadecimal(session)[1] == span_id(name)
    assert turn.attributes is not None
    assert turn.attributes["gen_ai.usage.input_tokens"] == 7
    assert turn.attributes["gen_ai.response.model"] == "gpt-realtime-1"
    assert turn.start_time is not None
    assert turn.end_time is not None
    assert turn.end_time - turn.start_time == 200_000_000
    assert desk.measured()["aigw.sessions"][0].value == 0


def test_what_began_before_it_listened_is_no_error() -> None:
    desk = Desk()
    desk.tell(*attempt_events(), exchange_ended(), session_ended(1))
    assert [span.name for span in desk.finished()] == ["chat gpt-5"]


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, str | None, bytes]]]]:
    """A server that keeps what it is sent: path, key and body."""
    seen: list[tuple[str, str | None, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, self.headers["x-key"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


@pytest.mark.anyio
async def test_a_collector_gets_all_three(tmp_path: Path) -> None:
    with collector() as (url, seen):
        async with LoopbackProvider.start() as provider:
            text = f"""
                [server]
                port = 0
                [otel]
                endpoint = "{url}"
                service_name = "mine"
                headers = {{ x-key = "canary" }}
                [records]
                to = "otel"
                [providers.custom-loop]
                base_url = "{provider.base_url}/v1"
            """
            own = read_settings(text.encode(), file=str(tmp_path / "aigw.toml"), environ={})
            assert "canary" not in repr(own.otel)
            with anyio.fail_after(120):
                async with running(own) as gateway, connect(f"{gateway.url}/v1/local/default") as client:
                    step = {"provider": "custom-loop", "endpoint": "chat/completions", "query": {"model": "m"}}
                    await client.send(json.dumps({"type": "universal.create", "request": step}))
                    await client.receive()
    bodies = {path: body for path, key, body in seen if key == "canary"}
    assert set(bodies) == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert all(b"mine" in body for body in bodies.values())
    assert b"chat m" in bodies["/v1/traces"]
    assert b"gen_ai.client.operation.duration" in bodies["/v1/metrics"]
    assert b"aigw.record" in bodies["/v1/logs"]


def test_a_collector_that_does_not_answer_does_not_keep_the_server(caplog: pytest.LogCaptureFixture) -> None:
    """All three are ended at once, and given up together."""
    exporters = Exporters(OtelSettings(endpoint="http://127.0.0.1:9"))
    began, gate = Barrier(3), Gate()

    def hang(timeout_ms: float = 0) -> None:
        began.wait(60)
        gate.wait()

    ends = exporters.tracers.shutdown, exporters.meters.shutdown, exporters.logs.shutdown
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING, "aigw.otel"):
        for one in (exporters.tracers, exporters.meters, exporters.logs):
            patch.setattr(one, "shutdown", hang)
        exporters.close(0.2)
    assert began.n_waiting == 0
    assert not began.broken
    assert "did not take all in time: traces, metrics, logs are lost" in caplog.text
    gate.set()
    for end in ends:
        end()


def test_a_part_that_cannot_be_ended_leaves_the_others_ended(caplog: pytest.LogCaptureFixture) -> None:
    exporters = Exporters(OtelSettings(endpoint="http://127.0.0.1:9"))
    end = exporters.meters.shutdown

    def fail(timeout_ms: float) -> None:
        end(timeout_ms)
        raise RuntimeError("no reader")

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING, "aigw.otel"):
        patch.setattr(exporters.meters, "shutdown", fail)
        exporters.close(60)
    assert "metrics are lost: no reader" in caplog.text
    assert "in time" not in caplog.text


def test_each_process_is_an_instance_of_the_service() -> None:
    settings = OtelSettings(endpoint="http://127.0.0.1:9", service_name="mine")
    made = [Exporters(settings, worker=worker) for worker in (None, 0, 1)]
    told = [one.tracers.resource.attributes for one in made]
    for one in made:
        one.close(60)
    assert [one["service.name"] for one in told] == ["mine"] * 3
    assert [one.get("aigw.worker") for one in told] == [None, 0, 1]
    assert len({one["service.instance.id"] for one in told}) == 3
    assert all(one.meters._sdk_config.resource.attributes == each for one, each in zip(made, told, strict=True))
