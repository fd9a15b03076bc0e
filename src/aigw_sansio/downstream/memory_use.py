"""The connections of clients that hold memory for which no session answers.

Decides: which they are. Must not know: how much memory there is.
"""

from collections.abc import Iterable

from ..engine.connection import Connection
from ..engine.memory import MemoryHolder
from .http1 import Http1DownstreamConnection
from .http2 import Http2DownstreamConnection
from .http2_memory import InputMemory


def holders(connections: Iterable[Connection]) -> list[MemoryHolder]:
    """Connections on HTTP/1.1 whose session has not begun or has ended, and the input of those on HTTP/2."""
    found: list[MemoryHolder] = []
    for one in connections:
        if isinstance(one, Http1DownstreamConnection):
            if one.alone:
                found.append(one)
        elif isinstance(one, Http2DownstreamConnection):
            found.append(InputMemory(one))
    return found
