"""What it costs to tell of traffic: each listener, a scrape with many sockets, a database of records.

``python -m tests.benchmarks.observing [--sockets N] [--rows N]``. No network; run it on an idle machine.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from tests.rigs.ended_events import WALL, attempt_events, exchange_ended, log_id

from aigw_drivers.server.observe.metrics import ServerMetrics
from aigw_drivers.server.observe.page import OperatorPage
from aigw_drivers.server.observe.queries import query, read_condition
from aigw_drivers.server.observe.records import Records
from aigw_drivers.server.observe.rows import exchange_row
from aigw_drivers.server.observe.sqlite_sink import SqliteSink
from aigw_sansio import AttemptFirstByte, AttemptStarted, Config, Event, Gateway, RequestAdmitted

BATCH = 1000


def one_exchange(number: int) -> list[Event]:
    """The events of an exchange with one attempt."""
    name = log_id(number, WALL + number)
    _, _, connected, ended = attempt_events(number)
    return [
        RequestAdmitted(1, "e", name, 1, account="acme", gateway="main"),
        AttemptStarted(name, 0, 1, "openai", "api.openai.com", "/v1"),
        msgspec.structs.replace(connected, attempt=1),
        AttemptFirstByte(name, 1, 200, 0.1),
        msgspec.structs.replace(ended, attempt=1),
        exchange_ended(number),
    ]


def microseconds(listener: Callable[[Event], None], exchanges: int = 20_000) -> float:
    """CPU for the events of one exchange."""
    told = [one_exchange(number) for number in range(exchanges)]
    began = time.process_time()
    for events in told:
        for event in events:
            listener(event)
    return (time.process_time() - began) / exchanges * 1e6


def listeners() -> None:
    nothing = microseconds(lambda event: None)
    print(f"nobody listens         {nothing:6.1f} us an exchange, of the measurement itself")
    for name, listener in (
        ("records, without a place", Records(lambda ended: None)),
        ("metrics", ServerMetrics()),
        ("the page", OperatorPage()),
    ):
        print(f"{name:24} {microseconds(listener) - nothing:6.1f} us an exchange")
    try:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.trace import TracerProvider

        from aigw_drivers.server.observe.telemetry import GivenIds, Telemetry
    except ImportError:
        return
    telemetry = Telemetry(
        TracerProvider(id_generator=GivenIds(), shutdown_on_exit=False), MeterProvider(shutdown_on_exit=False)
    )
    print(f"{'OpenTelemetry':24} {microseconds(telemetry, 5000) - nothing:6.1f} us an exchange, without exporting")


def scrape(sockets: int) -> None:
    gateway = Gateway(Config(), os.urandom(32), 0.0)
    for number in range(sockets):
        gateway.open_messages(b"/v1/local/default", f"127.0.0.1:{number}", [(b"host", b"localhost")], [], None, 1.0)
        gateway.effects()
    metrics, page = ServerMetrics(), OperatorPage()
    for number in range(200):
        for event in one_exchange(number):
            metrics(
                msgspec.structs.replace(event, request_model=f"m{number}")
                if number and hasattr(event, "request_model")
                else event
            )
    metrics.watch(partial(gateway.snapshot, weigh=True))
    page.watch(gateway.snapshot)
    for name, call in (
        ("a snapshot", gateway.snapshot),
        ("a scrape", metrics.text),
        ("of which its memory", partial(gateway.snapshot, weigh=True)),
        ("of which the text", lambda: [*metrics._counted()]),
        ("the page's event", lambda: page._state(time.time(), ())),
    ):
        call()
        began = time.process_time()
        for _ in range(5):
            call()
        print(f"{name:24} {(time.process_time() - began) / 5 * 1000:6.1f} ms with {sockets} sockets")
    print(f"{'its text':24} {len(metrics.text()) / 1024:6.0f} KiB with 200 models")


def database(rows: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        sink = SqliteSink(str(path))
        made = 0.0
        began = time.process_time()
        for start in range(0, rows, BATCH):
            making = time.process_time()
            batch = [
                exchange_row(
                    exchange_ended(number, provider=f"p{number % 20}", request_model=f"m{number % 50}"),
                    attempt_events(number),
                )
                for number in range(start, start + BATCH)
            ]
            made += time.process_time() - making
            sink.write(batch)
        spent = time.process_time() - began
        sink.close()
        print(
            f"SQLite, {rows} rows: {rows / (spent - made):.0f} rows a second, {path.stat().st_size / rows:.0f} bytes a row"
        )
        for name, conditions, options in (
            ("the last 20", [], {"last": 20}),
            ("the last 20 of a provider", ["provider=p7"], {"last": 20}),
            (
                "an hour, summed by model",
                [f"created_at>={'2026-01-01T02:00'}", "created_at<2026-01-01T03:00"],
                {"by": ["model"]},
            ),
            ("all, summed by provider", [], {"by": ["provider"]}),
        ):
            began = time.process_time()
            query(str(path), [read_condition(text) for text in conditions], **options)
            print(f"  {name:28} {time.process_time() - began:7.3f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    listeners()
    scrape(options.sockets)
    database(options.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
