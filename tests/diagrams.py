"""The README's state diagrams, drawn from the tables: ``python -m tests.diagrams`` writes them."""

from enum import IntEnum
from pathlib import Path

from aigw_sansio.downstream import DOWNSTREAM_TABLE, DownstreamState
from aigw_sansio.exchange_states import EXCHANGE_TABLE, ExchangeState
from aigw_sansio.fsm import to_mermaid
from aigw_sansio.relay import RELAY_TABLE, RelayState
from aigw_sansio.stream_pipe import STREAM_TABLE, StreamState
from aigw_sansio.upstream import UPSTREAM_TABLE, UpstreamState
from aigw_sansio.wires.endpoint import TABLE as CLOSING_TABLE
from aigw_sansio.wires.endpoint import State as ClosingState

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- diagrams: generated from the tables by `python -m tests.diagrams`; a test keeps them equal -->\n"
END = "<!-- end of diagrams -->"

MACHINES: list[tuple[str, dict[tuple[IntEnum, IntEnum], IntEnum], IntEnum]] = [
    ("An exchange", EXCHANGE_TABLE, ExchangeState.PLACING),  # type: ignore[list-item]
    ("A client's HTTP/1.1 connection", DOWNSTREAM_TABLE, DownstreamState.HEAD),  # type: ignore[list-item]
    ("A client's stream on HTTP/2", STREAM_TABLE, StreamState.DECIDING),  # type: ignore[list-item]
    ("A realtime session", RELAY_TABLE, RelayState.DIALING),  # type: ignore[list-item]
    ("A connection to a provider", UPSTREAM_TABLE, UpstreamState.DIALING),  # type: ignore[list-item]
    ("The closing handshake of a WebSocket", CLOSING_TABLE, ClosingState.OPEN),  # type: ignore[list-item]
]


def diagrams() -> str:
    """The section of the README between its two marks."""
    parts = [f"**{title}**\n\n```mermaid\n{to_mermaid(table, start)}\n```\n" for title, table, start in MACHINES]
    return "\n".join(parts)


def main() -> None:
    """Write the section."""
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{diagrams()}\n{END}{after}")


if __name__ == "__main__":
    main()
