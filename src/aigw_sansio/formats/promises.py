"""What parts of the host's own promise, and what becomes of one that breaks it.

Decides: what is checked of what they return, and how a failure is told. Must not know: which parts there are, and who
calls them.
"""

from types import TracebackType
from typing import Final, TypeVar, get_args

import msgspec

from ..events import PartFailed, ProviderEvent
from ..faults import Fault, FaultKind, Side
from ..json_text import NOT_WRITABLE

_EVENTS: Final[tuple[type, ...]] = get_args(ProviderEvent)
_PLACES: Final = 5
_T = TypeVar("_T")


class BrokenPromise(Exception):
    """A part returned something else than it promised. Its text quotes nothing that the part returned."""


def checked(value: _T, what: str) -> _T:
    """``value``, a struct, if all its fields have the types that they promise, and can be written as JSON; no type of
    Python holds them to that. Raises :class:`BrokenPromise`, whose text begins with ``what``."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=type(value))
    except NOT_WRITABLE:
        raise BrokenPromise(f"{what} has a field of a wrong type") from None


def event_of(log_id: str, part: str, error: Exception) -> PartFailed:
    """The event of ``error``, which ``part`` raised."""
    told = str(error) if isinstance(error, BrokenPromise) else type(error).__qualname__
    return PartFailed(log_id=log_id, part=part, error=told, where=_places(error.__traceback__))


def fault_of(part: str) -> Fault:
    """Why an attempt, or a step, ends that needs ``part``. It says no more: the bug is the host's business."""
    return Fault(FaultKind.INTERNAL, Side.GATEWAY, f"the gateway's own {part} failed")


def _places(trace: TracebackType | None) -> str:
    """The innermost places of ``trace`` in the host's code."""
    found: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        path = code.co_filename.replace("\\", "/")
        if "aigw_sansio/" not in path:
            found.append(f"{path.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(found[-_PLACES:])


def checked_events(events: object) -> list[ProviderEvent]:
    """``events``, if they are a list of provider events with the right fields. Raises :class:`BrokenPromise`."""
    if type(events) is not list:
        raise BrokenPromise("it returned no list of events")
    for event in events:
        if type(event) not in _EVENTS:
            raise BrokenPromise("it returned something else than provider events")
    return [checked(event, type(event).__name__) for event in events]
