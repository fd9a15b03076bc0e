"""What an HTTP/2 client said, as values.

Decides: the shape of requests and of what belongs to them. Must not know: how they are read, and what is answered.
"""

import msgspec

from ...faults import Fault
from ..http import Headers


class RequestReceived(msgspec.Struct, frozen=True):
    """A well-formed request head. Answer with ``respond``, ``accept`` or ``reset``.

    ``protocol`` is the ``:protocol`` of an extended CONNECT (``b"websocket"``), ``None`` otherwise. ``authority``
    is taken from the host field where ``:authority`` is missing.
    """

    stream: int
    method: bytes
    protocol: bytes | None
    scheme: bytes
    authority: bytes
    path: bytes
    headers: Headers


class StreamData(msgspec.Struct, frozen=True, gc=False):
    """More data of ``stream``, never empty; give ``flow`` back with ``consume`` once it is passed on."""

    stream: int
    data: bytes
    flow: int


class StreamEof(msgspec.Struct, frozen=True, gc=False):
    """The client ended its direction of ``stream``."""

    stream: int


class StreamAborted(msgspec.Struct, frozen=True, gc=False):
    """``stream`` is over; nothing more comes of it or goes out on it."""

    stream: int
    fault: Fault
