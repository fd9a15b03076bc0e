"""What every dialect demands of the steps of a request (client protocol, section 3.1).

Decides: how many steps and headers there may be, how large the head of a step may be, and where a body may stand. Must
not know: how a client writes a step.
"""

from typing import Final

from ..config import Limits
from ..faults import Fault, FaultKind, Side

#: Characters of the longest ``eventId``.
MAX_EVENT_ID: Final = 256


def invalid(detail: str) -> Fault:
    """The fault of a request that cannot be used as it is."""
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail)


def bad_event_id() -> Fault:
    """Why an ``eventId`` cannot be used."""
    return invalid(f"eventId must be a string of 1 to {MAX_EVENT_ID} characters")


def most_steps(limits: Limits) -> tuple[int, str]:
    """The most steps of a request, and the setting that says so."""
    if limits.attempts_per_exchange < limits.steps_per_request:
        return limits.attempts_per_exchange, "attempts_per_exchange"
    return limits.steps_per_request, "steps_per_request"


def too_many_steps(limits: Limits) -> Fault:
    """Why a request with more steps than :func:`most_steps` is refused."""
    most, setting = most_steps(limits)
    return invalid(f"request has more than {most} steps, which {setting} allows")


def too_many_headers(path: str, count: int, limits: Limits) -> Fault | None:
    """Why the step at ``path`` cannot have ``count`` headers, if it cannot."""
    if count <= limits.headers_per_step:
        return None
    return invalid(f"{path}.headers has {count} headers; headers_per_step allows {limits.headers_per_step}")


def utf8_size(text: str) -> int:
    """The bytes of ``text`` in a head."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def head_too_large(path: str, size: int, limits: Limits) -> Fault:
    """Why the endpoint and the headers of the step at ``path``, ``size`` bytes, are too large together."""
    return invalid(
        f"{path} has {size} bytes in its endpoint and its headers together; head_bytes allows {limits.head_bytes}"
    )


def misplaced_body(path: str, *, has_query: bool, method: str) -> Fault | None:
    """Why the step at ``path`` cannot have a ``body``, if it cannot."""
    if has_query:
        return invalid(f"{path}.body stands beside query; allowed is one of them")
    if method.upper() in ("GET", "HEAD"):
        return invalid(f"{path}.body cannot go with the method {method.upper()}, which sends no body")
    return None
