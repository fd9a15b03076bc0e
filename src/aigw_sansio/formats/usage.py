"""The usage of one exchange, added up.

Decides: how reports of usage add up. A later report of the same response replaces an earlier one; a count that it
leaves out, or that would fall, keeps its value; the usage of a response without its format's own end is partial. Must
not know: how providers count; the readers give all counts the same meaning.

In a realtime session each response has an id. Their counts are added, and each response counts once, however often it
is reported.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from ..events import ProviderEvent, UsageReported
from .totals import merge_usage

#: How many responses of a session are kept separately. Older ones are added up and can no longer be replaced.
KEPT_APART: Final = 64

_COUNTS: Final = tuple(name for name in UsageReported.__struct_fields__ if name != "quality")


class UsageMeter:
    """Usage of one exchange, or of one realtime session. Call ``report`` or ``read`` as usage comes, and ``total`` at
    the end."""

    __slots__ = ("_past", "_responses")

    def __init__(self) -> None:
        self._responses: dict[str, UsageReported] = {}
        self._past: UsageReported | None = None

    def report(self, usage: UsageReported, response_id: str = "") -> None:
        """The provider reported ``usage`` for the response with the id ``response_id``, as a running total."""
        responses = self._responses
        known = responses.get(response_id)
        responses[response_id] = usage if known is None else merge_usage(known, usage)
        if len(responses) > KEPT_APART:
            self._past = _add(self._past, responses.pop(next(iter(responses))))

    def read(self, events: Iterable[ProviderEvent], response_id: str = "") -> None:
        """Count every report in ``events``."""
        for event in events:
            if type(event) is UsageReported:
                self.report(event, response_id)

    def total(self, *, complete: bool) -> UsageReported | None:
        """The sum, or ``None`` if the provider gave no number. ``complete``: the format's own end came
        (:attr:`.registry.Reader.complete`); otherwise the sum is marked as partial."""
        total = self._past
        for usage in self._responses.values():
            total = usage if total is None else _add(total, usage)
        if total is None or all(getattr(total, name) is None for name in _COUNTS):
            return None
        return msgspec.structs.replace(total, quality="final" if complete else "partial")


def usage_json(usage: UsageReported) -> bytes:
    """``usage`` as JSON for a message's metadata: the fields of :class:`UsageReported` without its type.

    ``quality`` is always present; counts that the provider did not give are left out.
    """
    counts = {name: number for name in _COUNTS if (number := getattr(usage, name)) is not None}
    return msgspec.json.encode({**counts, "quality": usage.quality})


def _add(one: UsageReported | None, other: UsageReported) -> UsageReported:
    if one is None:
        return other
    counts: dict[str, int | float] = {}
    for name in _COUNTS:
        left, right = getattr(one, name), getattr(other, name)
        if left is not None or right is not None:
            counts[name] = min((left or 0) + (right or 0), 2**63 - 1)
    return msgspec.structs.replace(other, **counts)
