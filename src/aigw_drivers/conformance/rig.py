"""What every check of the suite stands on: the driver's host, its capabilities, and the other ends of its connections.

Decides: which checks are asked of a driver. Must not know: what they check.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Final

import pytest

from aigw_sansio import Engine, Event

from ..anyio_driver import AnswerHandler
from . import sockets
from .certificates import certificates
from .hosts import Host, HostSettings
from .toy_engines import ToyEngine

_NO_TRUSTME: Final = pytest.mark.skip(reason="TLS needs the package trustme")


class Rig:
    """The settings of a suite, and what its checks use."""

    #: The longest wait for what must come, in seconds. A driver that keeps the contract needs a fraction of a second;
    #: one that does not costs so much for each check that it fails.
    patience_s: float = 20.0

    #: It serves and dials TLS. The checks of it need ``trustme``.
    tls: bool = False
    #: Over TLS, too, it still writes after the peer's ``close_notify``; needs ``tls``.
    half_close_over_tls: bool = False
    #: The last bytes before a ``Close`` reach a peer that is still sending (RFC 9112 section 9.6).
    lingering_close: bool = False
    #: An exception of the engine costs the one connection that it was about; it is logged, without its message.
    contains_bugs: bool = False
    #: It answers ``Unavailable`` in place of a host whose answer is of the wrong class or comes too late.
    checks_answers: bool = False
    #: It reads nothing of a dialled connection that was paused before it was connected, not even once.
    exact_pauses: bool = False
    #: It looks names up with ``socket.getaddrinfo`` in threads that dials share, and reports ``closed`` of a cancelled
    #: dial when its look-up has ended (duty 8).
    waits_for_look_ups: bool = False
    #: It dials through HTTP proxies, if ``Connect.proxy`` names one.
    proxies: bool = False

    def host(self, engine: Engine, settings: HostSettings, /) -> AbstractContextManager[Host]:
        """Start the driver with ``engine``, as :class:`.HostFactory` says. To be set by the subclass."""
        raise NotImplementedError("set `host` to a HostFactory, for example LoopHost(MyDriver)")

    # -- what checks use ----------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check that takes ``secure`` runs over TCP, and over TLS if the driver has it."""
        if "secure" in metafunc.fixturenames:
            over_tls = {"tls": () if find_spec("trustme") else _NO_TRUSTME} if self.tls else {}
            marks = {"tcp": ()} | over_tls
            metafunc.parametrize("secure", [pytest.param(name == "tls", id=name, marks=marks[name]) for name in marks])

    def need(self, capability: str) -> None:
        """Skip a check that is about a capability which the driver does not declare."""
        if not getattr(self, capability):
            pytest.skip(f"{type(self).__name__} does not declare `{capability}`")
        if "tls" in capability:
            pytest.importorskip("trustme")

    @contextmanager
    def running(
        self,
        engine: ToyEngine,
        *,
        secure: bool = False,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Host]:
        """The driver with ``engine``. Afterwards everything has ended, and the driver broke no rule."""
        engine.patience_s = self.patience_s
        tls = certificates().server if secure else None
        settings = HostSettings(tls=tls, answer=answer, on_event=on_event, clock=clock)
        with self.host(engine, settings) as host:
            yield host
        engine.check_ended()

    def connect(self, host: Host, *, secure: bool = False) -> socket.socket:
        """A client of ``host``."""
        return sockets.connect(host.port, certificates().client if secure else None, patience_s=self.patience_s)

    def drain(self, host: Host) -> None:
        """Drain ``host``, which must not take long."""
        ended = sockets.background(host.drain)
        ended.join(self.patience_s)
        assert not ended.is_alive(), "the drain does not end"

    def server(self, serve: Callable[[socket.socket], None], *, secure: bool = False) -> AbstractContextManager[int]:
        """A server for dialled connections; see :func:`.sockets.server`."""
        return sockets.server(serve, tls=certificates().server if secure else None, patience_s=self.patience_s)
