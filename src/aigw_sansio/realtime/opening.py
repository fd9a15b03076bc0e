"""A realtime client that waits for the host before its provider is dialled.

Decides: the order of the questions: whether it may go, then the key for it; the quotas are last. Must not know: relays
and connections.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ..downstream.addresses import client_at
from ..downstream.admission import AdmittedClient
from ..downstream.policy_questions import admit, denial, find_key, wants_admission, wants_key
from ..downstream.ports import PendingRequest
from ..downstream.refusal import emit_refusal
from ..downstream.routes import RealtimeResource
from ..effects import Answer, Key, Question
from ..engine.services import Services
from ..faults import Denial, Fault, FaultKind, Side
from ..ids import AskId
from ..providers.named_model import named_model
from ..providers.realtime import RealtimeCall
from ..quotas.claim import NOTHING, StepQuota
from ..quotas.limiter import Limiter, Waiting

#: Told of the outcome: why the client cannot go on, or the key that the host has found. Returns what the request waits
#: for next.
Decided: TypeAlias = Callable[[Fault | Key | None, float], PendingRequest | None]


def questions_about(admitted: AdmittedClient, call: RealtimeCall) -> list[Question]:
    """What the host is asked about the ``call`` of an ``admitted`` client, in order."""
    settings, resource = admitted.settings, admitted.resource
    if not settings.ask:
        return []
    assert isinstance(resource, RealtimeResource)
    client = admitted.principal, resource.account, resource.gateway
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in admitted.request.headers}
    questions: list[Question] = []
    if wants_admission(settings):
        question = admit(
            client,
            provider=call.provider,
            endpoint=call.endpoint,
            model=named_model(call.target.decode("ascii")),
            size=0,
            headers=headers,
        )
        questions.append(question)
    if wants_key(settings, call.key):
        questions.append(find_key(client, provider=call.provider, headers=headers))
    return questions


class PendingAnswers:
    """Asks the host, one question after the other. Implements ``PendingRequest``."""

    __slots__ = ("_ask_id", "_decided", "_next", "_questions", "_request", "_services")

    def __init__(
        self, services: Services, admitted: AdmittedClient, questions: list[Question], decided: Decided, now: float
    ) -> None:
        """``decided`` is called once, after the last answer or the first denial, unless the client goes before."""
        self._services = services
        # Not kept for the session: its head, which takes much memory.
        self._request = msgspec.structs.replace(admitted.request, headers=[], target=b"")
        self._questions = iter(questions)
        self._decided = decided
        self._next: PendingRequest | None = None
        self._ask_id: AskId | None = services.ask(next(self._questions), self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        fault = denial(answer)
        question = next(self._questions, None) if fault is None else None
        if question is not None:
            self._ask_id = self._services.ask(question, self._answered, now)
            return
        self._ask_id = None
        decided, self._decided = self._decided, _nobody_decides
        self._next = decided(fault if fault is not None else answer if isinstance(answer, Key) else None, now)

    def client_gone(self, now: float) -> None:
        """The client left: no answer is needed any more."""
        if self._ask_id is None:
            if self._next is not None:
                self._next.client_gone(now)
            return
        self._services.withdraw(self._ask_id)
        self._decided = _nobody_decides
        fault = Fault(FaultKind.CLIENT_GONE, Side.CLIENT, "the client left before the host had decided about it")
        emit_refusal(self._services, self._request, fault, address=client_at(self._request.peer))


#: Told whether there is room. Returns what the request waits for next.
Entered: TypeAlias = Callable[[Denial | None, float], PendingRequest | None]


class PendingRoom:
    """A client that may have to wait until the host has counted it. Implements ``PendingRequest``."""

    __slots__ = ("_decided", "_limiter", "_next", "_quota", "_request", "_services", "_waiting")

    def __init__(
        self, services: Services, limiter: Limiter, admitted: AdmittedClient, quota: StepQuota, decided: Entered
    ) -> None:
        """``decided`` is called once, unless the client goes before. Call :meth:`start` next."""
        self._services = services
        self._limiter = limiter
        self._request = msgspec.structs.replace(admitted.request, headers=[], target=b"")
        self._quota = quota
        self._decided = decided
        self._next: PendingRequest | None = None
        self._waiting: Waiting | None = None

    def start(self, now: float) -> PendingRequest | None:
        """Take the room, or ask for it. What the request waits for then."""
        outcome = self._limiter.take(self._quota, self._told, now)
        if outcome is None or isinstance(outcome, Denial):
            return self._decided(outcome, now)
        self._waiting = outcome
        return self

    def _told(self, denial: Denial | None, now: float) -> None:
        self._waiting = None
        decided, self._decided = self._decided, _nobody_enters
        self._next = decided(denial, now)

    def client_gone(self, now: float) -> None:
        """The client left: no room is needed any more."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            if self._next is not None:
                self._next.client_gone(now)
            return
        waiting.withdraw()
        self._decided = _nobody_enters
        self._quota.finish(NOTHING, now)
        fault = Fault(FaultKind.CLIENT_GONE, Side.CLIENT, "the client left before its quotas were known")
        emit_refusal(self._services, self._request, fault, address=client_at(self._request.peer))


def _nobody_enters(denial: Denial | None, now: float) -> PendingRequest | None:
    """It is decided, or the client has gone."""
    return None


def _nobody_decides(outcome: Fault | Key | None, now: float) -> None:
    """It is decided, or the client has gone."""
