"""What the host is told of the meaning of responses.

Decides: whether it is told. Must not know: sessions, and what an event means.
"""

from ..dialects.base import Listener
from ..engine.services import Services
from ..events import ProviderEvent, ProviderEventRead


def listener_of(services: Services, log_id: str) -> Listener | None:
    """Passes the meaning of the provider's chunks to the host, if it listens."""
    if not services.config.emit_provider_events:
        return None

    def listener(events: list[ProviderEvent]) -> None:
        for event in events:
            services.emit(ProviderEventRead(log_id, event))

    return listener
