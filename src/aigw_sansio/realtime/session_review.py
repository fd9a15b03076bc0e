"""What a session has to know if its host reviews it.

Decides: whether a session is reviewed. Must not know: how. The side that does it (:mod:`.reviewed_side`) is loaded with
the first session that has one.
"""

from typing import NamedTuple

from ..config import Config
from ..downstream.admission import AdmittedClient
from ..downstream.policy_questions import review_window
from ..formats.reader import RealtimeReaderMaker
from ..review import ReviewWindow


class SessionReview(NamedTuple):
    """Whose session is reviewed, in which window and under which settings. ``format``: that of the provider's
    messages. ``own``: what makes the host's own reader of them."""

    config: Config
    window: ReviewWindow
    principal: str | None
    account: str
    gateway: str
    provider: str
    format: str
    log_id: str
    own: RealtimeReaderMaker | None


def review_of(
    admitted: AdmittedClient, provider: str, format: str, log_id: str, own: RealtimeReaderMaker | None
) -> SessionReview | None:
    """How the session of an ``admitted`` client is reviewed; ``None`` if it is not."""
    window = review_window(admitted.settings)
    if window is None:
        return None
    return SessionReview(
        config=admitted.config,
        window=window,
        principal=admitted.principal,
        account=admitted.resource.account,
        gateway=admitted.resource.gateway,
        provider=provider,
        format=format,
        log_id=log_id,
        own=own,
    )
