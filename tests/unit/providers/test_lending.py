"""A key that the host finds, in place of the settings' key of its provider."""

from aigw_sansio.config import ProviderSettings
from aigw_sansio.effects import HeaderFields, Key
from aigw_sansio.providers.lending import with_key
from aigw_sansio.secret import Secret

STORED = {
    "openai": ProviderSettings(api_key=Secret("stored"), headers=(("X-Team", "red"),), models=("m",)),
    "grok": ProviderSettings(api_key=Secret("other")),
}


def test_it_takes_the_place_of_the_stored_key() -> None:
    found = with_key(STORED, "openai", Key(Secret("found"), HeaderFields((("x-team", "blue"), ("x-new", "1")))))
    assert found["openai"].api_key == Secret("found")
    assert found["openai"].headers == (("x-team", "blue"), ("x-new", "1"))
    assert found["openai"].models == ("m",)
    assert found["grok"] is STORED["grok"]
    assert STORED["openai"].api_key == Secret("stored"), "the settings are as they were"


def test_headers_alone_go_with_the_stored_key() -> None:
    found = with_key(STORED, "openai", Key(None, HeaderFields((("x-new", "1"),))))
    assert found["openai"].api_key == Secret("stored")
    assert found["openai"].headers == (("x-team", "red"), ("x-new", "1"))


def test_a_provider_without_settings_has_its_key() -> None:
    assert with_key({}, "mistral", Key(Secret("found")))["mistral"].api_key == Secret("found")
