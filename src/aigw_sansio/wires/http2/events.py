"""Events of the HTTP/2 server wire.

Data only. Requests of a client and what follows them. Must not know: how they are read, and what the answer is.
"""

import msgspec

from ...faults import Fault
from ...secret import without_content
from ..http import Headers


class RequestReceived(msgspec.Struct, frozen=True):
    """A well-formed request head. Answer with ``respond``, ``accept`` or ``reset``.

    ``protocol`` is the ``:protocol`` of an extended CONNECT (``b"websocket"``), ``None`` otherwise. ``authority`` is
    the host field if ``:authority`` is missing.
    """

    stream: int
    method: bytes
    protocol: bytes | None
    scheme: bytes
    authority: bytes
    path: bytes
    headers: Headers

    __repr__ = without_content


class StreamData(msgspec.Struct, frozen=True, gc=False):
    """More data of ``stream``, never empty. Call ``consume(stream, flow)`` once it is passed on."""

    stream: int
    data: bytes
    flow: int


class StreamEof(msgspec.Struct, frozen=True, gc=False):
    """The client ended its direction of ``stream``."""

    stream: int


class StreamAborted(msgspec.Struct, frozen=True, gc=False):
    """``stream`` ended with a fault. It gets no more events, and nothing more is sent on it."""

    stream: int
    fault: Fault
