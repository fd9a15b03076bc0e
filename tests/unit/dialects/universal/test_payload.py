"""``response``: spliced as JSON, else a string, else base64."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.universal.payload import as_base64, as_response


@pytest.mark.parametrize(("data", "charset", "wanted"), [
    (b"", None, (b'""', False)),
    (b'{"a": 1}', None, (b'{"a": 1}', False)),
    (b"\xef\xbb\xbf[1]\n", None, (b"[1]", False)),
    (b'"\\ud83d"', None, (b'"\\ud83d"', False)),
    (b"hello", None, (b'"hello"', False)),
    (b'say "hi"\n', None, (b'"say \\"hi\\"\\n"', False)),
    ("grün".encode(), None, ('"grün"'.encode(), False)),
    ("grün".encode("latin-1"), "iso-8859-1", ('"grün"'.encode(), False)),
    ("grün".encode("latin-1"), None, (b'"Z3L8bg=="', True)),
    ("grün".encode("latin-1"), "us-ascii", (b'"Z3L8bg=="', True)),
    ("日本".encode("shift_jis"), "shift_jis", ('"日本"'.encode(), False)),
    (b"hello", "x-unheard-of", (b'"aGVsbG8="', True)),
    (b"hello", "idna", (b'"aGVsbG8="', True)),
    (b"hello", "zlib_codec", (b'"aGVsbG8="', True)),
    (b"\x00\xd8", "utf-16le", (b'"ANg="', True)),
    (b"NaN", None, (b'"NaN"', False)),
])  # fmt: skip
def test_table(data: bytes, charset: str | None, wanted: tuple[bytes, bool]) -> None:
    assert as_response(data, charset) == wanted


@given(
    st.binary(max_size=80),
    st.sampled_from([None, "utf-8", "utf-16", "iso-2022-jp", "gb18030", "big5", "utf-32", "nope"]),
)
def test_it_is_always_json_and_nothing_is_lost(data: bytes, charset: str | None) -> None:
    text, is_base64 = as_response(data, charset)
    value = json.loads(text)
    text.decode()
    if is_base64:
        assert base64.b64decode(value) == data
    elif charset in (None, "utf-8") and isinstance(value, str) and text != data.strip():
        assert value.encode("utf-8", "surrogatepass") == data or json.loads(data.decode("utf-8-sig")) == value


def test_base64_of_each_piece_is_complete_in_itself() -> None:
    assert as_base64(b"a") == b'"YQ=="'
    assert as_base64(b"") == b'""'
    assert json.loads(as_base64(bytes(range(256)))) == base64.b64encode(bytes(range(256))).decode()
