"""Secrets have no printable form, and different values no name in common."""

import copy
import traceback
from hashlib import blake2b
from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aigw_sansio.secret as module
from aigw_sansio.effects import Authenticate
from aigw_sansio.secret import Secret, add_bytes, add_texts, without_content

VALUE = "canary-5f3a"


def test_no_form_shows_it() -> None:
    secret = Secret(VALUE)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret} {secret!r}", ascii(secret)]
    shown += [repr([secret]), repr({"key": secret}), repr(Authenticate("a", "g", secret))]
    assert all(VALUE not in text and "***" in text for text in shown)


def test_no_error_shows_it() -> None:
    secret = Secret(VALUE)
    with pytest.raises(TypeError) as caught:
        secret + "x"  # type: ignore[operator]
    assert VALUE not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(TypeError) as refused:
        msgspec.json.encode(secret)
    assert VALUE not in str(refused.value)


def test_it_is_revealed_where_asked() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert copy.copy(Secret(VALUE)).reveal() == VALUE


def test_equality_is_by_value() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE + "x")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2


@pytest.mark.parametrize(("value", "other", "same"), [
    ("", "", True), ("a", "", False), ("é", "é", True), ("é", "e\u0301", False), ("\ud800", "\ud800", True),
    ("\ud800", "?", False), ("a" * 1000, "a" * 999 + "b", False),
])  # fmt: skip
def test_matches(value: str, other: str, same: bool) -> None:
    assert Secret(value).matches(other) is same


def test_comparison_takes_the_constant_time_path(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[bytes, bytes]] = []

    def spy(a: bytes, b: bytes) -> bool:
        calls.append((a, b))
        return a == b

    monkeypatch.setattr(module, "compare_digest", spy)
    assert Secret("a").matches("a")
    assert Secret("a") != Secret("b")
    assert calls == [(b"a", b"a"), (b"a", b"b")]


class Sent(msgspec.Struct):
    headers: list[tuple[str, str]]
    body: bytes
    raw: msgspec.Raw
    name: str
    status: int
    key: Secret
    none: None = None

    __repr__ = without_content


def test_of_what_a_peer_sent_only_sizes_are_shown() -> None:
    made = Sent([("canary", "canary")], b"canary", msgspec.Raw(b'"canary"'), "canary", 200, Secret("canary"))
    assert repr(made) == (
        "Sent(headers=<1 items>, body=<6 bytes>, raw=<8 bytes>, name=<6 characters>, status=200, key=Secret('***'), "
        "none=None)"
    )


#: Values that would be alike behind a separator, or without one.
LISTS: tuple[tuple[str | None, ...], ...] = (
    (), ("",), (None,), ("", ""), (None, ""), ("", None), ("a", "b"), ("ab",), ("a\0b",), ("a\0", "b"), ("a", "\0b"),
    ("1:a",), ("a1:b",), ("-",), ("a-",), ("a", None), ("\ud800",),
)  # fmt: skip


def named(values: tuple[str | None, ...]) -> str:
    digest = blake2b(digest_size=12)
    add_texts(digest, values)
    return digest.hexdigest()


def test_what_looks_alike_is_told_apart() -> None:
    for one, other in combinations(LISTS, 2):
        assert named(one) != named(other), (one, other)


@given(st.lists(st.text(alphabet="a:\0-1", max_size=4) | st.none(), max_size=4).map(tuple),
       st.lists(st.text(alphabet="a:\0-1", max_size=4) | st.none(), max_size=4).map(tuple))  # fmt: skip
def test_only_equal_values_have_one_name(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> None:
    assert (named(one) == named(other)) is (one == other)


def test_bytes_are_added_like_text() -> None:
    digest = blake2b(digest_size=12)
    add_bytes(digest, b"a")
    assert digest.hexdigest() == named(("a",))
