"""A gateway and its driver inside a program that has no sockets of clients for them to accept.

Decides: what such a gateway has beside its settings: a limit of memory, a cache in memory, signatures, the log of
refusals. Must not know:
what its clients are.
"""

import time
from collections.abc import Callable
from os import urandom

from aigw_sansio import Config, Engine, Event, Gateway, Parts
from aigw_sansio.providers.known_hosts import known_hosts

from ..anyio_driver import AnswerHandler, AnyioDriver
from ..stores.memory import MemoryStore
from .memory import with_memory
from .response_cache import ResponseCache, with_cache
from .security_log import SecurityLog
from .signatures import with_signatures
from .translation import with_translation


def embedded_gateway(
    config: Config,
    *,
    answer: AnswerHandler | None,
    on_event: Callable[[Event], None] | None,
    wrap: Callable[[Engine], Engine] | None = None,
    parts: Parts | None = None,
) -> tuple[Gateway, AnyioDriver]:
    """A gateway with ``config``, and a driver to serve it. ``answer`` and ``on_event`` are those of
    :class:`.AnyioDriver`; ``wrap(gateway)`` is the engine that is driven in place of the gateway. ``parts``: the host's
    own. Call ``serve(())`` of
    the driver next."""
    config, parts = with_memory(config), with_translation(parts)
    gateway = Gateway(config, urandom(32), time.time() - time.monotonic(), parts)
    cache = ResponseCache(MemoryStore())
    driver = AnyioDriver(
        gateway if wrap is None else wrap(gateway),
        answer=with_cache(cache, with_signatures(answer)),
        keep=cache.keep,
        on_event=SecurityLog(on_event),
        known_hosts=known_hosts(config, parts.rows),
    )
    return gateway, driver


def reconfigure_embedded(gateway: Gateway, driver: AnyioDriver, config: Config, parts: Parts | None) -> None:
    """New settings for those of :func:`embedded_gateway`, who were given ``parts``. See
    :meth:`aigw_sansio.Gateway.reconfigure`; call it in the loop that serves."""
    config, rows = with_memory(config), (parts or Parts()).rows

    def take(now: float) -> None:
        gateway.reconfigure(config, now)  # may raise: until then nothing has changed
        driver.adapt(handshakes=None, known_hosts=known_hosts(config, rows))

    driver.call(take)
