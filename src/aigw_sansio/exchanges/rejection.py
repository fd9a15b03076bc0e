"""Why the answer of an attempt is not shown, as long as another one may be.

Decides: which answers are failures (client protocol, section 3.3), the fault of each, how long its provider asks to
wait, and the response that the client is shown if nothing better comes. Must not know: attempts, timers, and how often
a step is tried.
"""

from typing import NamedTuple

from ..events import ProviderEvent, ResponseFailed
from ..faults import Denial, Fault, FaultKind, Side
from ..formats.error_classes import is_retryable, status_of
from .encoder import FinalResponse
from .response import ProviderResponse
from .retry import is_retried


class Rejection(NamedTuple):
    """An answer that failed. ``final`` is what the client is shown of it; ``None`` if the provider said nothing.
    ``wait_s`` is the wait that its body asks for."""

    fault: Fault
    final: FinalResponse | None
    wait_s: float


def reject_stream(response: ProviderResponse, failed: ResponseFailed, words: bytes, step: int) -> Rejection:
    """A stream that failed before its first content. ``words``: what the provider said, if it said anything."""
    return _reject(response, failed, words, step)


def judge_whole(response: ProviderResponse, body: bytes, step: int) -> FinalResponse | Rejection:
    """A whole response to show, or why it failed. ``body`` is redacted."""
    events = response.read_whole(body)
    if (broken := response.broken_part) is not None:
        return Rejection(broken, None, 0.0)
    if response.status >= 300:
        failed = response.error_of(body)
        detail = f"the provider answered with status {response.status}"
        fault = Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail, retryable=is_retried(response.status))
        final = _final(response, body, step, [failed] if response.known else events, status=response.status)
        return Rejection(fault, final, failed.retry_after_s or 0.0)
    refused = response.failure(events)
    if refused is not None:
        return _reject(response, refused, body, step)
    return _final(response, body, step, events)


def fault_of(failed: ResponseFailed) -> Fault:
    """The fault that an error of the provider is, before and after the commit."""
    return Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, failed.message, retryable=is_retryable(failed.error_class))


def ended_by(fault: Fault) -> Side:
    """Who ends an exchange whose last attempt failed with ``fault``."""
    if isinstance(fault, Denial):
        return Side.GATEWAY
    return Side.GATEWAY if fault.kind is FaultKind.INTERNAL else Side.PROVIDER


def failure_event(fault: Fault) -> ResponseFailed:
    """The event that ends a response that broke off, or that never came."""
    broken = fault.side is Side.PROVIDER and fault.kind is not FaultKind.PROVIDER_ERROR
    return ResponseFailed(fault.detail, fault.kind.value, error_class="server" if broken else "unknown")


def untold_end(format: str, seen: ProviderResponse | None, fault: Fault) -> list[ProviderEvent]:
    """The events that end an exchange which ``fault`` cuts short (client protocol, section 3.2, "What a known format
    cannot hide"): none if ``format`` is not known or they have told the end; the finishes of a response whose choices
    have all finished; else that it failed. ``seen``: the response that the client sees, if it sees one."""
    if format == "unknown" or (seen is not None and seen.told_end):
        return []
    return seen.read_end() if seen is not None and seen.ended_well else [failure_event(fault)]


def _reject(response: ProviderResponse, failed: ResponseFailed, words: bytes, step: int) -> Rejection:
    """An answer with a status of 2xx that is an error."""
    final = _final(response, words, step, [failed], status=status_of(failed)) if words else None
    return Rejection(fault_of(failed), final, failed.retry_after_s or 0.0)


def _final(
    response: ProviderResponse, body: bytes, step: int, events: list[ProviderEvent], *, status: int | None = None
) -> FinalResponse:
    """``status``: that of a failure, which has no finish reason."""
    return FinalResponse(
        step=step,
        status=response.status if status is None else status,
        content_type=response.content_type,
        body=body,
        charset=response.charset,
        headers=response.shown_headers,
        events=events,
        usage=response.usage(),
        finish_reason=response.finish_reason if status is None else None,
    )
