"""The cache in front of the pool.

Decides: that only the requests that use it cost anything. Must not know: where responses are kept.
"""

from collections.abc import Callable

from ..engine.client import Requester
from ..engine.services import Services
from ..exchanges.source import Call, ResponseHandler, Source
from ..providers.call import ProviderCall
from .recordings import Recordings


class CachingSource:
    """Opens calls that use the cache, and the others at the sources behind it."""

    __slots__ = ("_recordings", "_services", "_source_of")

    def __init__(self, services: Services, source_of: Callable[[Requester], Source]) -> None:
        """``source_of`` gives the source behind the cache, of one who asks."""
        self._services = services
        self._source_of = source_of
        self._recordings = Recordings()

    def of(self, requester: Requester) -> "CachingRequesterSource":
        """The source of ``requester``."""
        return CachingRequesterSource(self._services, self._recordings, self._source_of(requester))


class CachingRequesterSource:
    """The source of one requester. Implements ``Source``."""

    __slots__ = ("_recordings", "_services", "_source")

    def __init__(self, services: Services, recordings: Recordings, source: Source) -> None:
        self._services = services
        self._recordings = recordings
        self._source = source

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Call its ``start`` next."""
        use = request.cache
        if use is None:
            return self._source.open(request, handler, connect_timeout_s=connect_timeout_s)
        from .cached_call import CachedCall  # few gateways use one

        return CachedCall(
            self._services,
            self._recordings,
            self._source,
            request,
            use,
            handler,
            connect_timeout_s=connect_timeout_s,
        )
