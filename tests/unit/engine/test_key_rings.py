"""Several stored keys of one provider: in turn, and those that were refused rest."""

import pytest

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.engine.key_rings import LIMITED_S, LONGEST_S, REFUSED_S, KeyRings
from aigw_sansio.secret import Secret

A, B, C, D = (Secret(text) for text in "abcd")
OWN = ProviderSettings(api_key=A, more_keys=(B, C), base_url="https://h.test")
CONFIG = Config(providers={"openai": OWN, "groq": ProviderSettings(api_key=D)})


class Ring:
    def __init__(self) -> None:
        self.rings = KeyRings(CONFIG)

    def go(self, now: float = 0.0) -> str:
        """The key that goes, and is used."""
        settings = self.rings.choose(CONFIG.providers, now)
        assert settings["groq"] is CONFIG.providers["groq"]
        assert settings["openai"].base_url == "https://h.test"
        key = settings["openai"].api_key
        assert key is not None
        self.rings.use(key)
        return key.reveal()


def test_keys_go_in_turn() -> None:
    ring = Ring()
    assert "".join(ring.go() for _ in range(7)) == "abcabca"


@pytest.mark.parametrize(
    ("status", "asked_s", "rests_s"),
    [
        (401, 0.0, REFUSED_S),
        (403, 9.0, REFUSED_S),
        (429, 0.0, LIMITED_S),
        (429, 42.0, 42.0),
        (429, 1e9, LONGEST_S),
    ],
)
def test_a_key_that_was_refused_rests(status: int, asked_s: float, rests_s: float) -> None:
    ring = Ring()
    ring.rings.refused(A, status, asked_s, 0.0)
    ring.rings.refused(A, 429, 0.001, 0.0)  # a shorter rest does not shorten it
    assert "".join(ring.go(rests_s - 0.1) for _ in range(4)) == "bcbc"
    assert ring.go(rests_s) == "a"


def test_if_all_rest_the_one_goes_that_rests_for_the_shortest_time() -> None:
    ring = Ring()
    for key, wait_s in ((A, 30.0), (B, 20.0), (C, 40.0)):
        ring.rings.refused(key, 429, wait_s, 0.0)
    assert ring.go() == "b"
    assert [own.api_key for own in ring.rings.others(OWN, B, 0.0)] == [A, C]


def test_settings_with_one_key_are_left_as_they_are() -> None:
    single = Config(providers={"groq": ProviderSettings(api_key=D)})
    rings = KeyRings(single)
    assert not rings
    assert rings.choose(single.providers, 0.0) is single.providers
    assert D not in rings
    rings.use(D)
    rings.refused(D, 401, 0.0, 0.0)


def test_settings_of_a_gateway_have_rings_of_their_own() -> None:
    own = ProviderSettings(api_key=C, more_keys=(D,))
    config = Config(providers={"openai": OWN}, gateways={"a/g": GatewaySettings(provider_settings={"openai": own})})
    rings = KeyRings(config)
    assert rings.choose({"openai": own}, 0.0)["openai"].api_key == C
    rings.use(C)
    assert rings.choose({"openai": own}, 0.0)["openai"].api_key == D
    assert C in rings


def test_new_settings_forget_nothing_of_a_key() -> None:
    ring = Ring()
    assert ring.go() == "a"
    ring.rings.refused(B, 429, 50.0, 0.0)
    after = KeyRings(Config(providers={"openai": ProviderSettings(api_key=B, more_keys=(A, D))}), ring.rings)
    own = after._config.providers["openai"]
    assert [settings.api_key for settings in after.others(own, C, 0.0)] == [D, A, B]


def test_no_key_is_printed() -> None:
    assert "Secret('***')" in repr(OWN)
    assert "'b'" not in repr(OWN)
