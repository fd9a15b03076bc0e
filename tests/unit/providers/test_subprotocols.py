"""Subprotocols: what is selected, what goes upstream, what is a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.providers.subprotocols import gateway_token, read_offer, select_subprotocol, shown_subprotocol


def items(text: str) -> list[bytes]:
    return [item.encode() for item in text.split()]


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
        ("xi-api-key.K fal-api-key.L", None, "xi-api-key.K"),
        ("token K", None, "token"),
        ("token K", "token", "token"),
        ("bearer a.b.c", None, "bearer"),
        ("token realtime", None, "token"),
        ("token.x realtime", None, "realtime"),
        ("Foo-API-Key.K x", None, "x"),
        ("cf-aig-authorization.T", None, "cf-aig-authorization.T"),
        ("openai-organization.o openai-insecure-api-key.K", None, "openai-organization.o"),
    ],
)
def test_selection(offered: str, choice: str | None, selected: str | None) -> None:
    result = select_subprotocol(items(offered), None if choice is None else choice.encode())
    assert result == (None if selected is None else selected.encode())


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
        (
            "openai-organization.o openai-project.p",
            "openai-organization.o openai-project.p",
            {},
        ),
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


@pytest.mark.parametrize(
    ("offered", "token"),
    [
        ("realtime cf-aig-authorization.T", "T"),
        ("cf-aig-authorization.a.b.c", "a.b.c"),
        ("cf-aig-authorization", None),
        ("cf-aig-authorization.", None),
        ("token cf-aig-authorization.T", None),
        ("realtime", None),
    ],
)
def test_the_gateway_s_token(offered: str, token: str | None) -> None:
    assert gateway_token(items(offered)) == token


@pytest.mark.parametrize(
    ("offered", "carries"),
    [
        ("realtime", False),
        ("cf-aig-authorization.T", False),
        ("openai-insecure-api-key.K", True),
        ("token K", True),
        ("token", False),
        ("xai-client-secret.K", True),
    ],
)
def test_whether_a_key_is_carried(offered: str, carries: bool) -> None:
    assert read_offer(items(offered)).carries_key is carries


@pytest.mark.parametrize(
    ("offered", "left"),
    [
        ("realtime openai-insecure-api-key.ours", "realtime"),
        ("token ours x", "x"),
        ("bearer ours", ""),
        ("token theirs", "token theirs"),
        ("xi-api-key.ours convai", "convai"),
        ("cf-aig-authorization.ours a", "cf-aig-authorization.ours a"),
    ],
)
def test_a_token_of_ours_in_a_provider_s_place_is_removed(offered: str, left: str) -> None:
    offer = read_offer(items(offered)).without(lambda value: value == "ours")
    assert [item.text for item in offer.items] == items(left)


@pytest.mark.parametrize(
    ("selected", "offered", "shown"),
    [
        (None, "realtime", None),
        ("realtime", "realtime", "realtime"),
        ("cf-aig-authorization.T", "cf-aig-authorization.T", "cf-aig-authorization.***"),
        ("xi-api-key.K", "xi-api-key.K", "xi-api-key.***"),
        ("K", "token K", "***"),
        ("x", "y", None),
    ],
)
def test_the_subprotocol_that_may_be_shown(selected: str | None, offered: str, shown: str | None) -> None:
    assert shown_subprotocol(None if selected is None else selected.encode(), items(offered)) == shown


def test_the_repr_of_an_offer_shows_no_secret() -> None:
    text = repr(read_offer(items("realtime xi-api-key.CANARY token CANARY cf-aig-authorization.CANARY")))
    assert "CANARY" not in text
    assert "realtime" in text


_TOKEN = st.text("abcxyz.-ABC", min_size=1, max_size=8)


def _offers() -> st.SearchStrategy[list[bytes]]:
    known = st.sampled_from(["realtime", "token", "bearer", "xi-api-key.K", "cf-aig-authorization.T", "convai"])
    return st.lists(st.one_of(known, _TOKEN), max_size=6, unique=True).map(lambda texts: [t.encode() for t in texts])


@given(_offers())
def test_exactly_one_offered_item_is_selected(offered: list[bytes]) -> None:
    selected = select_subprotocol(offered)
    assert (selected in offered) if offered else selected is None
    secrets = {item.text for item in read_offer(offered).items if item.secret}
    if set(offered) - secrets:
        assert selected not in secrets
