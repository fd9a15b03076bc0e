"""A running gateway: it opens sockets by its settings, and drains at the end.

Decides: the source of entropy and wall time, and the meaning of a signal. Must not know: any protocol.
"""

import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from os import urandom
from typing import Final, Literal, TypeAlias, get_args

import anyio
import msgspec
from anyio.abc import TaskStatus

from aigw_sansio import Config, Engine, Event, Gateway, Parts, ProviderSettings
from aigw_sansio.providers.known_hosts import known_hosts

from ..anyio_driver import AnswerHandler, AnyioDriver
from ..core.sockets import Listener, address_text, listen, listeners_on
from ..core.tls import ServerContext, server_context
from ..local.running import RunningClient, one_gateway
from ..loopback import LoopbackProvider
from ..stores.opening import MEMORY, open_store
from .descriptors import handshakes_for, with_descriptors
from .memory import with_memory
from .observe.observed import observed, with_observation
from .reload import require_possible
from .response_cache import ResponseCache, with_cache
from .security_log import SecurityLog
from .settings import ServerSettings, Settings
from .siblings import Siblings
from .signatures import with_signatures
from .stored_answers import counted_elsewhere, with_store
from .translation import with_translation

logger = logging.getLogger("aigw.serve")

#: Both mean the one driver.
DriverName: TypeAlias = Literal["anyio", "protocol"]
_DRIVERS: Final = get_args(DriverName)


class Running:
    """A gateway that accepts clients at ``url``, which has no path; for a Unix socket it is ``unix:`` and the path of
    that. Call :meth:`drain` to end it in order, and inputs of ``gateway`` with ``driver.call``, or from other threads
    with ``driver.call_from_thread``."""

    def __init__(
        self,
        url: str,
        driver: AnyioDriver,
        gateway: Gateway,
        settings: Settings,
        *,
        complete: Callable[[Settings], Config],
        parts: Parts,
        own_sockets: bool,
        context: ServerContext | None,
    ) -> None:
        """``complete`` makes of settings what the gateway gets. ``own_sockets``: the host gave them. ``context``: of
        TLS."""
        self.url = url
        self.gateway = gateway
        self.driver = driver
        #: Those that it has now.
        self.settings = settings
        self._complete = complete
        self._parts = parts
        self._own_sockets = own_sockets
        self._context = context
        self._stopped = anyio.Event()

    def reconfigure(self, settings: Settings) -> None:
        """Take new settings, in the loop that serves. What begins from now on has them; see
        :meth:`aigw_sansio.Gateway.reconfigure`. Certificates are read anew, from the same files or from others.

        Raises :class:`aigw_sansio.ConfigError` for what is wrong, and for what cannot change while it runs: its
        address, its workers, whether it speaks TLS, whether it shows metrics and the page, and where records go;
        ``OSError`` for a certificate that cannot be used. Then all is as it was.
        """
        self.driver.call(self._take, settings)

    def reconfigure_from_thread(self, settings: Settings) -> None:
        """As :meth:`reconfigure`, from another thread than that of the loop. It waits until it is done."""
        self.driver.call_from_thread(self._take, settings)

    def _take(self, settings: Settings, now: float) -> None:
        require_possible(self.settings, settings, own_sockets=self._own_sockets)
        context = _context_of(settings.server)
        config = self._complete(settings)
        self.gateway.reconfigure(config, now)  # may raise: until then nothing has changed
        self.driver.adapt(
            handshakes=handshakes_for(config.limits.connections), known_hosts=known_hosts(config, self._parts.rows)
        )
        if self._context is not None:
            self._context.successor = context
        self.settings = settings

    def client(self, gateway: str | None = None, *, principal: str | None = None) -> RunningClient:
        """A client in this process, without a socket to the gateway: ``async with running.client() as client:``.

        ``gateway`` (``"ACCOUNT/GATEWAY"``) may be left out if there is one; its tokens are not wanted. ``principal`` is
        the client's name in events. Raises ``ValueError`` if the settings have no such gateway.
        """
        name = one_gateway(gateway, [*self.settings.config.gateways])
        return RunningClient(self.driver, self.gateway, gateway=name, principal=principal)

    def cancel_exchange(self, log_id: str) -> bool:
        """End one exchange at once; see :meth:`aigw_sansio.Gateway.cancel_exchange`. Call it in the loop that serves;
        from another thread: ``running.driver.call_from_thread(running.gateway.cancel_exchange, log_id)``."""
        return self.driver.call(self.gateway.cancel_exchange, log_id)

    def close_session(self, session: int, code: int, reason: str) -> bool:
        """Close one session; see :meth:`aigw_sansio.Gateway.close_session`. As :meth:`cancel_exchange`, in the loop."""
        return self.driver.call(self.gateway.close_session, session, code, reason)

    async def drain(self) -> None:
        """Refuse new work, let running work finish. Returns when the last connection has ended."""
        await self.driver.drain()
        await self._stopped.wait()

    async def _serve(self, listeners: Sequence[Listener], *, task_status: TaskStatus[None]) -> None:
        await self.driver.serve(listeners, task_status=task_status)
        self._stopped.set()


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    driver: DriverName = "anyio",
    loopback: bool = False,
    answer: AnswerHandler | None = None,
    on_event: Callable[[Event], None] | None = None,
    wrap: Callable[[Engine], Engine] | None = None,
    sockets: Sequence[socket.socket] = (),
    parts: Parts | None = None,
    worker: int | None = None,
    siblings: Siblings | None = None,
) -> AsyncIterator[Running]:
    """Run a gateway during the block. The end of the block aborts all connections; call ``drain`` before it to let
    them finish.

    Both names of ``driver`` mean the same. Questions go to ``answer`` first; :mod:`.signatures` makes the signatures
    that it does not give. But for responses that are kept: they are in the settings' store (:mod:`.response_cache`),
    where quotas are counted too. ``on_event`` is called with each event; refusals and limits are logged
    (:mod:`.security_log`), and records go where the settings say. ``loopback`` adds the built-in provider, under the
    slug ``loopback``. ``sockets`` are listening sockets that others bound, TCP or Unix; they take the place
    of the settings' ``host`` and ``port``, and are closed at the end. ``wrap(gateway)`` is the engine that is driven in
    place of the gateway: for tests, :meth:`aigw_drivers.testing.MockProvider.over`. ``parts``: the host's own
    providers, readers, framings and transforms. ``worker``: the number of this process among others with the same
    settings, and ``siblings`` the way to them: metrics and the page tell of all. Raises ``OSError`` if it cannot listen
    or a place for records cannot be used, ``ValueError`` for another driver, or if one of ``sockets`` does not listen
    or the store's client is not installed, and ``ImportError`` for another library.
    """
    if driver not in _DRIVERS:
        raise ValueError(f"driver is {driver!r}; allowed are {' and '.join(_DRIVERS)}")
    server = settings.server
    context = _context_of(server)
    async with AsyncExitStack() as stack:
        # before the task group, which would wrap the error in a group
        listeners = listeners_on(sockets, context) if sockets else listen(server.host, server.port, context)
        for listener in listeners:
            stack.callback(listener.socket.close)
        own: dict[str, ProviderSettings] = {}
        if loopback:
            provider = await stack.enter_async_context(LoopbackProvider.start())
            own["loopback"] = ProviderSettings(
                base_url=f"{provider.base_url}/v1", realtime_url=provider.base_url.replace("http", "ws", 1)
            )
        url = settings.store.reveal()
        within_s, most = settings.config.timeouts.store_s, settings.store_bytes
        store = await stack.enter_async_context(open_store(url, within_s=within_s, most_bytes=most))
        answer = with_store(store, answer, shared=url != MEMORY)
        parts = with_translation(parts)
        config = _completed(own, settings)
        listening = await stack.enter_async_context(
            observed(server, settings.records, settings.otel, on_event, answer, worker=worker, siblings=siblings)
        )
        gateway = Gateway(config, urandom(32), time.time() - time.monotonic(), parts)
        listening.watch(gateway)
        handshakes = handshakes_for(config.limits.connections)
        cache = ResponseCache(store)
        runner = AnyioDriver(
            gateway if wrap is None else wrap(gateway),
            answer=with_cache(cache, with_signatures(listening.answer)),
            keep=cache.keep,
            on_event=SecurityLog(listening.told),
            handshakes=handshakes,
            known_hosts=known_hosts(config, parts.rows),
        )
        tasks = await stack.enter_async_context(anyio.create_task_group())
        run = Running(
            url_of(listeners[0].socket, None if sockets else server.host, secure=context is not None),
            runner,
            gateway,
            settings,
            complete=partial(_completed, own),
            parts=parts,
            own_sockets=bool(sockets),
            context=context,
        )
        if siblings is not None:
            siblings.ask_s = lambda: run.settings.config.timeouts.ask_s
            tasks.start_soon(siblings.serve, listening.part)
        await tasks.start(run._serve, listeners)
        try:
            yield run
        finally:
            tasks.cancel_scope.cancel()


def _context_of(server: ServerSettings) -> ServerContext | None:
    """The context of its listeners; ``None`` without TLS. Raises ``OSError`` if its files cannot be used."""
    if server.tls_certificate is None:
        return None
    return server_context(server.tls_certificate, server.tls_key or server.tls_certificate, ("h2", "http/1.1"))


def _completed(own: Mapping[str, ProviderSettings], settings: Settings) -> Config:
    """What the gateway gets of ``settings``: with the limits of this process, and its ``own`` providers."""
    config = with_memory(with_descriptors(settings.config), settings.server.workers or 1)
    if settings.store.reveal() != MEMORY:
        config = counted_elsewhere(config)
    config = with_observation(config, settings.server, settings.records, settings.otel)
    return msgspec.structs.replace(config, providers={**config.providers, **own}) if own else config


def url_of(sock: socket.socket, host: str | None, *, secure: bool) -> str:
    """Where clients find the listening ``sock``. ``host``: its name in the settings; ``None``: none."""
    address = sock.getsockname()
    if not isinstance(address, tuple):
        return f"unix:{address if isinstance(address, str) else address.decode('utf-8', 'replace')}"
    if host is None:
        shown = address_text(address)
    else:
        shown = f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return f"{'wss' if secure else 'ws'}://{shown}"


async def serve_until_signal(
    running: Running,
    *,
    on_start: Callable[[], None] = lambda: None,
    on_drain: Callable[[], None] = lambda: None,
    on_reload: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then call ``on_drain`` and drain. A second signal ends the drain at
    once: the end of :func:`running` aborts what is left, and writes records that wait. ``on_start`` is called when
    signals are waited for, ``on_reload`` at SIGHUP; without it that ends the process."""
    wanted = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if on_reload is not None else [])]
    async with anyio.create_task_group() as tasks:
        with anyio.open_signal_receiver(*wanted) as signals:
            on_start()
            draining = False
            async for number in signals:
                if on_reload is not None and number == signal.SIGHUP:
                    if not draining:
                        on_reload()
                    continue
                if draining:
                    logger.info("stopping at once")
                    tasks.cancel_scope.cancel()
                    break
                draining = True
                on_drain()
                tasks.start_soon(_drain_then_stop, running, tasks.cancel_scope)


async def _drain_then_stop(running: Running, scope: anyio.CancelScope) -> None:
    logger.info("draining")
    await running.drain()
    scope.cancel()
