"""The cache of responses, in a store.

Decides: how a response is written there, and that a store without an answer is a miss. Must not know: which responses
are kept and who asks for them, and where the store is.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec

from aigw_sansio import Answer, Hit, Keep, KeptResponse, LookUp, Miss, Question, Unavailable

from ..anyio_driver import AnswerHandler
from ..stores import Store, StoreError

logger = logging.getLogger("aigw.cache")

#: A store that is away is told of in the log, at most once in so many seconds.
_TELL_EVERY_S: Final = 60.0

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(KeptResponse).decode


class ResponseCache:
    """Keeps responses in ``store``: :meth:`keep` is for a driver, :meth:`look_up` answers a question of its engine."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._told_at = -_TELL_EVERY_S

    async def look_up(self, question: LookUp) -> Hit | Miss | Unavailable:
        """What is kept under the name that ``question`` asks for. It never raises."""
        try:
            value = await self._store.get(_name(question))
        except StoreError as exc:
            self._tell(exc)
            return Unavailable()
        if value is None:
            return Miss()
        try:
            return Hit(_decode(value))
        except msgspec.MsgspecError:  # somebody else wrote it
            return Miss()

    async def keep(self, effect: Keep) -> None:
        """Keep a response, if the store can. It never raises."""
        try:
            await self._store.set(_name(effect), _encode(effect.response), effect.ttl_s)
        except StoreError as exc:
            self._tell(exc)

    def _tell(self, exc: StoreError) -> None:
        now = self._clock()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            logger.warning("responses are neither kept nor found: %s", exc)


def _name(named: LookUp | Keep) -> str:
    return f"cache:{named.account}/{named.gateway}:{named.key}"


def with_cache(cache: ResponseCache, host: AnswerHandler | None = None) -> AnswerHandler:
    """A handler that looks responses up in ``cache``, and asks ``host`` everything else; without ``host``, the answer
    to that is ``Unavailable``."""

    async def answer(question: Question) -> Answer:
        if isinstance(question, LookUp):
            return await cache.look_up(question)
        return Unavailable() if host is None else await host(question)

    return answer
