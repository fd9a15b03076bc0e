"""The way of a request from its arrival to its plan.

Decides: the order: the tokens in it, its plan, then what the host says about the plan. Must not know: the limits of a
session, dialects, and what becomes of a plan.

The host is asked before anything is sent, about all steps: a step that is denied refuses the request, as a provider
that is not allowed does. Else a client could reach it by making the step before it fail.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..effects import Admit, Answer, Question
from ..engine.services import Services
from ..events import RequestDenied
from ..exchanges.ports import PlannedStep
from ..faults import Denial, Fault
from .host_checks import HostChecks, PendingCreate
from .planner import ClientInfo, models_told, plan
from .step_questions import found_keys, policy_questions, refusal, token_questions

#: The plan of all steps; or the body of the response, if the gateway itself has it; or why there is none.
Outcome: TypeAlias = Sequence[PlannedStep] | bytes | Fault


class Intake:
    """The requests of one session that have not begun."""

    __slots__ = ("_client", "_decided", "_services", "_session_id", "checks")

    def __init__(
        self,
        services: Services,
        client: ClientInfo,
        session_id: int,
        *,
        decided: Callable[[PendingCreate, Outcome, float], None],
        answered: Callable[[float], None],
    ) -> None:
        """``decided`` is told once of each request, at once or later, unless it was withdrawn from :attr:`checks`.
        ``answered`` is told after every answer of the host that leaves another question."""
        self._services = services
        self._client = client
        self._session_id = session_id
        self._decided = decided
        #: The requests that wait for the host.
        self.checks = HostChecks(services, refusal=self._refusal, decided=self._checked, answered=answered)

    def take(self, pending: PendingCreate, now: float) -> None:
        """Decide about a request that is within all limits."""
        if questions := token_questions(self._client, pending.create.steps):
            self.checks.check(pending, questions, now)
        else:
            self._plan(pending, now)

    def close(self) -> None:
        """The session has ended. It is told nothing any more."""
        self.checks.close()
        self._decided = _nobody_is_told

    def _checked(self, pending: PendingCreate, outcome: Fault | list[Answer], now: float) -> None:
        if isinstance(outcome, Fault):
            self._decided(pending, outcome, now)
        elif pending.steps is None:
            self._plan(pending, now)
        else:
            self._go(pending, pending.steps, outcome, now)

    def _plan(self, pending: PendingCreate, now: float) -> None:
        """The tokens are right: make the plan, and ask about it."""
        client, steps = self._client, pending.create.steps
        models = models_told(self._services, client, steps)
        planned = plan(self._services, client, steps, now) if models is None else models
        if isinstance(planned, bytes | Fault):
            self._decided(pending, planned, now)
            return
        kept = sum(step.answer.memory for step in planned)
        self._services.grow(kept)
        pending = pending._replace(size=pending.size + kept, steps=planned)
        if client.settings.ask and (questions := policy_questions(client, steps, planned, pending.log_id)):
            self.checks.check(pending, questions, now)
        else:
            self._decided(pending, planned, now)

    def _go(self, pending: PendingCreate, planned: Sequence[PlannedStep], answers: list[Answer], now: float) -> None:
        """The host lets the request go. With the keys that it has found, the plan is another one."""
        client, steps = self._client, pending.create.steps
        outcome: Outcome = planned
        questions = policy_questions(client, steps, planned, pending.log_id)
        if keys := found_keys(client, steps, planned, questions, answers):
            outcome = plan(self._services, client, steps, now, keys)
        self._decided(pending, outcome, now)

    def _refusal(self, pending: PendingCreate, question: Question, answer: Answer) -> Fault | None:
        fault = refusal(question, answer, len(pending.create.steps))
        if isinstance(fault, Denial) and isinstance(question, Admit):
            self._services.emit(
                RequestDenied(
                    session=self._session_id,
                    event_id=pending.event_id,
                    log_id=pending.log_id,
                    step=question.step,
                    provider=question.provider,
                    status=fault.status,
                    code=fault.code,
                    reason=fault.detail,
                    retry_after_s=fault.retry_after_s,
                )
            )
        return fault


def _nobody_is_told(pending: PendingCreate, outcome: Outcome, now: float) -> None:
    """The session has ended."""
