"""A provider's bytes as the ``response`` of a message.

Decides: which bytes are copied as JSON, which become a string, and which become base64 (client protocol, section 3.2).
Must not know: the source of the bytes.
"""

from base64 import b64encode

import msgspec

from ...json_text import valid_json

_encode = msgspec.json.encode

#: Charsets that are decoded. A text in another charset is passed on as base64.
_CHARSETS = {
    "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "latin-1", "iso-8859-2", "iso-8859-15", "utf-16",
    "utf-16le", "utf-16be", "utf-32", "windows-1250", "windows-1251", "windows-1252", "koi8-r", "shift_jis", "euc-jp",
    "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr",
}  # fmt: skip


def as_response(data: bytes, charset: str | None = None) -> tuple[bytes, bool]:
    """The JSON text for ``data``, and whether it is a string of base64."""
    if not data:
        return b'""', False
    text = valid_json(data)
    if text is not None:
        return text, False
    charset = charset or "utf-8"
    if charset in _CHARSETS:
        try:
            return _encode(data.decode(charset)), False
        except UnicodeError:
            pass
    return as_base64(data), True


def as_base64(data: bytes) -> bytes:
    """``data`` as a JSON string of base64."""
    return b'"' + b64encode(data) + b'"'
