"""Requests whose gateway tokens the host must check before they begin.

Decides: that a request waits until the host has allowed each of its tokens, one question after the other. Must not
know: what happens to a request afterwards.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..dialects.commands import Create
from ..effects import Answer, Authenticate, Authenticated
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..ids import AskId
from ..secret import Secret


class PendingCreate(NamedTuple):
    """A create that has its ids and has not begun. ``size``: the bytes that it takes in memory."""

    create: Create
    event_id: str
    log_id: str
    size: int


class TokenChecks:
    """The running checks of one session."""

    __slots__ = ("_account", "_answered", "_decided", "_gateway", "_pending", "_services")

    def __init__(
        self,
        services: Services,
        *,
        account: str,
        gateway: str,
        decided: Callable[[PendingCreate, Fault | None, float], None],
        answered: Callable[[float], None],
    ) -> None:
        """``decided`` is told once of each check that was not withdrawn; the fault says why the token is not
        allowed. ``answered`` is told after every answer that leaves another token to ask about."""
        self._services = services
        self._account = account
        self._gateway = gateway
        self._decided = decided
        self._answered = answered
        self._pending: dict[str, tuple[AskId, PendingCreate]] = {}

    def check(self, pending: PendingCreate, tokens: list[Secret], now: float) -> None:
        """Ask the host about ``tokens``; there is at least one."""

        def answered(answer: Answer, at: float) -> None:
            del self._pending[pending.event_id]  # before the decision, which may start an exchange of this id
            if not (isinstance(answer, Authenticated) and answer.allowed):
                detail = "the token in cf-aig-authorization of the request's headers is not allowed here"
                self._decided(pending, Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail), at)
            elif len(tokens) > 1:
                self.check(pending, tokens[1:], at)
                self._answered(at)
            else:
                self._decided(pending, None, at)

        ask_id = self._services.ask(Authenticate(self._account, self._gateway, tokens[0]), answered, now)
        self._pending[pending.event_id] = ask_id, pending

    def withdraw(self, event_id: str) -> PendingCreate | None:
        """Withdraw a check and its question. ``None`` if there is no check of that id."""
        found = self._pending.pop(event_id, None)
        if found is None:
            return None
        self._services.withdraw(found[0])
        return found[1]

    def close(self) -> None:
        """The session has ended: withdraw all checks. It is told nothing any more."""
        for event_id in list(self._pending):
            self.withdraw(event_id)
        self._decided = _nobody_decides
        self._answered = _nobody_goes_on

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._pending

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[PendingCreate]:
        return iter([pending for _, pending in self._pending.values()])


def _nobody_decides(pending: PendingCreate, fault: Fault | None, now: float) -> None:
    """The session has ended, and is not told."""


def _nobody_goes_on(now: float) -> None:
    """The session has ended, and is not told."""
