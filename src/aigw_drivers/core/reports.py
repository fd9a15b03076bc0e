"""What a driver logs: bugs of the engine and of the host.

Decides: that a report has no content. Must not know: engines, sockets.
"""

import logging
import traceback

logger = logging.getLogger("aigw.driver")


def report(exc: BaseException, context: str, *, culprit: str = "the engine") -> None:
    """Log a bug of ``culprit``. The message of ``exc`` is left out: it might quote content."""
    trace = "".join(traceback.format_tb(exc.__traceback__))
    logger.error("%s failed in %s: %s\n%s", culprit, context, type(exc).__qualname__, trace)
