"""The seam between an exchange and its session: the planned steps, and the way to the client.

Decides: what each sees of the other. Must not know: either of them.
"""

from collections.abc import Callable, Sized
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

from ..engine.key_rings import TELLING
from ..faults import Fault, Side
from ..formats.translation import Note
from ..ids import NO_OPTIONS, CustomCost, RecordOptions
from ..providers.call import ProviderCall
from ..providers.compat import ClientFormat
from .own_parts import OwnReading
from .policy import Policy

if TYPE_CHECKING:
    from ..formats.answers.base import AnswerWriter

#: The message that ended an exchange; ``gone`` if the client's channel ended before it.
Ending = Literal["created", "done", "error", "cancelled", "gone"]


#: What an encoder makes and an outlet sends; its ``len`` is what it counts. An exchange only passes it on.
MessageT = TypeVar("MessageT", bound=Sized)


class Caller(NamedTuple):
    """Whose exchange it is, as its events tell."""

    session: int
    account: str
    gateway: str
    principal: str | None
    traceparent: str | None  #: of the client's upgrade


class AnswerPlan(NamedTuple):
    """How the client is shown a step's response. ``writer`` makes a writer of the client's ``format``, given the id and
    the Unix time (seconds) of the response; ``None``: the provider's own bytes are shown. ``notes``: what the
    translation of the request lost. ``memory``: the bytes that it holds until the exchange has ended."""

    notes: tuple[Note, ...] = ()
    format: ClientFormat = "openai-chat"
    writer: "Callable[[str, int], AnswerWriter] | None" = None
    memory: int = 0


class PlannedStep(NamedTuple):
    """A step that can run: the call, how often and how long it is tried, and how its response is shown. ``reading``:
    how its response is read, if not in the usual way. ``record``: what is said about the record of the request.
    ``price``: what its response costs, if somebody knows. ``others``: the call with other keys. ``metered``: a budget
    counts its response. ``hides_usage``: the chunk that tells only its usage is not for the client."""

    call: ProviderCall
    policy: Policy
    answer: AnswerPlan = AnswerPlan()
    reading: OwnReading | None = None
    record: RecordOptions = NO_OPTIONS
    price: CustomCost | None = None
    others: tuple[ProviderCall, ...] = ()
    metered: bool = False
    hides_usage: bool = False

    def call_of(self, tries: int) -> ProviderCall:
        """The call of the first, second ... try: each with another key, if there are several."""
        return self.call if tries == 1 or not self.others else self.others[(tries - 2) % len(self.others)]

    def has_another_key(self, status: int, tries: int) -> bool:
        """Whether the next try is with a key that was not tried yet, after a response with ``status`` that says
        something about the last one."""
        return status in TELLING and tries <= len(self.others)


class Cancellable(Protocol):
    """An exchange, as one who may cancel it sees it."""

    def cancel(self, how: Literal["cancelled", "gone"], by: Side, fault: Fault, now: float) -> None:
        """See :meth:`.exchange.Exchange.cancel`."""


class Scheduled(Protocol):
    """An exchange, as the outlet that it shares with others sees it."""

    @property
    def event_id(self) -> str:
        """The client's id of the exchange."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be posted."""

    @property
    def collecting(self) -> bool:
        """Whether it holds part of a response that is not committed."""

    @property
    def paused_by_queue(self) -> bool:
        """Whether ``pause_for_queue`` pauses its provider."""

    def pause_for_queue(self) -> None:
        """Pause the provider: the messages of the exchange are queued."""

    def pause_for_budget(self) -> None:
        """Pause the provider: too much is held for the client."""

    def resume_after_queue(self, now: float) -> None:
        """Resume the provider: the queue is short again."""

    def resume_after_budget(self, now: float) -> None:
        """Resume the provider: less is held for the client again."""


class ExchangeOutlet(Protocol[MessageT]):
    """The way to the client, shared with other exchanges. It queues the messages that cannot be sent yet."""

    def post(self, exchange: Scheduled, messages: list[MessageT], now: float) -> None:
        """Send ``messages``, taking turns with those of other exchanges."""

    def discard(self, exchange: Scheduled) -> None:
        """Discard the queued messages of ``exchange``."""

    def account(self, delta: int) -> None:
        """The exchanges hold ``delta`` bytes more than before, not counting posted messages."""
