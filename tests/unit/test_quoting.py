"""What is quoted of a name, and nothing of a library's quotes."""

import h11
import pytest
from h2.exceptions import ProtocolError
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.quoting import LONGEST, quoted, without_quotes


@given(st.text())
def test_a_quoted_name_is_short_and_obeyed_by_nobody(name: str) -> None:
    shown = quoted(name)
    assert shown.isascii()
    assert shown.isprintable()
    if len(name) <= LONGEST:
        assert eval(shown) == name
    else:
        assert eval(shown) == name[:97] + "..."


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("illegal header line: bytearray(b'canary')", "illegal header line"),
        ("Invalid content-length header: b'canary'", "Invalid content-length header"),
        ('Illegal header name b"canary"', "Illegal header name"),
        (
            "Unable to decode HPACK integer representation from b'canary'",
            "Unable to decode HPACK integer representation",
        ),
        ("Unable to parse <memory at 0x7f00>", "Unable to parse"),
        ("Illegal character 'c' in header name: b'canary'", "Illegal character"),
        ("Only Transfer-Encoding: chunked is supported", "Only Transfer-Encoding: chunked is supported"),
        ("b'canary'", "ProtocolError"),
        ("", "ProtocolError"),
    ],
)
def test_a_library_is_believed_up_to_its_quote(said: str, kept: str) -> None:
    assert without_quotes(ProtocolError(said)) == kept
    assert len(without_quotes(h11.RemoteProtocolError(said * 50))) <= LONGEST
