"""Counts of usage as running totals: how a later report changes an earlier one, and how parts fit their whole.

Decides: that no count falls, and which number is wrong if the parts of a count are more than the count. Must not know:
any provider's names.
"""

import msgspec

from ..events import UsageReported

_FIELDS = UsageReported.__struct_fields__
_QUALITY = _FIELDS.index("quality")


def merge_usage(old: UsageReported | None, new: UsageReported) -> UsageReported:
    """``new``, with the counts of ``old`` for those that ``new`` leaves out or that would fall: counts of one response
    only grow, so a smaller one, mostly a zero, is no news. The quality is that of ``new``."""
    if old is None:
        return new
    merged = [
        before if after is None or (before is not None and before > after) else after
        for before, after in zip(msgspec.structs.astuple(old), msgspec.structs.astuple(new), strict=True)
    ]
    merged[_QUALITY] = new.quality
    return UsageReported(*merged)


def whole_usage(usage: UsageReported) -> UsageReported:
    """``usage`` with totals that hold their parts. Where the parts are more than their total, the provider counts them
    beside it: the total is wrong, not the parts."""
    read, written = usage.input_tokens, usage.output_tokens
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    reasoning = usage.reasoning_output_tokens or 0
    if read is not None and cached > read:
        usage = msgspec.structs.replace(usage, input_tokens=min(read + cached, _LARGEST))
    if written is not None and reasoning > written:
        usage = msgspec.structs.replace(usage, output_tokens=min(written + reasoning, _LARGEST))
    return usage


_LARGEST = 2**63 - 1
