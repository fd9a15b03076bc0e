"""What a response has used that its provider did not report, or not to the end.

Decides: how tokens are estimated: one for each four bytes of text, of the request and of what came of the response.
Must not know: who counts it.

Text is what a reader understands: deltas of text, reasoning and refusals, and arguments of tools. Of a request in JSON
it is all but long runs of base64, so the names of its members count too. If a response ended by itself and nothing came
that is text, nothing is estimated: a list of models costs no tokens. If it was cut short, because its client left or a
clock of ours ran out, the request is estimated all the same: its provider has it.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ..events import ProviderEvent, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, UsageReported
from ..faults import Fault, FaultKind, Side
from ..quotas.claim import Unreported

BYTES_PER_TOKEN: Final = 4
_OWN_CLOCKS: Final = frozenset({FaultKind.FIRST_BYTE_TIMEOUT, FaultKind.IDLE_TIMEOUT, FaultKind.TOTAL_TIMEOUT})
_MEDIA: Final = re.compile(rb"[A-Za-z0-9+/=_-]{512,}+")


def cut_short(fault: Fault | None) -> bool:
    """Whether ``fault`` says that somebody else than the provider ended the response."""
    return fault is not None and (fault.side is not Side.PROVIDER or fault.kind in _OWN_CLOCKS)


def text_size(events: Iterable[ProviderEvent]) -> int:
    """The bytes of text in ``events``."""
    size = 0
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
            size += len(event.text.encode("utf-8", "surrogatepass"))
        elif isinstance(event, ToolCallDelta):
            size += len(event.arguments.encode("utf-8", "surrogatepass"))
    return size


class Estimate:
    """Of one response. ``how`` it counts; ``request``: the body that asked for it."""

    __slots__ = ("_how", "_request", "_said")

    def __init__(self, how: Unreported, request: bytes) -> None:
        self._how = how
        self._request = request
        self._said = 0

    def note(self, events: Iterable[ProviderEvent]) -> None:
        """The response said this too."""
        self._said += text_size(events)

    def complete(self, usage: UsageReported | None, status: int, *, cut: bool) -> UsageReported | None:
        """``usage``, with what its provider has not reported, if the ``status`` is a success, of a request with a
        body. ``cut``: see :func:`cut_short`."""
        if not self._request or not 200 <= status < 300:
            return usage
        return with_unreported(usage, self._how, self._request, self._said, cut=cut)


def unanswered(how: Unreported, request: bytes) -> UsageReported | None:
    """What a ``request`` uses that was sent, and cut short before the head of its response; one without a body uses
    nothing."""
    return with_unreported(None, how, request, 0, cut=True) if request else None


def with_unreported(
    usage: UsageReported | None, how: Unreported, request: bytes, said: int, *, cut: bool
) -> UsageReported | None:
    """``usage``, with what is not in it. ``said``: bytes of text that came; if none did, only a response that was
    ``cut`` short is estimated. Nothing is added to a final report."""
    if usage is not None and usage.quality == "final":
        return usage
    if how.tokens is not None:
        if usage is not None and (usage.input_tokens is not None or usage.output_tokens is not None):
            return usage
        return msgspec.structs.replace(usage or UsageReported(), output_tokens=how.tokens, quality="partial")
    if not said and not cut:
        return usage
    told = usage or UsageReported()
    came = told.input_tokens
    if came is None:
        is_json = request[:64].lstrip()[:1] == b"{"  # a form may be all sound
        came = _tokens(len(_MEDIA.sub(b"", request))) if is_json else 0
    return msgspec.structs.replace(
        told, input_tokens=came, output_tokens=max(told.output_tokens or 0, _tokens(said)), quality="partial"
    )


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)
