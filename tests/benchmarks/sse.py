"""What one 200-byte server-sent event costs: our decoder beside httpx-sse and a bare ``bytes.split``.

``python -m tests.benchmarks.sse``. One event a read is what a provider's stream usually looks like; 16 KiB a read is
what a fast provider or a slow reader makes of it. ``bytes.split`` finds the events and nothing else: the floor.
"""

from collections.abc import Callable

import httpx_sse._decoders
from tests.benchmarks._timing import compare, print_table

from aigw_sansio.bodies.sse import SseDecoder

EVENTS = 2000
READ_BYTES = 16 * 1024


def event(named: bool, line_end: bytes) -> bytes:
    """One event of 200 bytes."""
    start = (b"event: delta" + line_end if named else b"") + b'data: {"delta":"'
    end = b'"}' + line_end * 2
    return start + b"x" * (200 - len(start) - len(end)) + end


def ours(reads: list[bytes]) -> Callable[[], int]:
    def run() -> int:
        decoder = SseDecoder(1 << 24)
        feed = decoder.feed
        count = 0
        for data in reads:
            count += len(feed(data))
        return count + len(decoder.finish())

    return run


def theirs(reads: list[bytes]) -> Callable[[], int]:
    def run() -> int:
        lines, decoder = httpx_sse._decoders.SSELineDecoder(), httpx_sse._decoders.SSEDecoder()
        count = 0
        for data in reads:
            for line in lines.decode(data.decode()):
                if decoder.decode(line) is not None:
                    count += 1
        return count

    return run


def split(reads: list[bytes], blank: bytes) -> Callable[[], int]:
    def run() -> int:
        count = 0
        held = b""
        for data in reads:
            events = (held + data).split(blank)
            held = events.pop()
            for item in events:
                count += bool(item)
        return count

    return run


def main() -> None:
    for title, named, line_end in (
        ("data only, LF", False, b"\n"),
        ("named, LF", True, b"\n"),
        ("data only, CRLF", False, b"\r\n"),
    ):
        one = event(named, line_end)
        body = one * EVENTS
        single = [one] * EVENTS
        large = [body[at : at + READ_BYTES] for at in range(0, len(body), READ_BYTES)]
        for how, reads in (("one event a read", single), ("16 KiB a read", large)):
            candidates = {
                "SseDecoder": ours(reads),
                "httpx-sse": theirs(reads),
                "bytes.split": split(reads, line_end * 2),
            }
            assert {run() for run in candidates.values()} == {EVENTS}
            print_table(f"{title}, {how}: ns per event", compare(candidates, per_call=EVENTS))


if __name__ == "__main__":
    main()
