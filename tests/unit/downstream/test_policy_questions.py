"""What the host is told of a request, and what its word becomes."""

import pytest

from aigw_sansio.config import GatewaySettings
from aigw_sansio.downstream.policy_questions import admit, denial, find_key, wants_key
from aigw_sansio.effects import Admitted, Denied, Unavailable
from aigw_sansio.faults import FaultKind

CLIENT = "alice", "acme", "main"


def test_metadata() -> None:
    headers = {"cf-aig-metadata": '{"team":"blue"}'}
    assert admit(CLIENT, provider="openai", endpoint="x", model=None, size=1, headers=headers).metadata == {
        "team": "blue"
    }
    assert admit(CLIENT, provider="openai", endpoint="x", model=None, size=1, headers={}).metadata == {}


def test_the_alias_of_a_key() -> None:
    assert find_key(CLIENT, provider="openai", headers={"cf-aig-byok-alias": "lab"}).alias == "lab"
    assert find_key(CLIENT, provider="openai", headers={"cf-aig-byok-alias": ""}).alias == "default"
    assert find_key(CLIENT, provider="openai", headers={}).alias == "default"


def test_a_key_is_wanted_if_the_client_has_none() -> None:
    asks = GatewaySettings(ask=("find_key",))
    assert wants_key(asks, "none")
    assert wants_key(asks, "stored")
    assert not wants_key(asks, "client")
    assert not wants_key(GatewaySettings(ask=("admit",)), "none")
    assert not wants_key(GatewaySettings(ask=("find_key",), byok_only=True), "none")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, FaultKind.UNAUTHORIZED, 2009),
        (402, FaultKind.NOT_ALLOWED, 2014),
        (403, FaultKind.NOT_ALLOWED, 2014),
        (429, FaultKind.RATE_LIMITED, 2003),
        (503, FaultKind.OVERLOADED, 2010),
    ],
)
def test_a_denial_has_the_hosts_status_and_our_code_for_it(status: int, kind: FaultKind, code: int) -> None:
    fault = denial(Denied(status, message="no"), "step 1: ")
    assert fault is not None
    assert (fault.kind, fault.http_status, fault.envelope_code) == (kind, status, code)
    assert (fault.detail, fault.retryable, fault.retry_after) == ("step 1: no", False, None)


@pytest.mark.parametrize(("wait_s", "told"), [(0.0, "0"), (0.2, "1"), (7.0, "7"), (86_400.5, "86401")])
def test_a_wait_is_told_in_whole_seconds(wait_s: float, told: str) -> None:
    fault = denial(Denied(429, 3000, retry_after_s=wait_s))
    assert fault is not None
    assert (fault.retry_after, fault.retryable, fault.envelope_code) == (told, True, 3000)


def test_other_answers_deny_nothing() -> None:
    assert denial(Admitted()) is denial(Unavailable()) is None
