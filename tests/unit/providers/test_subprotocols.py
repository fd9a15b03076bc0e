"""Subprotocols: what is plain, what is selected, what goes upstream, what is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.config import ProviderSettings
from aigw_sansio.providers.subprotocols import Offer, PlainItems, plain_items, read_offer


def items(text: str) -> list[bytes]:
    return [item.encode() for item in text.split()]


def offer_to(provider: str, offered: str, **settings: ProviderSettings) -> Offer:
    return read_offer(
        items(offered), plain_items(provider, {slug.replace("_", "-"): s for slug, s in settings.items()})
    )


# -- plain and secret -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        "realtime",
        "Realtime",
        "convai",
        "token",
        "bearer",
        "openai-organization.org-1",
        "openai-project.p.q",
        "openai-beta.realtime-v1",
        "openai-agents-sdk.0.1",
    ],
)
def test_the_plain_items(item: str) -> None:
    assert not read_offer(items(item)).items[0].secret


@pytest.mark.parametrize(
    ("offered", "keys"),
    [
        ("openai-insecure-api-key.K", "K"),
        ("xi-api-key.K", "K"),
        ("fal-api-key.K", "K"),
        ("token K", "K"),
        ("Token K", "K"),
        ("bearer h.p.s", "h.p.s"),
        ("token realtime", "realtime"),
        ("token openai-beta.x", "openai-beta.x"),
        ("soniox-api-key K", "K"),
        ("realtime rt_K", "rt_K"),
        ("api-subscription-key.K", "K"),
        ("bland.api_key.K", "K"),
        ("ai-gateway-auth.T", "T"),
        ("xai-client-secret.K", "K"),
        ("base64.authorization.K", "K"),
        ("SukiAmbientAuth id K", "K"),
        ("graphql-transport-ws K", "K"),
        ("access_token K", "K"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "eyJhbGciOi.eyJzdWIi.c2ln"),
        ("sk-proj-abc", "sk-proj-abc"),
        ("realtime.K", "K"),
        ("token.K", "K"),
        ("convai.K", "K"),
    ],
)
def test_every_other_item_is_a_secret_and_counts_as_a_key(offered: str, keys: str) -> None:
    offer = read_offer(items(offered))
    assert offer.secrets
    assert keys in offer.keys
    assert keys not in repr(offer)
    chosen = offer.select(items(offered)[-1])
    assert chosen == items(offered)[-1]
    assert keys not in str(offer.shown(chosen))


def test_a_provider_has_plain_items_of_its_own() -> None:
    assert [item.secret for item in offer_to("soniox", "soniox-api-key K").items] == [False, True]
    assert [item.secret for item in offer_to("soniox", "soniox-api-key realtime").items] == [False, True]
    assert [item.secret for item in offer_to("openai", "soniox-api-key K").items] == [True, True]


def test_the_settings_have_plain_items() -> None:
    own = ProviderSettings(subprotocols=("graphql-ws", "v12.stomp", "acme-version."))
    offer = offer_to("custom-a", "graphql-ws GraphQL-WS v12.stomp v12.other acme-version.7 acme", custom_a=own)
    assert [item.secret for item in offer.items] == [False, False, False, True, False, True]
    assert all(item.secret for item in offer_to("custom-b", "graphql-ws", custom_a=own).items)
    assert not offer_to("google", "graphql-ws", google_ai_studio=own).items[0].secret


def test_the_marker_of_a_setting_is_plain_and_what_follows_is_not() -> None:
    own = ProviderSettings(base_url="https://h", key_in="subprotocol:acme")
    assert [item.secret for item in offer_to("custom-a", "acme realtime", custom_a=own).items] == [False, True]
    mistral = ProviderSettings(base_url="https://h", key_in="subprotocol:realtime")
    assert [item.secret for item in offer_to("custom-a", "realtime convai", custom_a=mistral).items] == [False, False]


# -- selection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "choice", "selected"),
    [
        ("", None, None),
        ("", "realtime", None),
        ("realtime openai-insecure-api-key.K", None, "realtime"),
        ("openai-insecure-api-key.K openai-beta.realtime-v1 realtime", None, "realtime"),
        ("realtime convai", "convai", "convai"),
        ("realtime convai", "unasked", "realtime"),
        ("cf-aig-authorization.T convai", None, "convai"),
        ("xi-api-key.K cf-aig-authorization.T", None, "cf-aig-authorization.T"),
        ("xi-api-key.K CF-AIG-Resume.T", None, "CF-AIG-Resume.T"),
        ("graphql-ws cf-aig-authorization.T", None, "cf-aig-authorization.T"),
        ("xi-api-key.K fal-api-key.L", None, "xi-api-key.K"),
        ("token K", None, "token"),
        ("token K", "token", "token"),
        ("token K", "K", "K"),
        ("bearer a.b.c", None, "bearer"),
        ("token realtime", None, "token"),
        ("token K cf-aig-authorization.T", None, "cf-aig-authorization.T"),
        ("token.x realtime", None, "realtime"),
        ("soniox-api-key K", None, "soniox-api-key"),
        ("rt_K convai", None, "convai"),
        ("graphql-ws json", None, "graphql-ws"),
        ("cf-aig-authorization.T", None, "cf-aig-authorization.T"),
        ("openai-organization.o openai-insecure-api-key.K", None, "openai-organization.o"),
    ],
)
def test_selection(offered: str, choice: str | None, selected: str | None) -> None:
    result = read_offer(items(offered)).select(None if choice is None else choice.encode())
    assert result == (None if selected is None else selected.encode())


_TOKEN = st.text("abcxyz.-ABC", min_size=1, max_size=8)


def _offers() -> st.SearchStrategy[list[bytes]]:
    known = st.sampled_from(["realtime", "token", "bearer", "xi-api-key.K", "cf-aig-authorization.T", "convai"])
    return st.lists(st.one_of(known, _TOKEN), max_size=6, unique=True).map(lambda texts: [t.encode() for t in texts])


@given(_offers())
def test_exactly_one_offered_item_is_selected(offered: list[bytes]) -> None:
    offer = read_offer(offered)
    selected = offer.select()
    assert (selected in offered) if offered else selected is None
    plain = {item.text for item in offer.items if not item.secret} - {b"token", b"bearer"}
    if plain:
        assert selected in plain


# -- upstream -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "upstream", "fields"),
    [
        ("", "", {}),
        ("realtime openai-insecure-api-key.K", "realtime openai-insecure-api-key.K", {}),
        ("realtime openai-beta.realtime-v1 cf-aig-authorization.T", "realtime openai-beta.realtime-v1", {}),
        ("cf-aig-anything.x CF-AIG-Authorization.T a", "a", {}),
        ("xi-api-key.K convai", "convai", {"xi-api-key": "K"}),
        ("xi-api-key.K.with.dots", "", {"xi-api-key": "K.with.dots"}),
        ("fal-api-key.id:secret", "", {"authorization": "Key id:secret"}),
        ("token cf-aig-K", "token cf-aig-K", {}),
        ("token xi-api-key.K", "token xi-api-key.K", {}),
        ("soniox-api-key K", "soniox-api-key K", {}),
        ("bland.api_key.K", "bland.api_key.K", {}),
        ("xi-api-key", "", {}),
    ],
)
def test_subprotocols_that_go_upstream(offered: str, upstream: str, fields: dict[str, str]) -> None:
    offer = read_offer(items(offered))
    assert offer.upstream() == tuple(items(upstream))
    found: dict[str, str] = {}
    offer.put_fields(found)
    assert found == fields


def test_a_header_field_of_the_client_wins_over_a_carrier() -> None:
    found = {"authorization": "Key mine"}
    read_offer(items("fal-api-key.other")).put_fields(found)
    assert found == {"authorization": "Key mine"}


# -- our own tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "token"),
    [
        ("realtime cf-aig-authorization.T", "T"),
        ("CF-AIG-Authorization.a.b.c", "a.b.c"),
        ("cf-aig-authorization", None),
        ("cf-aig-authorization.", None),
        ("token cf-aig-authorization.T", None),
        ("realtime", None),
    ],
)
def test_the_gateway_s_token(offered: str, token: str | None) -> None:
    offer = read_offer(items(offered))
    assert offer.token == token
    assert token is None or not offer.secrets


@pytest.mark.parametrize(
    ("offered", "left"),
    [
        ("realtime openai-insecure-api-key.ours", "realtime"),
        ("token ours x", "x"),
        ("bearer ours", ""),
        ("token theirs", "token theirs"),
        ("xi-api-key.ours convai", "convai"),
        ("openai-project.ours convai", "convai"),
        ("bland.api_key.ours", ""),
        ("a.b.c.ours", ""),
        ("token cf-aig-authorization.ours", ""),
        ("ours", ""),
        ("cf-aig-authorization.ours a", "cf-aig-authorization.ours a"),
    ],
)
def test_a_token_of_ours_in_a_provider_s_place_is_removed(offered: str, left: str) -> None:
    offer = read_offer(items(offered)).without(lambda value: value == "ours")
    assert [item.text for item in offer.items] == items(left)


# -- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selected", "offered", "shown"),
    [
        (None, "realtime", None),
        ("realtime", "realtime", "realtime"),
        ("cf-aig-authorization.T", "cf-aig-authorization.T", "cf-aig-authorization.***"),
        ("xi-api-key.K", "xi-api-key.K", "xi-api-key.***"),
        ("bland.api_key.K", "bland.api_key.K", "***"),
        ("eyJh.eyJz.c2ln", "eyJh.eyJz.c2ln", "***"),
        ("soniox-api-key", "soniox-api-key K", "***"),
        ("K", "token K", "***"),
        ("x", "y", None),
    ],
)
def test_the_subprotocol_that_may_be_shown(selected: str | None, offered: str, shown: str | None) -> None:
    assert read_offer(items(offered)).shown(None if selected is None else selected.encode()) == shown


def test_the_repr_of_an_offer_shows_no_secret() -> None:
    text = repr(read_offer(items("realtime xi-api-key.CANARY token CANARY cf-aig-authorization.CANARY CANARY.x")))
    assert "CANARY" not in text
    assert "realtime" in text
    assert repr(PlainItems()) == "PlainItems(names=(), markers=())"
