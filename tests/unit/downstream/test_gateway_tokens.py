"""Gateway tokens: how they are read and compared."""

import pytest

from aigw_sansio.config import GatewaySettings
from aigw_sansio.downstream.gateway_tokens import bearer_token, known_token, own_token_check
from aigw_sansio.secret import Secret, SecretSet


@pytest.mark.parametrize(("value", "token"), [
    ("T", "T"), ("Bearer T", "T"), ("bearer T", "T"), ("BEARER   T  ", "T"), ("  T ", "T"), ("Bearer", "Bearer"), ("Bearer ", "Bearer"),
    ("Basic T", "Basic T"), ("BearerT", "BearerT"), ("", ""), ("Bearer a b", "a b"), ("Bearer Bearer T", "Bearer T"),
    ("Bearer\tT", "Bearer\tT"),
])  # fmt: skip
def test_bearer(value: str, token: str) -> None:
    assert bearer_token(value) == token


def test_known_tokens() -> None:
    settings = GatewaySettings(authentication=True, tokens=(Secret("one"), Secret("two")))
    assert known_token(settings, Secret("one"))
    assert known_token(settings, Secret("two"))
    assert not any(known_token(settings, Secret(other)) for other in ("", "On", "one ", "onetwo", "\ud800"))
    assert not known_token(GatewaySettings(), Secret(""))


def test_all_tokens_are_compared_also_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    matches = Secret.matches

    def spy(self: Secret, other: str) -> bool:
        compared.append(self.reveal())
        return matches(self, other)

    monkeypatch.setattr(Secret, "matches", spy)
    assert known_token(GatewaySettings(tokens=(Secret("one"), Secret("two"), Secret("three"))), Secret("one"))
    assert compared == ["one", "two", "three"]


def test_what_must_not_go_upstream() -> None:
    every = SecretSet([Secret("of-another-gateway")])
    check = own_token_check(every, GatewaySettings(tokens=(Secret("of-this"),)), [Secret("of-the-host"), Secret("")])
    found = {value: check(value) for value in ("of-another-gateway", "of-this", "of-the-host", "of-nobody", "")}
    assert found == {"of-another-gateway": True, "of-this": True, "of-the-host": True, "of-nobody": False, "": False}
    assert not own_token_check(every, GatewaySettings(), [None])("of-the-host")
    assert "another" not in repr(every)
