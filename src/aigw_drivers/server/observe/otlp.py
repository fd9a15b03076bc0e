"""The table ``[otel]`` of the settings, and the ways of what is told to a collector (OTLP over HTTP).

Decides: where traces, metrics and logs go, and that they are sent beside the traffic. Must not know: what they tell.

The library's own queues hold what waits: 2,048 spans and as many logs; more are dropped.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec

from aigw_sansio import Event
from aigw_sansio.checks import Check

from ...core.threads import no_thread_is_an_os_error
from ..toml_values import EnvironmentText, Table, ValueReader
from .rows import Row

if TYPE_CHECKING:
    from .telemetry import Telemetry

logger = logging.getLogger("aigw.otel")

#: The keys of its table.
OTEL_KEYS: Final = ("endpoint", "headers", "service_name")
_URL: Final = r"https?://[^\s/?#@]+(?:/[^\s?#]*)?"


class OtelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``endpoint``: of the collector, to which ``/v1/traces``, ``/v1/metrics`` and ``/v1/logs`` are added; ``None``:
    nothing is told. ``headers`` may hold keys, so ``repr`` shows their names only."""

    endpoint: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    service_name: str = "aigw"

    def __post_init__(self) -> None:
        check = Check(self, "otel")
        check.form("endpoint", _URL, "is no endpoint; allowed is http(s)://HOST[:PORT][/PATH]")
        check.done()

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return f"OtelSettings(endpoint={self.endpoint!r}, headers={names!r}, service_name={self.service_name!r})"


def read_otel(reader: ValueReader, document: Table, built: Callable[..., OtelSettings]) -> tuple[OtelSettings, bool]:
    """The table ``[otel]`` of ``document``, and whether it holds secrets. ``built`` makes the settings and tells the
    errors."""
    table = reader.table("otel", document)
    reader.known("otel", table, OTEL_KEYS)
    found: Table = {}
    secrets = False
    for name in ("endpoint", "service_name"):
        if name in table and (text := reader.string(f"otel.{name}", table[name])) is not None:
            found[name] = str(text)
    headers = []
    for name, value in reader.table("otel.headers", table, "headers").items():
        if (text := reader.string(f"otel.headers.{name}", value)) is not None:
            headers.append((name, str(text)))
            secrets |= not isinstance(text, EnvironmentText)
    if headers:
        found["headers"] = headers
    return built("otel", OtelSettings, **found), secrets


class Exporters:
    """Sends traces and metrics, and records if they are wanted as logs. Call :meth:`close` at the end."""

    def __init__(self, settings: OtelSettings, *, worker: int | None = None) -> None:
        """``worker``: the number of this worker among others of the same service. Raises ``ImportError`` if the extra
        is missing."""
        try:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk._logs import LoggerProvider
            from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise ImportError("[otel] needs the extra `otel`: pip install 'aigw[otel]'") from error
        from .telemetry import GivenIds

        base, headers = (settings.endpoint or "").rstrip("/"), dict(settings.headers)
        # Each process is an instance: a collector would add up, or overwrite, counters of the same one.
        told: dict[str, str | int] = {"service.name": settings.service_name, "service.instance.id": str(uuid4())}
        if worker is not None:
            told["aigw.worker"] = worker
        resource = Resource.create(told)
        self.tracers = TracerProvider(resource=resource, id_generator=GivenIds(), shutdown_on_exit=False)
        self.tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", headers=headers)))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics", headers=headers))
        self.meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self.logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{base}/v1/logs", headers=headers)))

    def telemetry(self, then: Callable[[Event], None] | None) -> "Telemetry":
        """What is to be called with each event; it calls ``then`` afterwards."""
        from .telemetry import Telemetry

        return Telemetry(self.tracers, self.meters, then)

    def close(self, within_s: float) -> None:
        """Send what waits, and end. What the collector has not taken ``within_s`` is lost. It blocks.

        The library waits up to 30 s for each of the three. So each has a thread, which is given up: it does not keep
        the process from ending. Raises ``OSError`` if there is no thread.
        """
        until = time.monotonic() + within_s
        ends = {
            "traces": self.tracers.shutdown,
            "metrics": partial(self.meters.shutdown, within_s * 1000),
            "logs": self.logs.shutdown,
        }
        with no_thread_is_an_os_error():
            threads = [
                threading.Thread(target=_end, args=(what, end), name=f"aigw-otel-{what}", daemon=True)
                for what, end in ends.items()
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        late = [what for what, thread in zip(ends, threads, strict=True) if thread.is_alive()]
        if late:
            logger.warning("the collector did not take all in time: %s are lost", ", ".join(late))


def _end(what: str, end: Callable[[], object]) -> None:
    try:
        end()
    except Exception as error:  # the library raises plain ones if a reader cannot send
        logger.warning("%s are lost: %s", what, error)


class LogSink:
    """Records as logs of OpenTelemetry. See :class:`.sinks.Sink`."""

    name = "otel"

    def __init__(self, exporters: Exporters) -> None:
        self._logger = exporters.logs.get_logger("aigw.records")

    def write(self, rows: Sequence[Row]) -> None:
        """See :meth:`.sinks.Sink.write`. The library drops what finds no room in its queue."""
        from opentelemetry._logs import LogRecord, SeverityNumber

        records = []
        for row in rows:
            fields = msgspec.to_builtins(row)
            plain = {f"aigw.{name}": value for name, value in fields.items() if isinstance(value, str | int | float)}
            nested = {
                f"aigw.{name}": msgspec.json.encode(value).decode()
                for name, value in fields.items()
                if isinstance(value, dict | list) and value
            }
            records.append(
                LogRecord(
                    timestamp=row.unix_ns,
                    severity_number=SeverityNumber.INFO if row.success else SeverityNumber.WARN,
                    severity_text="INFO" if row.success else "WARN",
                    body=f"{row.provider or ''} {row.model or ''} {row.error or row.end}".strip(),
                    attributes=plain | nested,
                    event_name="aigw.record",
                )
            )
        for record in records:  # when all are made: a row that cannot be told leaves none of them told
            self._logger.emit(record)

    def close(self) -> None:
        """See :meth:`.sinks.Sink.close`. Its exporter is closed by who made it."""
