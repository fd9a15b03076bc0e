"""Which library runs the event loop, told to sniffio.

Decides: that callbacks of asyncio's loop know it. Must not know: the driver.

anyio asks sniffio, if that is installed. sniffio looks for a running task, and in a callback of a loop none runs: it
knows asyncio there only if somebody has said so in the callback's context. ``anyio.run`` does; ``asyncio.run``,
``uvloop.run`` and the servers of web frameworks do not.
"""

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


@contextmanager
def asyncio_told() -> Iterator[None]:
    """During the block callbacks of the loop that are set up by this task, or by a task or callback that goes back to
    it, know that asyncio runs them. No effect on trio, and without sniffio."""
    library = _told_library()
    if library is None:
        yield
        return
    token = library.set("asyncio")
    try:
        yield
    finally:
        library.reset(token)


def _told_library() -> ContextVar[str | None] | None:
    """Where sniffio looks first; ``None`` without sniffio, and if this is no task of asyncio."""
    try:
        if asyncio.current_task() is None:  # trio, as a guest of asyncio
            return None
        found: ContextVar[str | None] = importlib.import_module("sniffio").current_async_library_cvar
    except (RuntimeError, ImportError):
        return None
    return found
