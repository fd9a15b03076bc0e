"""The state diagrams of ARCHITECTURE.md, drawn from the tables: ``python -m tests.tables.diagrams`` writes them."""

import importlib
from enum import IntEnum
from pathlib import Path
from typing import TypeAlias

from aigw_sansio.engine.fsm import to_mermaid

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "aigw_sansio"
PAGE = CORE / "ARCHITECTURE.md"
BEGIN = "<!-- diagrams: generated from the tables by `python -m tests.tables.diagrams`; a test keeps them equal -->\n"
END = "<!-- end of diagrams -->"

Table: TypeAlias = dict[tuple[IntEnum, IntEnum], IntEnum]

#: What each machine is, by the class of its states.
TITLES = {
    "ExchangeState": "An exchange",
    "Http1DownstreamState": "A client's HTTP/1.1 connection",
    "StreamState": "A client's stream on HTTP/2",
    "RelayState": "A realtime session",
    "UpstreamState": "A connection to a provider",
    "Http1State": "A request and its response on HTTP/1.1",
    "ClosingState": "The closing handshake of a WebSocket",
}


def modules() -> list[str]:
    """The dotted names of all modules of the core."""
    paths = sorted(CORE.rglob("*.py"))
    names = [".".join(("aigw_sansio", *path.relative_to(CORE).with_suffix("").parts)) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def tables() -> dict[str, Table]:
    """Every machine of the core by the class of its states: module-level dicts from (state, input) to state."""
    found: dict[str, Table] = {}
    for name in modules():
        for value in vars(importlib.import_module(name)).values():
            if (
                isinstance(value, dict)
                and value
                and all(isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], IntEnum) for key in value)
            ):
                found.setdefault(type(next(iter(value))[0]).__name__, value)
    return found


def diagrams() -> str:
    """The section of the page between its two marks. A machine without a title is an error."""
    drawn = tables()
    parts = []
    for name in [*TITLES, *(drawn.keys() - TITLES.keys())]:
        first = type(next(iter(drawn[name]))[0])(0)
        parts.append(f"**{TITLES[name]}**\n\n```mermaid\n{to_mermaid(drawn[name], first)}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write the section."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{diagrams()}\n{END}{after}")


if __name__ == "__main__":
    main()
