"""A gate in front of the providers: a call goes through it if the quotas of its gateway have room.

Decides: that a call waits for the host's answer, if the host counts, and that one without room fails before anything of
it is sent. Must not know: rules and counts.

It stands behind a cache: what the cache answers needs no room. A request without a quota passes: new settings may give
its gateway some later.
"""

from collections.abc import Callable

from ..engine.client import Requester
from ..engine.services import Services
from ..exchanges.source import Call, ResponseHandler, Source, Verdict
from ..faults import Denial
from ..providers.call import ProviderCall
from ..quotas.claim import StepQuota
from ..quotas.limiter import Limiter, Waiting


class Gate:
    """Puts a gate in front of the sources of requesters."""

    __slots__ = ("_limiter", "_services", "_source_of")

    def __init__(self, services: Services, limiter: Limiter, source_of: Callable[[Requester], Source]) -> None:
        self._services = services
        self._limiter = limiter
        self._source_of = source_of

    def of(self, requester: Requester) -> Source:
        """The source of ``requester``."""
        return GatedSource(self._services, self._limiter, self._source_of(requester))


class GatedSource:
    """A source behind a gate. Implements ``Source``."""

    __slots__ = ("_limiter", "_services", "_source")

    def __init__(self, services: Services, limiter: Limiter, source: Source) -> None:
        self._services = services
        self._limiter = limiter
        self._source = source

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Call its ``start`` next."""
        if request.lent is not None:
            self._services.key_rings.use(request.lent)
        quota = request.quota
        if quota is None:
            return self._source.open(request, handler, connect_timeout_s=connect_timeout_s)
        return _GatedCall(self, request, quota, handler, connect_timeout_s)


class _GatedCall:
    """A call that may have to wait. Implements ``Call``."""

    __slots__ = ("_call", "_connect_timeout_s", "_gate", "_handler", "_quota", "_request", "_waiting")

    def __init__(
        self,
        gate: GatedSource,
        request: ProviderCall,
        quota: StepQuota,
        handler: ResponseHandler,
        connect_timeout_s: float,
    ) -> None:
        self._gate = gate
        self._request = request
        self._quota = quota
        self._handler = handler
        self._connect_timeout_s = connect_timeout_s
        self._call: Call | None = None
        self._waiting: Waiting | None = None

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        return () if self._call is None else self._call.added_keys

    def start(self, now: float) -> None:
        outcome = self._gate._limiter.take(self._quota, self._told, now)
        if outcome is None or isinstance(outcome, Denial):
            self._decided(outcome, now)
        else:
            self._waiting = outcome

    def pause(self) -> None:
        if self._call is not None:
            self._call.pause()

    def resume(self, now: float) -> None:
        if self._call is not None:
            self._call.resume(now)

    def cancel(self, now: float) -> None:
        call, self._call = self._call, None
        waiting, self._waiting = self._waiting, None
        if call is not None:
            call.cancel(now)
        elif waiting is not None:
            waiting.withdraw()

    def settle(self, verdict: Verdict, now: float) -> None:
        if self._call is not None:
            self._call.settle(verdict, now)

    def release(self, now: float) -> None:
        if self._call is not None:
            self._call.release(now)

    def _told(self, denial: Denial | None, now: float) -> None:
        self._waiting = None
        self._decided(denial, now)

    def _decided(self, denial: Denial | None, now: float) -> None:
        if denial is not None:
            self._handler.response_failed(denial, now)
            return
        call = self._call = self._gate._source.open(
            self._request, self._handler, connect_timeout_s=self._connect_timeout_s
        )
        call.start(now)
