"""The name of a response: what is one request, and what is another."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.exchanges.cache_key import cache_key, canonical

USUAL: dict[str, Any] = {
    "gateway": "a/g", "provider": "openai", "format": "openai-chat", "server": "https://api.openai.com",
    "path": "/v1/chat/completions", "query": "", "fields": {"authorization": "Bearer k"}, "owner": (), "body": b"{}",
}  # fmt: skip

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def name(**changed: Any) -> str:
    return cache_key(**{**USUAL, **changed})


def turned(value: object) -> object:
    """The same with the members of all objects in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


@given(documents)
def test_order_and_white_space_do_not_matter(value: object) -> None:
    plain = json.dumps(value).encode()
    spelled = json.dumps(turned(value), indent=2, ensure_ascii=False).encode()
    assert canonical(plain) == canonical(spelled)


@given(documents, documents)
def test_what_is_not_equal_differs(one: object, other: object) -> None:
    """Compared as text: ``1`` and ``1.0`` and ``True`` are equal in Python."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical(json.dumps(one).encode()) == canonical(json.dumps(other).encode())) is same


@pytest.mark.parametrize(("one", "other"), [
    (b'{"a":1,"a":2}', b'{"a":2}'),  # some providers take the first
    (b'{"a":1,"a":2}', b'{"a":1}'),
    (b'{"b":{"a":1,"a":2},"c":"\\u0022:"}', b'{"b":{"a":2},"c":"\\":"}'),  # text that looks like a member
    (b'{"a":1e400}', b'{"a":null}'),
    (b'{"a":1.00000000000000000001}', b'{"a":1.0}'),
    (b'{"a":123456789012345678901}', b'{"a":123456789012345678902}'),
    (b'{"a":"1.5"}', b'{"a":1.5}'),
    (b'{"a":"\\ud800"}', b'{"a":"\\ud801"}'),
    (b"[" * 5000 + b"]" * 5000, b"[" * 4999 + b"]" * 4999),
    (b"--boundary\r\n", b"--boundary\n"),
    (b"", b"{}"),
    (b"\xff", b"\xfe"),
])  # fmt: skip
def test_these_are_two(one: bytes, other: bytes) -> None:
    assert canonical(one) != canonical(other)
    assert name(body=one) != name(body=other)


def test_escapes_are_spellings() -> None:
    assert canonical(b'{"a":"\\u00e9\\/"}') == canonical('{ "a" : "é/" }'.encode())


@pytest.mark.parametrize("changed", [
    {"gateway": "a/h"}, {"provider": "groq"}, {"format": "unknown"}, {"server": "https://other.test"},
    {"path": "/v1/responses"}, {"query": "key=other"}, {"fields": {"authorization": "Bearer l"}}, {"fields": {}},
    {"fields": {"authorization": "Bearer k", "x-any": "1"}}, {"owner": ("me",)}, {"body": b"[]"}, {"client_key": "c"},
])  # fmt: skip
def test_each_part_counts(changed: dict[str, Any]) -> None:
    assert name(**changed) != name()


def test_parts_are_not_run_together() -> None:
    assert name(provider="ab", format="c") != name(provider="a", format="bc")
    assert name(fields={"a": "b", "c": "d"}) != name(fields={"a": "b"}, owner=("c", "d"))
    assert name(query="stream", client_key="c") != name(query="", body=b'{"stream":true}', client_key="c")


def test_the_order_and_kind_of_fields_that_say_nothing() -> None:
    assert name(fields={"a": "1", "b": "2"}) == name(fields={"b": "2", "a": "1"})
    noise = {"user-agent": "x", "x-stainless-os": "y", "traceparent": "z", "sec-fetch-mode": "cors"}
    assert name(fields={**USUAL["fields"], **noise}) == name()


def test_a_key_of_the_clients_stands_for_path_and_body_but_not_for_a_stream() -> None:
    assert name(client_key="c", body=b'{"x":1}', path="/other") == name(client_key="c")
    assert name(client_key="c", body=b'{"stream":true}') != name(client_key="c")
    assert name(client_key="d") != name(client_key="c")


@pytest.mark.parametrize(("whole", "stream"), [
    ("/model/upstream.m/converse", "/model/upstream.m/converse-stream"),
    ("/model/m/invoke", "/model/m/invoke-with-response-stream"),
    ("/v1beta/models/upstream:generateContent", "/v1beta/models/upstream:streamGenerateContent"),
    ("/v1beta/models/upstream%3AgenerateContent", "/v1beta/models/upstream%3AstreamGenerateContent"),
    ("/v1/models/m:rawPredict", "/v1/models/m:streamRawPredict"),
    ("/generate", "/generate_stream"),
    ("/v1/text-to-speech/v/with-timestamps", "/v1/text-to-speech/v/stream/with-timestamps"),
])  # fmt: skip
def test_a_path_that_streams_counts_beside_a_key_of_the_clients(whole: str, stream: str) -> None:
    assert name(client_key="c", path=stream) != name(client_key="c", path=whole)
    assert name(client_key="c", path=whole) == name(client_key="c", path="/other")
    assert name(client_key="c", path=stream) == name(client_key="c", body=b'{"stream":true}')


def test_the_name_tells_nothing() -> None:
    found = name(fields={"authorization": "Bearer sk-canary"}, owner=("sk-canary",), client_key="canary\ud800")
    assert len(found) == 48
    assert set(found) <= set("0123456789abcdef")
