"""The seam between a relay and who gets access tokens for it.

Data only.
"""

from collections.abc import Callable
from typing import Protocol

from ..engine.client import Requester
from ..faults import Fault
from ..providers.google_token import ServiceAccount
from ..secret import Secret


class TokenSource(Protocol):
    """Who gets access tokens for service accounts."""

    def fresh(self, account: ServiceAccount, now: float) -> Secret | None:
        """The token of ``account``, if one is kept that still serves."""

    def request(
        self,
        account: ServiceAccount,
        waiter: Callable[[Secret | Fault, float], None],
        now: float,
        *,
        requester: Requester,
        stored: bool,
    ) -> Fault | None:
        """Get a token for ``requester``; ``waiter`` is told later, unless there is a fault. ``stored``: the account is
        the operator's."""

    def withdraw(self, account: ServiceAccount, waiter: Callable[[Secret | Fault, float], None], now: float) -> None:
        """``waiter`` wants no token any more."""

    def discard(self, account: ServiceAccount) -> None:
        """The provider refused the token."""
