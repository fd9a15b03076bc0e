"""The way of a request from its arrival to its plan.

Decides: the order: the tokens in it, its plan, what the host says about the plan and what it has kept, then media. Must
not know: dialects, and what becomes of a plan.

The host is asked before anything is sent, about all steps: a step that is denied refuses the request, as a provider
that is not allowed does. Else a client could reach it by making the step before it fail. Media come last, so that a
request which is denied costs no fetch: until they have come, a draft of the plan tells where the request would go.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..effects import Admit, Answer, KeptResponse, Question
from ..engine.services import Services
from ..events import RequestDenied
from ..exchanges.ports import PlannedStep
from ..faults import Denial, Fault
from ..parts.parts import Parts
from ..providers.cache_use import hit
from .caching import looked_up, looks_up, with_hit
from .client_limits import ClientLimits
from .given_media import given_bytes
from .host_questions import HostQuestions, PendingCreate
from .plan_memo import PlanMemo
from .planner import Draft, memory_of, models_told, plan, steps_of
from .step_questions import found_keys, policy_questions, refusal, token_questions

#: The plan of all steps; or the body of the response, if the gateway itself has it; or why there is none.
Outcome: TypeAlias = Sequence[PlannedStep] | bytes | Fault


class Intake:
    """The requests of one session that have not begun."""

    __slots__ = ("_decided", "_limits", "_memo", "_parts", "_services", "_session_id", "questions")

    def __init__(
        self,
        services: Services,
        limits: ClientLimits,
        session_id: int,
        *,
        parts: Parts,
        decided: Callable[[PendingCreate, Outcome, float], None],
        waits: Callable[[float], None],
    ) -> None:
        """``decided`` is told once of each request, at once or later, unless it was withdrawn from :attr:`questions`;
        the size of a request that has a plan counts it. ``waits`` is told when another answer of the host is waited for
        than before."""
        self._services = services
        self._limits = limits
        self._session_id = session_id
        self._parts = parts
        self._decided = decided
        self._memo = PlanMemo()
        #: The requests that wait for the host.
        self.questions = HostQuestions(
            services,
            refusal=self._refusal,
            checked=self._checked,
            fetched=self._fetched,
            waits=waits,
            overfull=limits.overfull,
        )

    def moved(self, limits: ClientLimits) -> None:
        """The client has another connection, with these limits."""
        self._limits = limits
        self.questions.overfull = limits.overfull

    def take(self, pending: PendingCreate, now: float) -> None:
        """Decide about a request that is within all limits."""
        if questions := token_questions(pending.client, pending.create.steps):
            self.questions.check(pending, questions, now)
        else:
            self._plan(pending, now)

    def close(self) -> None:
        """The session has ended. It is told nothing any more."""
        self.questions.close()
        self._decided = _nobody_is_told
        self._memo.close()

    def _checked(
        self, pending: PendingCreate, questions: Sequence[Question], outcome: Fault | list[Answer], now: float
    ) -> None:
        if isinstance(outcome, Fault):
            self._decided(pending, outcome, now)
        elif pending.plan is None:
            self._plan(pending, now)
        else:
            self._admitted(pending, pending.plan, questions, outcome, now)

    def _plan(self, pending: PendingCreate, now: float) -> None:
        """The tokens are right: make the plan, and ask about it."""
        client, steps = pending.client, pending.create.steps
        models = models_told(client, steps)
        planned = self._make(pending, now) if models is None else models
        if isinstance(planned, bytes | Fault):
            self._decided(pending, planned, now)
            return
        self._services.grow(memory_of(planned))
        if questions := self._questions_about(pending, planned):
            self.questions.check(pending._replace(plan=planned), questions, now)
        else:
            self._go(pending, planned, now)

    def _questions_about(self, pending: PendingCreate, planned: Sequence[PlannedStep] | Draft) -> list[Question]:
        """What the host is asked about a plan. What the answer to a draft depends on is not known yet. One that is not
        to be sent needs neither a key nor what is kept."""
        generates = pending.create.generates
        cache = None if isinstance(planned, Draft) or not generates else looks_up(planned)
        client = pending.client
        if cache is None and not client.settings.ask:
            return []
        questions = policy_questions(client, pending.create.steps, steps_of(planned), pending.log_id, cache)
        return questions if generates else [question for question in questions if isinstance(question, Admit)]

    def _make(self, pending: PendingCreate, now: float) -> Sequence[PlannedStep] | Draft | Fault:
        """The plan, as far as the host has answered."""
        return plan(
            self._services,
            pending.client,
            pending.create.steps,
            now,
            given=pending.media,
            wanted=pending.wanted,
            keys=pending.keys,
            parts=self._parts,
            log_id=pending.log_id,
            memo=self._memo,
        )

    def _admitted(
        self,
        pending: PendingCreate,
        planned: Sequence[PlannedStep] | Draft,
        questions: Sequence[Question],
        answers: list[Answer],
        now: float,
    ) -> None:
        """The host lets the request go. With the keys that it has found, the plan is another one."""
        pending = pending._replace(plan=None)
        found = hit(answers[-1], self._services.config.limits)
        if found is not None and not isinstance(planned, Draft):
            self._found(pending, planned, found, asked_all=len(answers) == len(questions), now=now)
            return
        made: Sequence[PlannedStep] | Draft | Fault = planned
        if keys := found_keys(pending.client, pending.create.steps, steps_of(planned), questions, answers):
            pending = pending._replace(keys=keys)
            made = self._make(pending, now)
        self._go(pending, made if isinstance(made, Draft | Fault) else looked_up(made), now)

    def _found(
        self,
        pending: PendingCreate,
        planned: Sequence[PlannedStep],
        found: KeptResponse,
        *,
        asked_all: bool,
        now: float,
    ) -> None:
        """The answer to the first step is kept."""
        size = len(found.body)
        fault = self._limits.overfull(pending.size + size)
        if fault is not None:
            self._decided(pending, fault, now)
            return
        self._services.grow(size)
        self._go(pending._replace(size=pending.size + size), with_hit(planned, found, asked_all=asked_all), now)

    def _fetched(self, pending: PendingCreate, fault: Fault | None, now: float) -> None:
        """The host gave media, or why there are none."""
        steps = pending.create.steps
        # each step has a copy of them
        fault = fault or self._limits.overfull(pending.size + len(steps) * given_bytes(pending.media))
        if fault is not None:
            self._decided(pending, fault, now)
            return
        planned = self._make(pending, now)
        if not isinstance(planned, Fault):
            self._services.grow(memory_of(planned))
        self._go(pending, planned, now)

    def _go(self, pending: PendingCreate, planned: Sequence[PlannedStep] | Draft | Fault, now: float) -> None:
        """Nobody has anything against the request: it goes, if it has all media."""
        if isinstance(planned, Draft):
            fault = self._limits.refuse_fetches(len(planned.urls))
            if fault is None:
                self.questions.fetch(pending._replace(wanted=planned.wanted), planned.urls, now)
            else:
                self._decided(pending, fault, now)
        elif isinstance(planned, Fault):
            self._decided(pending, planned, now)
        else:
            if memory := memory_of(planned):
                pending = pending._replace(size=pending.size + memory)
            self._decided(pending, planned, now)

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
