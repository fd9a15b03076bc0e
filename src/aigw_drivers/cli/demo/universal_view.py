"""The look of the demonstration: live lanes in a terminal, plain lines elsewhere, a summary at the end.

Decides: layout and colours. Must not know: sockets and messages.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .universal import Demonstration, Lane, Line, View

_ARROWS = {
    ("client", True): ("client   > gateway ", "cyan"),
    ("client", False): ("client   < gateway ", "green"),
    ("provider", True): ("gateway  > provider", "magenta"),
    ("provider", False): ("gateway  < provider", "yellow"),
}
_STATES = {"done": "green", "whole": "green", "error": "red", "cancelled": "yellow", "streaming": "cyan"}
_SHOWN_CHUNKS = 2


def written(line: Line) -> Text:
    """A line as text."""
    arrow, colour = _ARROWS[line.wire, line.outward]
    return Text.assemble(
        (f"{line.at_ms:8.1f} ms  ", "dim"), (arrow, colour), "  ", (f"{line.lane:<9}", "bold"), line.text
    )


class PlainView:
    """Each line as it comes, but only the first chunks of a stream."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._left_out: dict[str, int] = {}

    def line(self, line: Line) -> None:
        if line.text.startswith("universal.stream"):
            if line.repeat >= _SHOWN_CHUNKS:
                self._left_out[line.lane] = self._left_out.get(line.lane, 0) + 1
                return
        elif (left_out := self._left_out.pop(line.lane, 0)) and line.wire == "client" and not line.outward:
            more = Line(
                line.at_ms, "client", outward=False, lane=line.lane, text=f"... {left_out} more universal.stream"
            )
            self._console.print(written(more), soft_wrap=True)
        self._console.print(written(line), soft_wrap=True)

    def changed(self) -> None:
        pass


class LiveView:
    """Lanes side by side, and below them the last lines."""

    def __init__(self, demo: Demonstration, console: Console, live: Live) -> None:
        self._demo = demo
        self._console = console
        self._live = live

    def line(self, line: Line) -> None:
        self._live.update(self.render())

    def changed(self) -> None:
        self._live.update(self.render())

    def render(self) -> RenderableType:
        """The whole picture at this moment."""
        width = max(30, min(58, (self._console.width - 4) // max(1, self._console.width // 44)))
        lanes = Columns([_panel(lane, width) for lane in self._demo.lanes.values()], padding=(0, 1))
        room = max(5, self._console.height - 2 - 9 * -(-len(self._demo.lanes) // max(1, self._console.width // width)))
        last = [written(line) for line in self._demo.lines[-room:]]
        for text in last:
            text.truncate(self._console.width - 4, overflow="ellipsis")
        return Group(lanes, Panel(Group(*last), title="on the wires", title_align="left", box=box.SIMPLE))


def _panel(lane: Lane, width: int) -> Panel:
    colour = _STATES.get(lane.state, "white")
    inner = width - 4
    text = Text(lane.text[-inner * 4 :], overflow="fold")
    where = f"attempt {lane.attempts}" if lane.attempts > 1 else ""
    where += f"  step {lane.step}" if lane.step not in ("", "0") else ""
    state = Text.assemble(
        (lane.state, colour), f"  {lane.chunks} chunks" if lane.chunks else "", "  ", (where, "magenta")
    )
    return Panel(
        Group(Text(lane.title, style="dim", overflow="ellipsis", no_wrap=True), state, text),
        title=lane.name,
        title_align="left",
        width=width,
        height=9,
        border_style=colour,
    )


def summary(demo: Demonstration) -> RenderableType:
    """The times, and the time that was saved."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("request", "end", "status", "tries", "connection"):
        table.add_column(heading)
    table.add_column("first token", justify="right")
    table.add_column("total", justify="right")
    for lane in demo.lanes.values():
        first = f"{lane.first_ms - lane.sent_ms:.1f} ms" if lane.first_ms is not None else "-"
        total = f"{lane.end_ms - lane.sent_ms:.1f} ms" if lane.end_ms is not None else "-"
        table.add_row(lane.name, lane.state, str(lane.status or "-"), str(lane.attempts), lane.reach, first, total)
    again = demo.lanes["again"]
    saved = Text.assemble(
        "One WebSocket carried everything: its handshake took ",
        (f"{demo.handshake_ms:.1f} ms", "bold"),
        ", once. The last request found the provider's connection open and saved ",
        (f"{again.saved_ms:.2f} ms", "bold"),
        " of dialling, here without TLS. With TLS and a round trip of 20 ms it would be 40 ms or more.",
    )
    return Group(table, saved)


def view_for(console: Console) -> tuple[AbstractContextManager[object], Callable[[Demonstration], View]]:
    """A context to enter while the view is used, and a function that makes the view."""
    if not console.is_terminal:
        return nullcontext(), lambda demo: PlainView(console)
    live = Live(console=console, refresh_per_second=20, transient=True)
    return live, lambda demo: LiveView(demo, console, live)
