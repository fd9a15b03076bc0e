"""The steps of an exchange, and its way to the client.

Decides: the border between an exchange and its session. Must not know: either of them.
"""

from typing import Literal, NamedTuple, Protocol

from ..providers.call import ProviderCall
from .policy import Policy

#: The message that ended an exchange; ``gone`` if the client could no longer be told.
Ending = Literal["created", "done", "error", "cancelled", "gone"]


class PlannedStep(NamedTuple):
    """A step that can run: the provider's call, and how often and how long it is tried."""

    call: ProviderCall
    policy: Policy


class Scheduled(Protocol):
    """An exchange, as the outlet that it shares with others sees it."""

    @property
    def event_id(self) -> str:
        """The client's name for it."""

    @property
    def ended(self) -> bool:
        """Nothing more will be posted."""

    @property
    def collecting(self) -> bool:
        """It holds part of a response that the client cannot have yet."""

    @property
    def paused_by_queue(self) -> bool:
        """``pause_for_queue`` is in force."""

    def pause_for_queue(self) -> None:
        """Take nothing more from the provider: its messages wait."""

    def pause_for_budget(self) -> None:
        """Take nothing more from the provider: too much is held for the client."""

    def resume_after_queue(self, now: float) -> None:
        """Its messages are fewer again."""

    def resume_after_budget(self, now: float) -> None:
        """Less is held for the client again."""


class ExchangeOutlet(Protocol):
    """The way to the client, shared with other exchanges. It keeps what cannot be sent yet."""

    def post(self, exchange: Scheduled, messages: list[bytes], now: float) -> None:
        """Send ``messages``, in turn with those of other exchanges."""

    def discard(self, exchange: Scheduled) -> None:
        """Forget the messages of ``exchange`` that have not been sent."""

    def account(self, delta: int) -> None:
        """Exchanges hold ``delta`` bytes more than before, their messages not counted."""
