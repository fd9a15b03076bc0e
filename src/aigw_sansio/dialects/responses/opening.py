"""The dialect of one session of Responses, which is loaded when the first client asks for it.

Decides: nothing. Must not know: what the dialect does.
"""

from collections.abc import Callable, Sequence

from ...config import Config
from ..base import LanedDialect


def open_dialect(
    config: Config,
    *,
    provider: str | None,
    headers: Sequence[tuple[str, str]],
    keeps: Callable[[str], bool],
) -> LanedDialect:
    """See :class:`.dialect.ResponsesDialect`."""
    from .dialect import ResponsesDialect  # few gateways speak it

    return ResponsesDialect(config, provider=provider, headers=headers, keeps=keeps)
