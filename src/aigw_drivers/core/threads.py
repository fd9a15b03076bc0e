"""What happens if the system gives no thread.

Decides: that it is an ``OSError``, like everything else that a system may refuse. Must not know: what the thread is
for.

Python says ``RuntimeError`` then, as for mistakes in a program. Everything that starts a thread or a process runs
inside of :func:`no_thread_is_an_os_error`: look-ups of names, and processes, whose ends some event loops await in a
thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_thread_is_an_os_error() -> Iterator[None]:
    """Raise :class:`OSError` if the block fails because no thread can be started."""
    try:
        yield
    except RuntimeError as exc:
        if "new thread" not in str(exc):
            raise
        raise OSError("no thread is left") from exc
