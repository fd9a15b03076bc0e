"""What a call of the core costs, as numbers that do not depend on the machine: bytecodes, and bytes handed to C.

Decides: what counts. Must not know: what is measured.

Bytecodes show every loop of the core. Work inside one call of a C function does not show: so the size of every bytes,
bytearray and string whose own method is called is counted beside them (``split``, ``replace``, ``translate``,
``decode`` and so on). Not counted are searches that stop at what they find (``find``, ``startswith`` ...), because
neither their start nor their end can be seen; slices, ``+`` and ``join``, which cost as much as what they return; and
regular expressions. For these hold the rules of the decoders: kept bytes grow in a bytearray or a list, and are
searched from where the last search ended; patterns are possessive. Only sources can be measured, not the compiled core.
"""

import sys
from collections.abc import Callable
from types import FrameType
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
    bytecodes = handed = 0

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal bytecodes
        if event == "opcode":
            bytecodes += 1
        return local

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal handed
        if event == "c_call":
            owner = getattr(arg, "__self__", None)
            if type(owner) in (bytes, bytearray, str) and arg.__name__ not in _STOPPING:
                handed += len(owner)  # type: ignore[arg-type]

    # Python 3.12 counts no opcodes unless a frame asks for them before the trace begins: not in the first one of a process.
    sys._getframe().f_trace_opcodes = True
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
    return Cost(bytecodes, handed)
