"""What a call of the core costs, as numbers that do not depend on the machine: bytecodes, and bytes handed to C.

Decides: what counts. Must not know: what is measured.

Bytecodes show every loop of the core. Work inside one call of a C function does not show: so the size of every bytes,
bytearray and string whose own method is called is counted beside them (``split``, ``replace``, ``translate``,
``decode`` and so on). Not counted are searches that stop at what they find (``find``, ``startswith`` ...), because
neither their start nor their end can be seen; slices, ``+`` and ``join``, which cost as much as what they return; and
regular expressions. For these hold the rules of the decoders: kept bytes grow in a bytearray or a list, and are
searched from where the last search ended; patterns are possessive. Only sources can be measured, not the compiled core.
"""

import gc
import sys
from collections.abc import Callable
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, NamedTuple

_STOPPING = frozenset(
    {"find", "rfind", "index", "rindex", "startswith", "endswith", "removeprefix", "removesuffix", "join"}
)


class Cost(NamedTuple):
    """Bytecodes executed, and bytes of the objects whose methods were called."""

    bytecodes: int
    handed_to_c: int


def cost_of(action: Callable[[], object]) -> Cost:
    """Run ``action`` and count."""
    handed = 0

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal handed
        if event == "c_call":
            owner = getattr(arg, "__self__", None)
            if type(owner) in (bytes, bytearray, str) and arg.__name__ not in _STOPPING:
                handed += len(owner)  # type: ignore[arg-type]

    def profiled() -> object:
        profiler, collects = sys.getprofile(), gc.isenabled()
        gc.disable()  # else what others left behind is finalized here, and counts
        sys.setprofile(profile)
        try:
            return action()
        finally:
            sys.setprofile(profiler)
            if collects:
                gc.enable()

    bytecodes = _traced(profiled) if sys.version_info < (3, 12) else _monitored(profiled)
    return Cost(bytecodes, handed)


def _traced(action: Callable[[], object]) -> int:
    bytecodes = 0

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal bytecodes
        if event == "opcode":
            bytecodes += 1
        return local

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    tracer = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(tracer)
    return bytecodes


def _monitored(action: Callable[[], object]) -> int:
    """For Python 3.12 and later: a trace there counts nothing in the first call of a function that it has not seen."""
    bytecodes = 0
    measured = get_ident()

    def count(code: CodeType, offset: int) -> None:
        nonlocal bytecodes
        if get_ident() == measured:  # monitoring sees every thread, also the one that hands tests to this process
            bytecodes += 1

    monitoring = sys.monitoring
    tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
    monitoring.use_tool_id(tool, __name__)
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, count)
    monitoring.set_events(tool, monitoring.events.INSTRUCTION)
    try:
        action()
    finally:
        monitoring.set_events(tool, monitoring.events.NO_EVENTS)
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
        monitoring.free_tool_id(tool)
    return bytecodes
