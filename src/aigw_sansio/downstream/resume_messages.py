"""The messages with which a session is resumed, in every dialect (client protocol, section 8).

Decides: what they say, how a message gets its number, and which messages of the client are not for the dialect. Must
not know: channels and sessions, and any dialect. A message of a dialect is the text of a JSON object with members.
"""

from typing import Final

import msgspec

from ..secret import without_content

ACK: Final = "universal.ack"
RESUME: Final = "universal.resume"
#: A message of the client that is longer is for its dialect.
MOST_BYTES: Final = 1024
#: Stands for a number that is none.
NO_NUMBER: Final = -1
_NOTHING: Final = msgspec.Raw(b"")


class _Told(msgspec.Struct, tag_field="type", tag="universal.session"):
    token: str
    resume_s: float
    resume_bytes: int

    __repr__ = without_content


class _Numbered(msgspec.Struct):
    type: str = ""
    n: msgspec.Raw = _NOTHING

    __repr__ = without_content


_decode = msgspec.json.Decoder(_Numbered).decode
_decode_number = msgspec.json.Decoder(int).decode


def session_told(token: str, resume_s: float, resume_bytes: int) -> bytes:
    """``universal.session``: the first message on each connection. It has no number."""
    return msgspec.json.encode(_Told(token=token, resume_s=resume_s, resume_bytes=resume_bytes))


def resumed_told(received: int) -> bytes:
    """``universal.resumed``: the session goes on. ``received``: how many messages of the client it has. It has no
    number."""
    return b'{"type":"universal.resumed","received":%d}' % received


def numbered(message: bytes, n: int) -> bytes:
    """``message`` with its number, as the last member: that is the one which counts, if it should be there twice."""
    if message[-1:] != b"}":  # a provider's own text may have blanks behind it
        message = message.rstrip()
    return b'%b,"n":%d}' % (message[:-1], n)


def read_control(data: bytes) -> tuple[str, int] | None:
    """The type and the number of ``universal.ack`` and ``universal.resume``; ``NO_NUMBER`` if it has none. ``None``:
    another message. Never raises."""
    if len(data) > MOST_BYTES:
        return None
    try:
        found = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if found.type not in (ACK, RESUME):
        return None
    try:
        return found.type, max(_decode_number(found.n), NO_NUMBER)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return found.type, NO_NUMBER
