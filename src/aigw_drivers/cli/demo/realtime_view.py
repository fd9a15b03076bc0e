"""The look of the realtime demonstration: live panels in a terminal, plain lines elsewhere, a summary at the end.

Decides: layout and colours. Must not know: sockets and messages.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .realtime import Conversation, HopLine, RealtimeView, Turn

_ARROWS: Final = {
    ("client", True): ("client   > gateway ", "cyan"),
    ("client", False): ("client   < gateway ", "green"),
    ("provider", True): ("gateway  > provider", "magenta"),
    ("provider", False): ("gateway  < provider", "yellow"),
}
_STATES: Final = {"completed": "green", "cancelled": "yellow", "speaking": "cyan"}
_BARS: Final = " ▁▂▃▄▅▆▇█"
#: A full bar of the meter is this loud.
_FULL: Final = 0.27
_SHOWN_DELTAS: Final = 2
_BYTES_A_SECOND: Final = 48_000


def written(line: HopLine) -> Text:
    """One message on one hop."""
    arrow, colour = _ARROWS[line.hop, line.outward]
    return Text.assemble(
        (f"{line.at_ms:8.1f} ms  ", "dim"),
        (arrow, colour),
        (f"  {line.opcode:<6}", "dim"),
        f" {line.size:>6} B  ",
        line.kind,
    )


def meter(levels: list[float], width: int) -> str:
    """The last ``width`` levels as bars."""
    top = len(_BARS) - 1
    return "".join(_BARS[min(top, round(level / _FULL * top))] for level in levels[-width:])


def _heard(turn: Turn) -> str:
    return f"{turn.audio_bytes:,} bytes of audio, {turn.audio_bytes / _BYTES_A_SECOND:.2f} s"


class PlainRealtimeView:
    """Each message as it passes, but only the first deltas of a turn; at the end of a turn its transcript."""

    def __init__(self, conversation: Conversation, console: Console) -> None:
        self._conversation = conversation
        self._console = console
        self._left_out: dict[tuple[str, str], int] = {}
        self._told = 0  # number of turns whose answer was shown

    def line(self, line: HopLine) -> None:
        if line.repeat >= _SHOWN_DELTAS and line.kind.endswith((".delta", ".append")):
            key = (line.hop, line.kind)
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        if not line.kind.endswith((".delta", ".append")):
            self._tell_left_out(line.hop)
        if line.kind == "response.cancel" and line.hop == "client":
            self._print(Text.assemble("user:  ", ("(interrupts)", "bold")))
        self._print(written(line))

    def turn(self, turn: Turn) -> None:
        self._print(Text.assemble("\nuser:  ", (turn.question, "bold")))

    def changed(self) -> None:
        turns = self._conversation.turns
        if self._told == len(turns) or turns[-1].end_ms is None:
            return
        self._told = len(turns)
        turn = turns[-1]
        self._print(Text.assemble("voice: ", (turn.transcript, "bold"), f"  ({turn.state}; {_heard(turn)})"))
        self._print(Text(f"       {meter(turn.levels, 100)}", "cyan"))

    def _tell_left_out(self, hop: str) -> None:
        for key in [key for key in self._left_out if key[0] == hop]:
            between = "client and gateway" if hop == "client" else "gateway and provider"
            self._print(Text(f"{'':13}... {self._left_out.pop(key)} more {key[1]} between {between}", "dim"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


class LiveRealtimeView:
    """The conversation, and below it the last messages of both hops."""

    def __init__(self, conversation: Conversation, console: Console, live: Live) -> None:
        self._conversation = conversation
        self._console = console
        self._live = live

    def line(self, line: HopLine) -> None:
        self._live.update(self.render())

    def turn(self, turn: Turn) -> None:
        self._live.update(self.render())

    def changed(self) -> None:
        self._live.update(self.render())

    def render(self) -> RenderableType:
        """The whole picture at this moment."""
        width = min(self._console.width, 110)
        turns = self._conversation.turns
        room = max(4, self._console.height - 4 - _PANEL_LINES * len(turns))
        last = [written(line) for line in self._conversation.lines[-room:]]
        for text in last:
            text.truncate(width - 4, overflow="ellipsis")
        wires = Panel(Group(*last), title="on the wires", title_align="left", box=box.SIMPLE, width=width)
        return Group(*(_panel(turn, width) for turn in turns), wires)


#: Lines of a turn's panel, its border included.
_PANEL_LINES: Final = 7


def _panel(turn: Turn, width: int) -> Panel:
    colour = _STATES.get(turn.state, "white")
    inner = width - 4
    said = Text(turn.transcript[-2 * inner :], overflow="fold")
    state = Text.assemble((turn.state, colour), f"  {_heard(turn)}" if turn.audio_bytes else "")
    if turn.first_audio_ms is not None:
        state.append(f"  first audio after {turn.first_audio_ms - turn.asked_ms:.0f} ms", "dim")
    if turn.cut_ms is not None:
        state.append("  interrupted by the user", "yellow")
    return Panel(
        Group(state, Text(meter(turn.levels, inner), "cyan", no_wrap=True), said),
        title=f"user: {turn.question}",
        title_align="left",
        width=width,
        height=_PANEL_LINES,
        border_style=colour,
    )


def realtime_summary(conversation: Conversation) -> RenderableType:
    """The timings, and the gateway's record of the session."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("turn")
    table.add_column("end", no_wrap=True)
    for heading in ("first audio", "audio", "barge-in", "total", "tokens"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, turn in enumerate(conversation.turns, 1):
        silent = "-" if turn.cut_ms is None or turn.end_ms is None else f"{turn.end_ms - turn.cut_ms:.1f} ms"
        table.add_row(
            str(number),
            Text(turn.state, _STATES.get(turn.state, "white")),
            _after(turn, turn.first_audio_ms),
            f"{turn.audio_bytes / _BYTES_A_SECOND:.2f} s",
            silent,
            _after(turn, turn.end_ms),
            f"{turn.usage.get('input_tokens', 0)} + {turn.usage.get('output_tokens', 0)}",
        )
    lines: list[RenderableType] = [
        table,
        Text(
            f"The upgrade took {conversation.handshake_ms:.1f} ms, with the provider's: the gateway dials it first. "
            "Barge-in: time from the interruption to the end of the answer."
        ),
    ]
    ended = conversation.ended
    if ended is not None:
        usage = ended.usage
        spent = "" if usage is None else f"; usage {usage.input_tokens} tokens in, {usage.output_tokens} out"
        lines.append(
            Text(
                f"Session end record: by {ended.by}, close code {ended.code}, {ended.duration_s:.2f} s; "
                f"from the client {ended.messages_received} messages, {ended.bytes_received:,} bytes; "
                f"to it {ended.messages_sent} messages, {ended.bytes_sent:,} bytes{spent}."
            )
        )
    return Group(*lines)


def _after(turn: Turn, at_ms: float | None) -> str:
    return "-" if at_ms is None else f"{at_ms - turn.asked_ms:.1f} ms"


def realtime_view_for(
    console: Console,
) -> tuple[AbstractContextManager[object], Callable[[Conversation], RealtimeView]]:
    """A context to enter while the view is used, and a function that makes the view."""
    if not console.is_terminal:
        return nullcontext(), lambda conversation: PlainRealtimeView(conversation, console)
    live = Live(console=console, refresh_per_second=20)
    return live, lambda conversation: LiveRealtimeView(conversation, console, live)
