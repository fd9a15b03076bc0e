"""The trace that a request belongs to (W3C Trace Context, section 3.2).

Decides: which field names it, that it has the form, which spans of it are ours, and what a provider is told. Must not
know: who traces.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ..wires.http import Request

_NAME: Final = b"traceparent"
_SPANS: Final = (1 << 64) - 1
_FORM: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The value of the last field ``traceparent`` in ``headers``, whose names are in lower case; ``None`` if there is
    none, or it has another form: then it may be anything."""
    found = None
    for name, value in headers:
        if name == _NAME:
            found = value
    return found.decode("ascii") if found is not None and _FORM.fullmatch(found) else None


def span_id(log_id: str, attempt: int = 0) -> str:
    """The span of an exchange or a session, or of one attempt of it (from 1). Who knows the log id knows its spans."""
    return f"{((int(log_id.replace('-', '')[16:], 16) + attempt) & _SPANS) or 1:016x}"


def trace_id(log_id: str, traceparent: str | None) -> str:
    """The trace that an exchange belongs to: its client's, or one of its own."""
    return log_id.replace("-", "") if traceparent is None else traceparent[3:35]


def passed_on(request: Request, given: str | None, log_id: str, attempt: int, *, traces: bool) -> Request:
    """``request`` with the trace that its provider is told. ``given``: the one of the client's handshake, which counts
    if the request names none. ``traces``: the attempt is a span, and what the provider does is below it."""
    own = traceparent_of(request.headers)
    if traces:
        parent = own or given
        flags = "01" if parent is None else parent[-2:]
        value = f"00-{trace_id(log_id, parent)}-{span_id(log_id, attempt)}-{flags}"
    elif own is None and given is not None:
        value = given
    else:
        return request
    headers = [field for field in request.headers if field[0] != _NAME]
    return msgspec.structs.replace(request, headers=[*headers, (_NAME, value.encode())])
