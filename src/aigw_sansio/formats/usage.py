"""What an exchange used, kept once.

Decides: how reports of usage add up: a later report of the same answer replaces an earlier one, what it leaves out
never erases what was known, and what was seen of an answer that broke off is partial. Must not know: how providers
count; their readings bring the counts to one meaning.

Over a session of many answers (realtime) each has its id; their counts are added, and each is counted once however
often it is reported.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from ..events import ProviderEvent, UsageReported
from .base import merge

#: Answers of one session that are kept apart; of more, the oldest are added up and can no longer be reported anew.
KEPT_APART: Final = 64

_COUNTS: Final = tuple(name for name in UsageReported.__struct_fields__ if name != "quality")


class UsageMeter:
    """Usage of one exchange, or of one realtime session. Feed ``report``; ask ``total`` at the end."""

    __slots__ = ("_answers", "_past")

    def __init__(self) -> None:
        self._answers: dict[str, UsageReported] = {}
        self._past: UsageReported | None = None

    def report(self, usage: UsageReported, answer: str = "") -> None:
        """What the provider says that ``answer`` used so far."""
        answers = self._answers
        known = answers.get(answer)
        answers[answer] = usage if known is None else merge(known, usage)
        if len(answers) > KEPT_APART:
            self._past = _add(self._past, answers.pop(next(iter(answers))))

    def read(self, events: Iterable[ProviderEvent], answer: str = "") -> None:
        """Every report among ``events``."""
        for event in events:
            if type(event) is UsageReported:
                self.report(event, answer)

    def total(self, *, complete: bool) -> UsageReported | None:
        """All of it, or ``None`` where the provider said nothing. ``complete``: the answer came to its end;
        otherwise what was seen is partial."""
        total = self._past
        for usage in self._answers.values():
            total = usage if total is None else _add(total, usage)
        return None if total is None else msgspec.structs.replace(total, quality="final" if complete else "partial")


def usage_json(usage: UsageReported) -> bytes:
    """``usage`` as it stands in a message's metadata: the fields of :class:`UsageReported` without its type.

    ``quality`` is always said; counts that the provider did not give are left out.
    """
    counts = {name: number for name in _COUNTS if (number := getattr(usage, name)) is not None}
    return msgspec.json.encode({**counts, "quality": usage.quality})


def _add(one: UsageReported | None, other: UsageReported) -> UsageReported:
    if one is None:
        return other
    counts: dict[str, int] = {}
    for name in _COUNTS:
        left, right = getattr(one, name), getattr(other, name)
        if left is not None or right is not None:
            counts[name] = min((left or 0) + (right or 0), 2**63 - 1)
    return UsageReported(**counts, quality=other.quality)
