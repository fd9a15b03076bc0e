"""Requests that wait for answers of the host before they begin: whether they may, with which keys, and for media.

Decides: that the questions whose answers decide are asked one after the other, up to the first refusal or to a response
that is kept, and media all at once; what is kept of media. Must not know: which questions there are, why media are
needed, and what happens to a request afterwards.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..dialects.commands import Create
from ..effects import Answer, FetchedMedia, FetchMedia, LookUp, Question
from ..engine.services import Services
from ..exchanges.ports import PlannedStep
from ..faults import Fault
from ..ids import AskId
from ..providers.cache_use import hit
from .given_media import NOTHING_GIVEN, GivenMedia
from .planner import NO_KEYS, NOTHING_WANTED, ClientInfo, Draft, FoundKeys, WantedMedia, memory_of

if TYPE_CHECKING:
    from ..prompt import Blob


class PendingCreate(NamedTuple):
    """A create that has its ids and has not begun. ``size``: the bytes that it takes in memory, without what follows.
    ``client``: with the settings that hold for it, whatever they become.

    ``plan``: its plan or the draft of one, while the host is asked about that. ``keys`` and ``media``: what the host
    has found and given for it; ``wanted``: the media that its steps want.
    """

    create: Create
    event_id: str
    log_id: str
    size: int
    client: ClientInfo
    plan: Sequence[PlannedStep] | Draft | None = None
    keys: FoundKeys = NO_KEYS
    media: GivenMedia = NOTHING_GIVEN
    wanted: WantedMedia = NOTHING_WANTED


class _Waiting:
    """One that waits: its questions, how many media are still to come, and the bytes that it takes so far."""

    __slots__ = ("asks", "fetches", "pending", "size")

    def __init__(self, pending: PendingCreate, fetches: int = 0) -> None:
        self.pending = pending
        self.asks: list[AskId] = []
        self.fetches = fetches
        self.size = pending.size + (0 if pending.plan is None else memory_of(pending.plan))


class HostQuestions:
    """The questions of one session."""

    __slots__ = ("_checked", "_fetched", "_refusal", "_services", "_waiting", "_waits", "overfull")

    def __init__(
        self,
        services: Services,
        *,
        refusal: Callable[[PendingCreate, Question, Answer], Fault | None],
        checked: Callable[[PendingCreate, Sequence[Question], Fault | list[Answer], float], None],
        fetched: Callable[[PendingCreate, Fault | None, float], None],
        waits: Callable[[float], None],
        overfull: Callable[[], Fault | None],
    ) -> None:
        """``refusal`` says why an answer refuses the request. ``checked`` is told once of each :meth:`check` that was
        not withdrawn: its questions, and the fault, or the answers in their order, all of them or up to a ``Hit``;
        ``fetched`` of each :meth:`fetch`: why its media may not be kept, if so. ``waits`` is told when another answer
        is waited for than before. ``overfull`` is asked when media have come: why they are too many to be kept, if they
        are."""
        self._services = services
        self._refusal = refusal
        self._checked = checked
        self._fetched = fetched
        self._waits = waits
        #: Why media that have come are too many to be kept.
        self.overfull = overfull
        self._waiting: dict[str, _Waiting] = {}

    @property
    def size(self) -> int:
        """The memory that the requests which wait take, in bytes."""
        return sum(waiting.size for waiting in self._waiting.values())

    @property
    def fetches(self) -> int:
        """How many media are still to come."""
        return sum(waiting.fetches for waiting in self._waiting.values())

    def check(self, pending: PendingCreate, questions: Sequence[Question], now: float) -> None:
        """Ask the host ``questions``; there is at least one."""
        self._ask(pending, questions, [], now)

    def _ask(self, pending: PendingCreate, questions: Sequence[Question], answers: list[Answer], now: float) -> None:
        # No function inside of this one: compiled, it would be part of a cycle.
        waiting = self._waiting[pending.event_id] = _Waiting(pending)
        answered = partial(self._told, pending, questions, answers)
        question = questions[len(answers)]
        within_s = self._services.config.timeouts.look_up_s if isinstance(question, LookUp) else None
        waiting.asks.append(self._services.ask(question, answered, now, within_s=within_s))

    def _told(
        self, pending: PendingCreate, questions: Sequence[Question], answers: list[Answer], answer: Answer, now: float
    ) -> None:
        del self._waiting[pending.event_id]  # before the decision, which may start an exchange of this id
        fault = self._refusal(pending, questions[len(answers)], answer)
        answers.append(answer)
        if fault is not None:
            self._checked(pending, questions, fault, now)
        elif len(answers) < len(questions) and hit(answer, self._services.config.limits) is None:
            self._ask(pending, questions, answers, now)
            self._waits(now)
        else:
            self._checked(pending, questions, answers, now)

    def fetch(self, pending: PendingCreate, urls: Sequence[str], now: float) -> None:
        """Ask the host for what is at ``urls``, which differ; there is at least one. ``fetched`` is told of ``pending``
        with more ``media``: the content of each URL, or in one sentence why there is none."""
        waiting = self._waiting[pending.event_id] = _Waiting(pending, len(urls))
        client = pending.client
        limit, within_s = client.config.limits.fetched_media_bytes, client.config.timeouts.fetch_s
        given: dict[str, Blob | str] = dict(pending.media)
        for url in urls:
            question = FetchMedia(
                account=client.account,
                gateway=client.gateway,
                principal=client.principal,
                url=url,
                limit=limit,
            )
            answered = partial(self._given, waiting, given, question)
            waiting.asks.append(self._services.ask(question, answered, now, within_s=within_s))
        self._waits(now)

    def _given(
        self, waiting: _Waiting, given: "dict[str, Blob | str]", question: FetchMedia, answer: Answer, now: float
    ) -> None:
        found = given[question.url] = _content(answer, question.limit)
        waiting.fetches -= 1
        if not isinstance(found, str):
            waiting.size += len(found.content)
            self._services.grow(len(found.content))
        fault = self.overfull()
        if fault is not None or not waiting.fetches:
            self.withdraw(waiting.pending.event_id)  # before the decision, which may start an exchange of this id
            self._fetched(waiting.pending._replace(media=given), fault, now)

    def withdraw(self, event_id: str) -> PendingCreate | None:
        """Withdraw a request and its questions. ``None`` if none of that id waits."""
        found = self._waiting.pop(event_id, None)
        if found is None:
            return None
        for ask_id in found.asks:
            self._services.withdraw(ask_id)
        return found.pending

    def close(self) -> None:
        """The session has ended: withdraw all of them. It is told nothing any more."""
        for event_id in list(self._waiting):
            self.withdraw(event_id)
        self._refusal = _nobody_refuses
        self._checked = _nobody_decides
        self._fetched = _nobody_takes
        self._waits = _nobody_waits

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[PendingCreate]:
        return iter([waiting.pending for waiting in self._waiting.values()])


def _content(answer: Answer, limit: int) -> "Blob | str":
    """What the host gave for a URL, or why it is none."""
    if not isinstance(answer, FetchedMedia):
        return "The host gave nothing for its URL."
    if len(answer.content) > limit:
        return f"What is at its URL has more than {limit} bytes (fetched_media_bytes)."
    from ..prompt import Blob

    return Blob(b64encode(answer.content).decode("ascii"), answer.media_type)


def _nobody_refuses(pending: PendingCreate, question: Question, answer: Answer) -> None:
    """The session has ended, and is not told."""


def _nobody_decides(
    pending: PendingCreate, questions: Sequence[Question], outcome: Fault | list[Answer], now: float
) -> None:
    """The session has ended, and is not told."""


def _nobody_takes(pending: PendingCreate, fault: Fault | None, now: float) -> None:
    """The session has ended, and is not told."""


def _nobody_waits(now: float) -> None:
    """The session has ended, and is not told."""
