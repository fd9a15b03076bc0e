"""Whose session is reviewed."""

from typing import Any

from tests.rigs.review_settings import reviewed

from aigw_sansio import Config, GatewaySettings
from aigw_sansio.downstream.admission import AdmittedClient
from aigw_sansio.downstream.routes import RealtimeResource
from aigw_sansio.realtime.session_review import review_of
from aigw_sansio.review import ReviewWindow

NOTHING: Any = None


def client_of(settings: GatewaySettings) -> AdmittedClient:
    """A client, with what a review asks for."""
    return AdmittedClient(
        request=NOTHING,
        offer=NOTHING,
        resource=RealtimeResource("acme", "main", "openai"),
        settings=settings,
        config=Config(gateways={"acme/main": settings}),
        query="",
        principal="ann",
    )


def test_only_a_gateway_that_asks_for_it_has_reviews() -> None:
    assert review_of(client_of(GatewaySettings()), "openai", "openai-realtime", "L1", None) is None
    window = ReviewWindow(chunks=3)
    client = client_of(reviewed(window))
    review = review_of(client, "openai", "openai-realtime", "L1", None)
    assert review is not None
    assert review == (client.config, window, "ann", "acme", "main", "openai", "openai-realtime", "L1", None)
