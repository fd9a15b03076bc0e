"""Standard output of the command line, whose reader may go at any time (``aigw demo | head``).

Decides: what happens when nobody reads any more; that nothing is printed that a terminal would obey. Must not know:
what is printed.

Nothing that prints here ever raises. This matters, because much of it prints from inside a running gateway: an
exception there, and rich's own answer is ``SystemExit``, would tear down task groups and leave a trace.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
from rich.console import Console
from rich.markup import escape

from ..core.printable import printable


class Output(Console):
    """A console that goes silent when its reader has gone. Look at :attr:`reader_gone` to stop."""

    def __init__(self) -> None:
        super().__init__()
        #: A write found that nobody reads any more.
        self.reader_gone = False
        self._on_reader_gone: Callable[[], object] | None = None

    def write_line(self, text: object) -> None:
        """Print ``text`` at once: no markup, no line breaks of its own. What a terminal would obey is escaped."""
        self.write_text(f"{text}\n")

    def write_text(self, text: str) -> None:
        """Like :meth:`write_line`, without an end of the line."""
        if self.reader_gone:
            return
        try:
            print(printable(text), end="", file=self.file, flush=True)
        except BrokenPipeError:
            self.on_broken_pipe()

    def tell(self, kind: str, text: str) -> None:
        """Print a line of the form ``error NAME: ...`` or ``warning NAME: ...``."""
        colour = "red" if kind == "error" else "yellow"
        self.print(f"[{colour}]{kind}[/{colour}] {escape(printable(text))}", soft_wrap=True, highlight=False)

    @contextmanager
    def cancelled_without_reader(self) -> Iterator[None]:
        """Cancel the block when the reader goes. For asyncio; a write of another thread may find it out."""
        loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope:
            self._on_reader_gone = lambda: loop.call_soon_threadsafe(scope.cancel)
            if self.reader_gone:
                scope.cancel()
            try:
                yield
            finally:
                self._on_reader_gone = None

    def on_broken_pipe(self) -> None:
        """Called by rich in place of ending the program: what is printed from now on goes nowhere."""
        if self.reader_gone:
            return
        self.reader_gone = True
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # what is still buffered is written at exit: it must not fail again
        os.close(nowhere)
        if self._on_reader_gone is not None:
            self._on_reader_gone()
