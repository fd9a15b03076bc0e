"""Whether the host is told of the meaning of responses."""

from aigw_sansio.config import Config, GatewaySettings
from aigw_sansio.effects import Emit
from aigw_sansio.engine.services import Services
from aigw_sansio.events import ProviderEventRead, TextDelta
from aigw_sansio.sessions.listening import listener_of


def services(*, emits: bool) -> Services:
    return Services(Config(gateways={"a/b": GatewaySettings()}, emit_provider_events=emits), b"seed", 0.0)


def test_a_host_that_listens_is_told_each_event() -> None:
    listening = services(emits=True)
    listener = listener_of(listening, "an id")
    assert listener is not None
    listener([TextDelta("one"), TextDelta("two")])
    events = [effect.event for effect in listening.effects if isinstance(effect, Emit)]
    assert events == [ProviderEventRead("an id", TextDelta("one")), ProviderEventRead("an id", TextDelta("two"))]


def test_one_that_does_not_costs_nothing() -> None:
    assert listener_of(services(emits=False), "an id") is None
