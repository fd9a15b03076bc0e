"""The reference pages, and how their tables are read."""

import re
from pathlib import Path

_SOURCES = Path(__file__).parents[2] / "src"
PROTOCOL = (_SOURCES / "aigw_sansio/dialects/universal/PROTOCOL.md").read_text(encoding="utf-8")
ARCHITECTURE = (_SOURCES / "aigw_sansio/ARCHITECTURE.md").read_text(encoding="utf-8")
SETTINGS = (_SOURCES / "aigw_drivers/SETTINGS.md").read_text(encoding="utf-8")


def table(page: str, first: str) -> list[list[str]]:
    """The rows of the table of ``page`` whose head begins with the cell ``first``."""
    lines = page.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert lines, f"no table begins with {first}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def quoted(text: str) -> set[str]:
    """The words between backquotes."""
    return set(re.findall(r"`([\w.-]+)`", text))
