"""Header sections: equal to h2's own judgement where that is right, stricter where RFC 9113 or 9110 says so."""

import pytest
from h2.exceptions import ProtocolError
from h2.utilities import HeaderValidationFlags, validate_headers
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.http2_frames import Fields

from aigw_sansio.wires.http2.fields import (
    RequestFields,
    content_length,
    outgoing,
    read_request,
    read_response,
    read_trailers,
)

GET: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/x")]
CONNECT: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]

some_name = st.sampled_from(
    (b"x", b"te", b"host", b"upgrade", b"X", b"", b"a b", b"x:", b":path", b":status", b":method", b":x", b"\x80")
)
some_value = st.sampled_from((b"a", b"", b"trailers", b"200", b"/", b" a", b"a\t", b"a\nb", b"a\0", b"\xff", b"GET"))
some_fields = st.lists(st.tuples(some_name, some_value), max_size=3)


def h2_accepts(fields: Fields, *, response: bool = False, trailer: bool = False) -> bool:
    flags = HeaderValidationFlags(
        is_client=response, is_trailer=trailer, is_response_header=response, is_push_promise=False
    )
    try:
        list(validate_headers([HeaderTuple(*field) for field in fields], flags))
    except ProtocolError:
        return False
    return True


@given(st.sampled_from((GET, CONNECT, GET[:2], [*GET[:2], GET[3]])), some_fields)
def test_a_request_that_passes_here_passes_h2(base: Fields, more: Fields) -> None:
    fields = [*base, *more]
    found = read_request(fields)
    if isinstance(found, RequestFields):
        assert h2_accepts(fields)
        assert found.headers == [field for field in fields if field[0][:1] != b":"]
    elif h2_accepts(fields):
        # Stricter: an empty :protocol, a path without slash, a method or status of no form cannot be drawn here.
        assert "token" in found


@given(some_fields)
def test_responses_and_trailers_are_judged_as_h2_judges(more: Fields) -> None:
    fields = [(b":status", b"200"), *more]
    assert isinstance(read_response(fields), tuple) == h2_accepts(fields, response=True)
    assert (read_trailers(more) is None) == h2_accepts(more, trailer=True)


@pytest.mark.parametrize(("status", "interim"), [(b"200", False), (b"599", False), (b"100", True), (b"199", True)])
def test_statuses(status: bytes, interim: bool) -> None:
    assert read_response([(b":status", status)], interim=interim) == (int(status), [])
    assert isinstance(read_response([(b":status", status)], interim=not interim), str)


@pytest.mark.parametrize("status", [b"", b"20", b"2000", b"abc", b"101", b"+20", b"099", b"600", b"2\xb2\xb2"])
def test_values_that_are_no_status(status: bytes) -> None:
    for interim in (True, False):
        assert isinstance(read_response([(b":status", status)], interim=interim), str)


def test_errors_name_the_fault_without_the_value() -> None:
    wrong = read_trailers([(b"authorization", b"secret\n")])
    assert wrong is not None
    assert "secret" not in wrong


@pytest.mark.parametrize("fields", [
    [(b"Secret", b"x")], [(b"a secret", b"x")], [(b"x", b"secret\0")], [(b"x", b" secret")], [(b":path", b"secret\0")],
    [(b":secret", b"x")], [(b"x", b"y"), (b":secret", b"x")], [(b":secret", b"x"), (b":secret", b"x")], [(b":status", b"secret")],
    [*GET, (b":secret", b"x")],
])  # fmt: skip
def test_no_error_quotes_the_peer(fields: Fields) -> None:
    found = [read_request(fields), read_response(fields), read_response(fields, interim=True), read_trailers(fields)]
    assert any(isinstance(one, str) for one in found)
    for one in found:
        assert not isinstance(one, str) or "ecret" not in one


def test_secrets_stay_out_of_the_table() -> None:
    fields = outgoing([(b":path", b"/")], [(b"x-api-key", b"k"), (b"accept", b"x")])
    assert not isinstance(fields, str)
    assert [isinstance(field, NeverIndexedHeaderTuple) for field in fields] == [False, True, False]
    assert isinstance(outgoing([], [(b"content-length", b"1")]), str)
    assert isinstance(outgoing([], [(b"x", b"a\r\nb: c")]), str)


def test_content_length() -> None:
    assert content_length([(b"a", b"1"), (b"content-length", b"007")]) == 7
    assert content_length([]) is None
