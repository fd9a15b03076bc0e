"""Requests about which the host is asked before they begin.

Decides: that a request waits until the host has answered each question about it, one after the other, and goes no
further after the first refusal. Must not know: which questions there are, and what happens to a request afterwards.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ..dialects.commands import Create
from ..effects import Answer, Question
from ..engine.services import Services
from ..exchanges.ports import PlannedStep
from ..faults import Fault
from ..ids import AskId


class PendingCreate(NamedTuple):
    """A create that has its ids and has not begun. ``size``: the bytes that it takes in memory. ``steps``: its plan, if
    it has one already."""

    create: Create
    event_id: str
    log_id: str
    size: int
    steps: Sequence[PlannedStep] | None = None


class HostChecks:
    """The running checks of one session."""

    __slots__ = ("_answered", "_decided", "_pending", "_refusal", "_services")

    def __init__(
        self,
        services: Services,
        *,
        refusal: Callable[[PendingCreate, Question, Answer], Fault | None],
        decided: Callable[[PendingCreate, Fault | list[Answer], float], None],
        answered: Callable[[float], None],
    ) -> None:
        """``refusal`` says why an answer refuses the request. ``decided`` is told once of each check that was not
        withdrawn: the fault, or all answers in the order of their questions. ``answered`` is told after every answer
        that leaves another question."""
        self._services = services
        self._refusal = refusal
        self._decided = decided
        self._answered = answered
        self._pending: dict[str, tuple[AskId, PendingCreate]] = {}

    def check(self, pending: PendingCreate, questions: Sequence[Question], now: float) -> None:
        """Ask the host ``questions``; there is at least one."""
        self._ask(pending, questions, [], now)

    def _ask(self, pending: PendingCreate, questions: Sequence[Question], answers: list[Answer], now: float) -> None:
        # No function inside of this one: compiled, it would be part of a cycle.
        answered = partial(self._told, pending, questions, answers)
        self._pending[pending.event_id] = self._services.ask(questions[len(answers)], answered, now), pending

    def _told(
        self, pending: PendingCreate, questions: Sequence[Question], answers: list[Answer], answer: Answer, now: float
    ) -> None:
        del self._pending[pending.event_id]  # before the decision, which may start an exchange of this id
        fault = self._refusal(pending, questions[len(answers)], answer)
        answers.append(answer)
        if fault is not None:
            self._decided(pending, fault, now)
        elif len(answers) < len(questions):
            self._ask(pending, questions, answers, now)
            self._answered(now)
        else:
            self._decided(pending, answers, now)

    @property
    def request_bytes(self) -> int:
        """The memory that the requests take which wait."""
        return sum(pending.size for _, pending in self._pending.values())

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
        self._refusal = _nobody_refuses
        self._decided = _nobody_decides
        self._answered = _nobody_goes_on

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._pending

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[PendingCreate]:
        return iter([pending for _, pending in self._pending.values()])


def _nobody_refuses(pending: PendingCreate, question: Question, answer: Answer) -> None:
    """The session has ended, and is not told."""


def _nobody_decides(pending: PendingCreate, outcome: Fault | list[Answer], now: float) -> None:
    """The session has ended, and is not told."""


def _nobody_goes_on(now: float) -> None:
    """The session has ended, and is not told."""
