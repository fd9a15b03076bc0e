"""Requests that wait for answers of the host before they begin: for the check of their tokens, then for media.

Decides: what the host is asked for a request, tokens one after the other, media all at once; what is kept of its
answers. Must not know: what happens to a request afterwards, and why media are needed.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ..dialects.commands import Create
from ..effects import Answer, Authenticate, Authenticated, FetchedMedia, FetchMedia
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..ids import AskId
from ..prompt import Blob
from ..secret import Secret
from .compat import NOTHING_GIVEN, GivenMedia


class PendingCreate(NamedTuple):
    """A create that has its ids and has not begun. ``size``: the bytes that it takes in memory, without ``media``, what
    the host gave for it."""

    create: Create
    event_id: str
    log_id: str
    size: int
    media: GivenMedia = NOTHING_GIVEN


class _Waiting:
    """One that waits: its questions, how many media are still to come, and the bytes that it takes so far."""

    __slots__ = ("asks", "fetches", "pending", "size")

    def __init__(self, pending: PendingCreate, fetches: int = 0) -> None:
        self.pending = pending
        self.asks: list[AskId] = []
        self.fetches = fetches
        self.size = pending.size


class HostQuestions:
    """The questions of one session."""

    __slots__ = ("_account", "_answered", "_decided", "_gateway", "_overfull", "_services", "_waiting")

    def __init__(
        self,
        services: Services,
        *,
        account: str,
        gateway: str,
        decided: Callable[[PendingCreate, Fault | None, float], None],
        answered: Callable[[float], None],
        overfull: Callable[[], Fault | None],
    ) -> None:
        """``decided`` is told once of each request that was not withdrawn; the fault says why it may not begin.
        ``answered`` is told after every answer that leaves another token to ask about. ``overfull`` is asked when media
        have come: why they are too many to be kept, if they are."""
        self._services = services
        self._account = account
        self._gateway = gateway
        self._decided = decided
        self._answered = answered
        self._overfull = overfull
        self._waiting: dict[str, _Waiting] = {}

    @property
    def size(self) -> int:
        """The memory that the requests which wait take, in bytes."""
        return sum(waiting.size for waiting in self._waiting.values())

    @property
    def fetches(self) -> int:
        """How many media are still to come."""
        return sum(waiting.fetches for waiting in self._waiting.values())

    def check(self, pending: PendingCreate, tokens: list[Secret], now: float) -> None:
        """Ask the host about ``tokens``; there is at least one."""
        waiting = self._waiting[pending.event_id] = _Waiting(pending)

        def answered(answer: Answer, at: float) -> None:
            del self._waiting[pending.event_id]  # before the decision, which may start an exchange of this id
            if not (isinstance(answer, Authenticated) and answer.allowed):
                detail = "the token in cf-aig-authorization of the request's headers is not allowed here"
                self._decided(pending, Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail), at)
            elif len(tokens) > 1:
                self.check(pending, tokens[1:], at)
                self._answered(at)
            else:
                self._decided(pending, None, at)

        waiting.asks.append(self._services.ask(Authenticate(self._account, self._gateway, tokens[0]), answered, now))

    def fetch(self, pending: PendingCreate, urls: Sequence[str], principal: str | None, now: float) -> None:
        """Ask the host for what is at ``urls``, which differ; there is at least one. ``decided`` is told of ``pending``
        with its ``media``: the content of each URL, or in one sentence why there is none."""
        waiting = self._waiting[pending.event_id] = _Waiting(pending, len(urls))
        limits, within_s = self._services.config.limits, self._services.config.timeouts.fetch_s
        given: dict[str, Blob | str] = {}
        for url in urls:
            question = FetchMedia(
                account=self._account,
                gateway=self._gateway,
                principal=principal,
                url=url,
                limit=limits.fetched_media_bytes,
            )
            answered = partial(self._fetched, waiting, given, url)
            waiting.asks.append(self._services.ask(question, answered, now, within_s=within_s))

    def _fetched(self, waiting: _Waiting, given: dict[str, Blob | str], url: str, answer: Answer, now: float) -> None:
        found = given[url] = _content(answer, self._services.config.limits.fetched_media_bytes)
        waiting.fetches -= 1
        if isinstance(found, Blob):
            waiting.size += len(found.content)
            self._services.grow(len(found.content))
        fault = self._overfull()
        if fault is not None or not waiting.fetches:
            self.withdraw(waiting.pending.event_id)  # before the decision, which may start an exchange of this id
            self._decided(waiting.pending._replace(media=given), fault, now)

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
        self._decided = _nobody_decides
        self._answered = _nobody_goes_on

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[PendingCreate]:
        return iter([waiting.pending for waiting in self._waiting.values()])


def _content(answer: Answer, limit: int) -> Blob | str:
    """What the host gave for a URL, or why it is none."""
    if not isinstance(answer, FetchedMedia):
        return "The host gave nothing for its URL."
    if len(answer.content) > limit:
        return f"What is at its URL has more than {limit} bytes (fetched_media_bytes)."
    return Blob(b64encode(answer.content).decode("ascii"), answer.media_type)


def _nobody_decides(pending: PendingCreate, fault: Fault | None, now: float) -> None:
    """The session has ended, and is not told."""


def _nobody_goes_on(now: float) -> None:
    """The session has ended, and is not told."""
