"""A provider that runs on this machine: deterministic answers in real shapes over real HTTP, faults on request.

Decides: nothing; it names what the package offers. Requests say in their ``loopback`` field how they want to be
answered (:class:`Options`), WebSockets in their query (:class:`RealtimeOptions`); ``LoopbackProvider.seen`` says what
came and how it ended (:class:`RequestRecord`).
"""

from .options import Options
from .realtime import RealtimeOptions
from .request_record import RequestRecord
from .server import LoopbackProvider

__all__ = ["LoopbackProvider", "Options", "RealtimeOptions", "RequestRecord"]
