"""The interface between a driver and the core, as a type.

Decides: which methods a driver may call, and what each asks of its caller. Must not know: any engine, any transport.

:class:`aigw_sansio.Gateway` is the engine. :class:`aigw_sansio.Recorder` has the same methods, and so have the toy
engines of the driver conformance suite: a driver can drive anything that fits :class:`Engine`. A host that has clients
without bytes needs a :class:`MessageEngine`, one with clients in its own process a :class:`LocalEngine`. The ten duties
of a driver are written in the docstring of :mod:`aigw_sansio`.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from .dialects.commands import Create
from .dialects.events import NativeEvent
from .effects import Answer, Effect, Message
from .ids import AskId, ConnId

#: The largest read that a driver may deliver, and the usual limit of a pull, in bytes.
READ_SIZE: Final = 131072


class Engine(Protocol):
    """A sans-IO engine: inputs go in, effects, bytes and one deadline come out.

    ``now`` is always monotonic seconds of one clock, and never goes back. After every input call :meth:`effects`,
    execute the effects in order, then look at :meth:`next_timeout`: the deadline may have moved.

    Inputs raise :class:`aigw_sansio.LocalProtocolError` if the caller breaks the contract: an id that was never
    issued, time that goes back. The state is then as it was before. Input for an id that is over is ignored.
    """

    # -- inputs -------------------------------------------------------------------------------------------------

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        """A client connected, TLS included. Returns the id of the connection.

        ``peer`` is the client's address (``"192.0.2.1:5000"``, ``"[2001:db8::1]:5000"``, ``"unix"``). ``alpn`` is the
        protocol id that TLS chose, ``None`` if there is none. ``local`` is the address that the client reached, in the
        form of ``peer``; ``None``: not a loopback address. Next: start to read; report what comes with
        :meth:`receive_data`.
        """

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """The dial that ``Connect`` asked for succeeded, TLS included. ``alpn`` is what the server chose, if anything.

        Next: start to read, and write what ``Flush`` announces.
        """

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """The dial failed. Next: :meth:`closed`.

        ``reason`` is a few words without secrets and addresses, because the client is told. If nobody listens, one of
        them is ``refused``, as in the system's own "connection refused"; if the peer's certificate is not accepted,
        ``certificate``.
        """

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """``data`` was read: at most :data:`READ_SIZE` bytes, after TLS. Empty data has no effect."""

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """The peer ended its direction in order: a FIN, or ``close_notify`` under TLS. At most once.

        Our direction stays open. Next: go on writing until the engine says ``Close``.
        """

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """The connection broke: a reset, a failed write, TLS without ``close_notify``. Next: :meth:`closed`."""

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """The transport took ``n`` of the bytes that were pulled. More than was pulled is misuse.

        Next: pull again with :meth:`data_to_send` if all that was pulled is confirmed.
        """

    def closed(self, conn: ConnId, now: float) -> None:
        """The connection is released: exactly once, and the last input for ``conn``.

        Call it whoever ended the connection, also after a failed dial.
        """

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        """The answer to an ``Ask``: of a class that :data:`aigw_sansio.effects.ANSWER_TYPES` names, or
        ``Unavailable``. A late or second answer is ignored; an answer of another class is misuse."""

    def handle_timeout(self, now: float) -> None:
        """The time that :meth:`next_timeout` named has come. An early call does no harm."""

    def proceed(self, now: float) -> None:
        """More of the work that ``Continue`` told of. Call it once for each ``Continue``, after every socket that was
        ready has been served once. A call without a ``Continue`` does no harm."""

    def drain(self, now: float) -> None:
        """Go away: refuse new work, let running work finish within the configured time, then close.

        Go on accepting: who comes is refused, and so is told of it, health checks too. Next: go on driving. When only
        clients are left that came since, accept no more; when the last of them is closed, it is done. A second call
        does nothing.
        """

    # -- outputs ------------------------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """The effects since the last call, in order; each is handed out once. Call it again after executing them:
        inputs that were called meanwhile may have added more. An empty list: nothing is left."""

    def data_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> bytes:
        """Pull up to ``limit`` bytes for ``conn``; fewer only if these are all, empty if there are none or ``conn`` is
        over. Next: send them, then report :meth:`data_sent`; pull no more until then."""

    def next_timeout(self) -> float | None:
        """The time at which to call :meth:`handle_timeout`, or ``None`` if no deadline is set."""


class MessageEngine(Engine, Protocol):
    """An engine with clients without bytes: their host owns the WebSocket, and passes whole messages.

    What :class:`Engine` says holds for them too, except that they have no bytes: ``receive_data``, ``receive_eof`` and
    ``data_to_send`` are misuse. Their effects are ``Accept``, ``Refuse``, ``CloseMessages``, ``Flush``,
    ``PauseReading``, ``ResumeReading`` and ``Close(abort)``.
    """

    def open_messages(
        self,
        target: bytes,
        peer: str,
        headers: Sequence[tuple[bytes, bytes]],
        subprotocols: Sequence[str],
        principal: str | None,
        now: float,
        *,
        local: str | None = None,
    ) -> ConnId:
        """A client asks for a WebSocket, universal or realtime. Returns the id of the client.

        ``target``: path and query, percent-encoded (RFC 9112 section 3.2.1). ``headers``: the fields of the request,
        ``host`` among them; values as received. ``subprotocols``: those that it offers, best first. ``principal``: the
        client's name, if the host has authenticated it: then no token is wanted, and a web page of another origin is
        refused unless the gateway lists it, because the host may have believed a cookie. ``None``: the gateway judges
        it as any client. ``peer`` and ``local`` as for :meth:`open_downstream`.

        Next: wait for ``Accept`` or ``Refuse``; if the client goes meanwhile, call :meth:`receive_close`.
        """

    def receive_message(self, conn: ConnId, data: bytes, now: float, *, text: bool) -> None:
        """A whole message. ``data`` of a ``text`` is UTF-8; what is not, or is too large, closes the client.

        After ``PauseReading`` pass no more; one that is under way may follow. Before ``Accept`` it is misuse.
        """

    def receive_close(self, conn: ConnId, code: int, reason: str, now: float) -> None:
        """The client closed: ``code`` and ``reason`` of its close frame, 1005 if it has no code, 1006 if none came.

        Next: :meth:`closed`.
        """

    def messages_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> list[Message]:
        """Pull messages of at most ``limit`` bytes together, but at least one if there is one.

        Next: send them, then report :meth:`data_sent` with the bytes of their ``data``, also if these are 0, and pull
        again; none: wait for ``Flush``. Pull no more until all that was pulled is reported.
        """


class LocalEngine(Engine, Protocol):
    """An engine with clients in its own process, which have no socket: commands and events are Python objects.

    What :class:`Engine` says holds for them too, except that they have neither bytes nor messages. Their effects are
    ``Flush``, ``CloseMessages`` and ``Close(abort)``.
    """

    def open_local(self, gateway: str, principal: str | None, now: float) -> ConnId:
        """Open a session of the native dialect. Returns the id of the client.

        ``gateway`` is ``"ACCOUNT/GATEWAY"``: its settings hold, its tokens are not wanted. ``principal``: the client's
        name in events. ``LocalProtocolError`` if the settings have no such gateway. Next: :meth:`create`. If the
        gateway goes away or is out of memory, ``CloseMessages`` comes at once.
        """

    def create(self, conn: ConnId, create: Create, now: float) -> None:
        """Begin an exchange. Without ``event_id`` the gateway names it; its events have the name.

        A request that cannot run ends with ``NativeFailed``, as it would over a socket. ``LocalProtocolError`` if an
        exchange with this ``event_id`` is running. Next: wait for ``Flush``, then :meth:`take_events`.
        """

    def cancel(self, conn: ConnId, event_id: str, now: float) -> None:
        """End an exchange at once, with the provider's call: ``NativeCancelled`` follows, and what waits for it behind
        the client's events is dropped. No effect if it has ended."""

    def take_events(self, conn: ConnId, limit: int, now: float) -> list[NativeEvent]:
        """Take at most ``limit`` events, the exchanges of the session in turn. Fewer: wait for the next ``Flush``.

        Taking makes room: what is not taken waits, at most so much for each exchange, and then its provider is paused.
        So a client that takes its exchanges at different paces opens a session for each. After ``CloseMessages`` take
        the rest, then call :meth:`closed`; call that at any time to leave, which cancels what runs.
        """
