"""The gateway's own error body (client protocol, section 5), on HTTP and inside messages.

Decides: its shape. Must not know: when it is sent.
"""

import msgspec

from .faults import ENVELOPE_CODE, Fault


class _Item(msgspec.Struct):
    code: int
    message: str


class _Envelope(msgspec.Struct):
    success: bool
    result: list[str]
    messages: list[str]
    error: list[_Item]


def error_envelope(fault: Fault) -> bytes:
    """The JSON body that tells ``fault``."""
    return msgspec.json.encode(_Envelope(False, [], [], [_Item(ENVELOPE_CODE[fault.kind], fault.detail)]))


def success_envelope() -> bytes:
    """The JSON body of a plain answer that all is well."""
    return msgspec.json.encode(_Envelope(True, [], [], []))
