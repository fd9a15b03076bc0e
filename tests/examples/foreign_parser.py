"""A parser of server-sent events that others wrote, tested with the strategies of ``aigw_sansio.testing``.

The strategies give streams as providers send them, together with what a reader must report, and cut them anywhere. Here
the parser of ``httpx-sse`` is tested: write :func:`payloads` anew for another one. ``python -m
tests.examples.foreign_parser`` prints the smallest stream that each way of using it gets wrong.
"""

import codecs
from functools import partial

from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from aigw_sansio.testing import ProviderStream, cuts, event_streams


def payloads(pieces: list[bytes], *, encoding: str) -> list[bytes]:
    """What the parser under test reports of a stream that is read in ``pieces``."""
    text, lines, events = codecs.getincrementaldecoder(encoding)(), SSELineDecoder(), SSEDecoder()
    read = [line for piece in pieces for line in lines.decode(text.decode(piece))] + lines.flush()
    return [event.data.encode() for line in read if (event := events.decode(line)) is not None and event.data]


def cut_streams() -> st.SearchStrategy[tuple[ProviderStream, list[bytes]]]:
    """Streams, each with the pieces in which it is read."""
    return event_streams().flatmap(lambda stream: st.tuples(st.just(stream), cuts(stream.body)))


def is_misread(case: tuple[ProviderStream, list[bytes]], *, encoding: str) -> bool:
    """Whether the parser reports anything but what was sent."""
    stream, pieces = case
    return payloads(pieces, encoding=encoding) != stream.payloads


def main() -> None:
    """Look for a stream that is misread: with a decoder that knows the byte order mark, and with one that does not."""
    for encoding in ("utf-8-sig", "utf-8"):
        try:
            options = settings(database=None, derandomize=True, max_examples=100)
            stream, _ = find(cut_streams(), partial(is_misread, encoding=encoding), settings=options)
        except NoSuchExample:
            print(f"{encoding}: every stream is read as it was sent")
        else:
            print(f"{encoding}: misread is {stream.body!r}")


if __name__ == "__main__":
    main()
