"""What a driver expects of an engine, and what a host may hand to a driver.

Decides: the methods by which a driver and a sans-IO engine talk, as types. Must not know: any engine, any transport.

:class:`aigw_sansio.gateway.Gateway` is the engine; anything with these methods can be driven. All times are monotonic
seconds of one clock. The duties of a driver:

1. One thread or loop per engine.
2. ``now`` never goes back.
3. After every call execute all effects in order. Inputs may be called while effects run; the outermost loop drains
   what they add.
4. One writer per connection: pull until empty, or until a pull gave fewer than asked for, then wait for ``Flush``.
5. Report ``data_sent`` after the transport took the bytes, and do not pull again before. A report may confirm part of
   a pull or several pulls, never more than was pulled.
6. Read at most 64 KiB at a time. After ``PauseReading`` one read already under way may still be delivered.
7. Report each end once: ``receive_eof``, ``connection_lost`` or ``connect_failed``; then ``closed``, once and last.
8. ``Close`` means finish sending and then close, ``Close(abort)`` means now; both cancel a dial. After ``Close``
   nothing but ``data_sent`` and ``closed`` is reported.
9. Call ``handle_timeout`` at or after ``next_timeout()``.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from aigw_sansio.effects import Answer, Effect, Question
from aigw_sansio.ids import AskId, ConnId

#: The most bytes that one read may deliver, and that one pull asks for.
READ_SIZE = 65536

#: Looks up what the core asks for. An exception, or an answer of the wrong class, counts as ``Unavailable``.
AnswerHandler: TypeAlias = Callable[[Question], Awaitable[Answer]]


class SansIoEngine(Protocol):
    """The inputs and outputs of an engine."""

    def open_downstream(self, peer: str, alpn: str | None, now: float) -> ConnId:
        """A client connected from ``peer`` (``"192.0.2.1:5000"``, ``"[2001:db8::1]:5000"``, ``"unix"``)."""

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """The dial asked for by ``Connect`` succeeded; ``alpn`` is what the server chose, if it chose."""

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """The dial failed. ``closed`` follows."""

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """``data`` was read; it is never empty and at most :data:`READ_SIZE` long."""

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """The peer ended its side in good order. Ours stays open until ``Close``."""

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """The connection broke: a reset, a failed write, a TLS stream cut short. ``closed`` follows."""

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """The transport took ``n`` of the bytes that were pulled."""

    def closed(self, conn: ConnId, now: float) -> None:
        """``conn`` is released: the last input for it."""

    def answer(self, id: AskId, value: Answer, now: float) -> None:
        """The answer to an ``Ask``."""

    def handle_timeout(self, now: float) -> None:
        """A deadline passed."""

    def effects(self) -> list[Effect]:
        """What is to be done, in order; each effect is handed out once."""

    def data_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> bytes:
        """Up to ``limit`` bytes for ``conn``, fewer only where these are all; empty where there are none, or where
        ``conn`` is over."""

    def next_timeout(self) -> float | None:
        """When :meth:`handle_timeout` is due."""
