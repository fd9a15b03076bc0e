"""The gateway's own error body (client protocol, section 5), on HTTP and inside messages.

Decides: its JSON form. Must not know: when it is sent.
"""

import msgspec

from .faults import Fault


class _Item(msgspec.Struct):
    code: int
    message: str


class _Envelope(msgspec.Struct):
    success: bool
    result: list[str]
    messages: list[str]
    error: list[_Item]


def error_envelope(fault: Fault) -> bytes:
    """The JSON body that reports ``fault``."""
    return msgspec.json.encode(
        _Envelope(success=False, result=[], messages=[], error=[_Item(fault.envelope_code, fault.detail)])
    )


def success_envelope() -> bytes:
    """The JSON body that reports success."""
    return msgspec.json.encode(_Envelope(success=True, result=[], messages=[], error=[]))
