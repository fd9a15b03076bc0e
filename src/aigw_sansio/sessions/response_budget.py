"""The responses held for one client connection, of all its sessions together (client protocol, section 3.4).

Decides: which providers are paused because too much is held for this client. Must not know: messages, channels, and how
an exchange gets its response.

Theory of operation. If everything held for the client (queues, uncommitted chunks, partial bodies) is over
``buffered_response_bytes_per_connection``, all its providers are paused except that of the oldest exchange that is
still collecting a response: while nothing is queued for the client, only its completion can free memory. It too is
paused if messages are queued and the hard limit is reached. While the process has no memory left, all of a
client that holds much of it are paused. What begins meanwhile is paused from the start.

Pausing and resuming is decided once, at the end of the input: resuming an exchange may end it while a caller is still
iterating.
"""

from collections.abc import Iterable
from typing import Protocol

from ..engine.services import Services
from ..exchanges.ports import Scheduled


class BudgetMember(Protocol):
    """The scheduler of one session, as the budget sees it."""

    @property
    def queued(self) -> int:
        """Bytes in all queues."""

    def running(self) -> Iterable[Scheduled]:
        """The exchanges that have not ended, oldest first."""


class ResponseBudget:
    """The budget of one client connection."""

    __slots__ = (
        "_balancing",
        "_hard_limit",
        "_limit",
        "_members",
        "_over",
        "_released",
        "_services",
        "_squeezed",
        "held",
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        limits = services.config.limits
        self._limit = limits.buffered_response_bytes_per_connection
        self._hard_limit = self._limit + limits.response_body_bytes
        self._members: dict[BudgetMember, None] = {}
        self._over = False  # providers are paused
        self._squeezed: set[BudgetMember] = set()
        self._released: list[BudgetMember] = []  # squeezed no more
        self._balancing = False
        #: All bytes held for the client.
        self.held = 0

    def joined(self, member: BudgetMember) -> None:
        """A session began."""
        self._members[member] = None

    def welcome(self, member: BudgetMember) -> None:
        """The session comes from another budget, which may have paused its providers."""
        self._released.append(member)
        if not self._balancing:
            self._balance_later()

    def left(self, member: BudgetMember) -> None:
        """A session ended, and holds nothing."""
        self._members.pop(member, None)
        self._squeezed.discard(member)
        if member in self._released:  # what runs in it is paused by another budget, if at all
            self._released = [one for one in self._released if one is not member]

    def account(self, delta: int) -> None:
        """``delta`` bytes more are held than before."""
        self.held += delta
        if delta > 0:
            self._services.grow(delta)
        if (self.held > self._limit or self._over) and not self._balancing:
            self._balance_later()

    def squeeze(self, member: BudgetMember, *, on: bool) -> None:
        """``on``: the process has no memory left, and the client of ``member`` holds much of it."""
        if on:
            if member in self._squeezed:
                return
            self._squeezed.add(member)
        elif member in self._squeezed:
            self._squeezed.remove(member)
            self._released.append(member)
        if not self._balancing:
            self._balance_later()

    def pauses(self, member: BudgetMember) -> bool:
        """Whether an exchange that begins for ``member`` now is to be paused from the start, like the others."""
        return self._over or member in self._squeezed

    def _balance_later(self) -> None:
        self._balancing = True
        self._services.defer(self._balance)

    def _balance(self, now: float) -> None:
        """Pause or resume providers, by what is held at the end of the input."""
        self._balancing = False  # first: resuming may change the account, and ask for another round
        limit = self._limit
        released, self._released = self._released, []
        if self.held > limit:
            self._pause_providers(self._hard_limit, now)
        elif self._over and self.held <= limit - limit // 4:
            self._over = False
            released = list(self._members)
        for member in self._squeezed:
            for exchange in list(member.running()):
                exchange.pause_for_budget()
        if not self._over:
            for member in released:
                if member not in self._squeezed:
                    for exchange in list(member.running()):
                        exchange.resume_after_budget(now)

    def _pause_providers(self, hard_limit: int, now: float) -> None:
        """Pause every provider except the oldest whose response is still being collected: only its end can free
        memory while nothing is queued for the client. Pause that one too if messages are queued and ``hard_limit`` is
        reached."""
        self._over = True
        queued = any(member.queued for member in self._members)
        one_may_run = not queued or self.held < hard_limit
        for exchange in self._running():
            if one_may_run and exchange.collecting:
                one_may_run = False
                exchange.resume_after_budget(now)
            else:
                exchange.pause_for_budget()

    def _running(self) -> list[Scheduled]:
        return [exchange for member in self._members for exchange in member.running()]
