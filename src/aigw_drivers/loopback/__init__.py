"""A provider that runs on this machine: deterministic answers in real formats over real HTTP, and faults on request.

A request sets in its ``loopback`` field how it is answered (:class:`Options`), a WebSocket in its query
(:class:`RealtimeOptions`). ``LoopbackProvider.seen`` lists the requests and how they ended (:class:`RequestRecord`).
"""

from .options import Options
from .realtime import RealtimeOptions
from .request_record import RequestRecord
from .server import LoopbackProvider

__all__ = ["LoopbackProvider", "Options", "RealtimeOptions", "RequestRecord"]
