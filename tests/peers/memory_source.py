"""A source that answers from memory, as a cache would: no pool, no connection, no bytes on a wire."""

from typing import NamedTuple

from aigw_sansio.exchanges.source import Placed, ResponseHandler, Verdict
from aigw_sansio.faults import Fault
from aigw_sansio.ids import ConnId
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.wires.http import Headers

STREAM: Headers = [(b"content-type", b"text/event-stream")]
JSON: Headers = [(b"content-type", b"application/json")]


class Remembered(NamedTuple):
    """One response: a fault instead of a head if ``status`` is 0, behind the pieces if there is one."""

    status: int
    headers: Headers
    pieces: tuple[bytes, ...] = ()
    fault: Fault | None = None


class MemoryCall:
    """Gives all of it at once, as far as it is not paused. Implements ``Call``."""

    added_keys = ()

    def __init__(self, source: "MemorySource", handler: ResponseHandler, response: Remembered) -> None:
        self._source = source
        self._handler = handler
        self._response = response
        self._pieces = list(response.pieces)
        self._paused = False
        self._giving = False
        self._over = False

    def start(self, now: float) -> None:
        response = self._response
        self._handler.call_placed(Placed(ConnId(1), "reused", 0.0), now)
        self._handler.request_sent(now)
        if response.status:
            self._handler.response_head(response.status, response.headers, now)
        self._give(now)

    def pause(self) -> None:
        self._source.said.append("pause")
        self._paused = True

    def resume(self, now: float) -> None:
        self._source.said.append("resume")
        self._paused = False
        self._give(now)

    def cancel(self, now: float) -> None:
        assert not self._over, "cancelled after its end was told"
        self._source.said.append("cancel")
        self._over = True

    def settle(self, verdict: Verdict, now: float) -> None:
        self._source.said.append("good" if verdict.good else "bad")

    def release(self, now: float) -> None:
        assert not self._over, "released after its end was told"
        self._source.said.append("release")
        self._over = True

    def _give(self, now: float) -> None:
        if self._giving:
            return  # resumed from within what it gives
        self._giving = True
        while self._pieces and not self._paused and not self._over:
            self._handler.response_body(self._pieces.pop(0), now)
        self._giving = False
        if self._source.stuck or self._pieces or self._paused or self._over:
            return
        self._over = True
        if self._response.fault is not None:
            self._handler.response_failed(self._response.fault, now)
        else:
            self._handler.response_end(now)

    @property
    def pieces_left(self) -> int:
        return len(self._pieces)


class MemorySource:
    """Answers each call with the next of ``responses``. ``stuck``: no response ends. Implements ``Source``."""

    def __init__(self, *responses: Remembered, stuck: bool = False) -> None:
        self._responses = list(responses)
        self.stuck = stuck
        self.asked: list[ProviderCall] = []
        self.calls: list[MemoryCall] = []
        self.said: list[str] = []

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> MemoryCall:
        self.asked.append(request)
        self.calls.append(MemoryCall(self, handler, self._responses.pop(0)))
        return self.calls[-1]
