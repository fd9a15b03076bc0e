"""The trace that a request belongs to (W3C Trace Context, section 3.2).

Decides: which field names it, and that it has the form. Must not know: who traces.
"""

import re
from collections.abc import Iterable
from typing import Final

_FORM: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The value of the last field ``traceparent`` in ``headers``, whose names are in lower case; ``None`` if there is
    none, or it has another form: then it may be anything."""
    found = None
    for name, value in headers:
        if name == b"traceparent":
            found = value
    return found.decode("ascii") if found is not None and _FORM.fullmatch(found) else None
