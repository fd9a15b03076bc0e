"""The event loop of a command.

Decides: which one it is. Must not know: what runs in it.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import TypeVar

import anyio

_T = TypeVar("_T")


def run(function: Callable[[], Awaitable[_T]]) -> _T:
    """Run ``function`` on uvloop if it is installed, else on asyncio."""
    return anyio.run(function, backend_options={"use_uvloop": find_spec("uvloop") is not None})
