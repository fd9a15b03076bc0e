"""What one 200-byte chunk of a chunked body costs: our reader and the whole client wire against h11.

``python -m tests.benchmarks.chunked``. Ratios are taken within one run, from medians of interleaved rounds.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import h11

from aigw_sansio.wires.http import Request
from aigw_sansio.wires.http1.chunked import ChunkedReader
from aigw_sansio.wires.http1.client import Http1Client

CHUNKS = 2000
ROUNDS = 9
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def with_reader(reads: list[bytes]) -> int:
    reader = ChunkedReader()
    begun = perf_counter_ns()
    for data in reads:
        reader.feed(data)
    return perf_counter_ns() - begun


def with_wire(reads: list[bytes]) -> int:
    wire = Http1Client(32 * 1024)
    wire.send_request(Request(b"GET", b"http", b"a", b"/", [], b""))
    wire.data_to_send()
    wire.receive_data(HEAD)
    begun = perf_counter_ns()
    for data in reads:
        wire.receive_data(data)
    return perf_counter_ns() - begun


def with_h11(reads: list[bytes]) -> int:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=b"GET", target=b"/", headers=[(b"host", b"a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(HEAD)
    connection.next_event()
    begun = perf_counter_ns()
    for data in reads:
        connection.receive_data(data)
        while connection.next_event() is not h11.NEED_DATA:
            pass
    return perf_counter_ns() - begun


CANDIDATES: dict[str, Callable[[list[bytes]], int]] = {"reader": with_reader, "wire": with_wire, "h11": with_h11}


def main() -> None:
    chunks = [b"%x\r\n%b\r\n" % (size, b"x" * size) for size in (180, 200, 190, 220, 210)] * (CHUNKS // 5)
    stream = b"".join(chunks)
    cases = {"one per read": chunks}
    for size in (1460, 16 * 1024, 64 * 1024):
        cases[f"{size} B reads"] = [stream[start : start + size] for start in range(0, len(stream), size)]
    print(f"{'ns per 200 B chunk':<20}" + "".join(f"{name:>10}" for name in CANDIDATES) + "   h11/reader  h11/wire")
    for case, reads in cases.items():
        rounds = [{name: run(reads) for name, run in CANDIDATES.items()} for _ in range(ROUNDS)]
        cost = {name: median(result[name] for result in rounds) / CHUNKS for name in CANDIDATES}
        figures = "".join(f"{value:10.0f}" for value in cost.values())
        print(f"{case:<20}{figures}{cost['h11'] / cost['reader']:12.1f}x{cost['h11'] / cost['wire']:9.1f}x")


if __name__ == "__main__":
    main()
