"""The fields of a provider's head that a client sees, as ``metadata.headers`` (client protocol, section 3.2).

Decides: the closed list of them: how long to wait, where it went, which request it was. Must not know: their meaning.
"""

from collections.abc import Sequence
from typing import Final

_NAMES: Final = frozenset((b"retry-after", b"retry-after-ms", b"location", b"x-should-retry", b"request-id"))
_ENDINGS: Final = (b"-request-id", b"-processing-ms")


def shown_headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Of ``headers``, whose keys are redacted, those that are shown; ``None`` if there are none. Fields of one name are
    joined, as RFC 9110 section 5.3 has it."""
    shown: dict[str, str] = {}
    for raw, content in headers:
        name = raw.lower()
        if name in _NAMES or name.endswith(_ENDINGS) or b"ratelimit" in name:
            text, value = name.decode("latin-1"), content.decode("utf-8", "replace")
            shown[text] = f"{shown[text]}, {value}" if text in shown else value
    return shown or None
