"""Answers that a server takes from its store.

Decides: which questions the store answers, and that a store that fails is no answer. Must not know: what a store is,
and what the core does without an answer.
"""

import logging
import time
from typing import Final

import msgspec

from aigw_sansio import Answer, Config, Count, Counted, FindKey, Key, Question, Unavailable

from ..anyio_driver import AnswerHandler
from ..stores import Store, StoreError
from .stored_keys import find_key

logger = logging.getLogger("aigw.store")

#: Seconds between two lines about a store that fails.
_QUIET_S: Final = 60.0


def counted_elsewhere(config: Config) -> Config:
    """``config`` with gateways that ask for the counts of their quotas, if they have any."""
    gateways = {
        name: msgspec.structs.replace(gateway, ask=(*gateway.ask, "count"))
        if gateway.has_quotas and "count" not in gateway.ask
        else gateway
        for name, gateway in config.gateways.items()
    }
    return msgspec.structs.replace(config, gateways=gateways)


def with_store(store: Store, host: AnswerHandler | None = None, *, shared: bool = True) -> AnswerHandler:
    """A handler that asks ``host`` first, and answers by itself what ``store`` knows: counts and keys; keys also from
    the environment. ``shared``: the host is not asked to count."""
    told_at = -_QUIET_S

    async def answer(question: Question) -> Answer:
        nonlocal told_at
        found: Answer = Unavailable()
        if host is not None and not (shared and isinstance(question, Count)):
            if not isinstance(question, Count | FindKey):
                return await host(question)
            try:
                found = await host(question)
            except Exception:  # the host does not know the question
                found = Unavailable()
        try:
            if isinstance(question, Count) and not isinstance(found, Counted):
                return await store.count(question.counters, question.places)
            if isinstance(question, FindKey) and not (isinstance(found, Key) and found.key is not None):
                return await find_key(question, store)
        except StoreError as exc:
            now = time.monotonic()
            if now - told_at >= _QUIET_S:
                told_at = now
                logger.error("%s", exc)
            return Unavailable()
        return found

    return answer
