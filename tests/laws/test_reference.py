"""The README's reference of the client protocol: its tables say what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from aigw_drivers.loopback.options import Options
from aigw_drivers.loopback.realtime import RealtimeOptions
from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.events import ProviderEvent, Unrecognised
from aigw_sansio.faults import ENVELOPE_CODE, HTTP_STATUS, FaultKind

README = Path(__file__).parents[2] / "README.md"
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def section() -> str:
    text = README.read_text(encoding="utf-8")
    return text.partition("\n## The client protocol\n")[2].partition("\n## Licence\n")[0]


def table(first: str) -> list[list[str]]:
    """The rows of the table whose head begins with the cell ``first``."""
    lines = section().partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert lines, f"no table begins with {first}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_codes_are_those_of_the_code() -> None:
    found = {
        FaultKind(kind): (int(code), int(status))
        for code, status, kinds in table("Code")
        for kind in re.findall(r"`(\w+)`", kinds)
    }
    assert found == {kind: (ENVELOPE_CODE[kind], HTTP_STATUS[kind]) for kind in FaultKind}


@pytest.mark.parametrize("cls", [Limits, Timeouts])
def test_defaults_are_those_of_the_code(cls: type[Limits | Timeouts]) -> None:
    found: dict[str, float | None] = {}
    for name, default, _ in table(f"In `[{cls.__name__.lower()}]`"):
        number, _, unit = default.partition(" ")
        found[name.strip("`")] = None if number == "none" else float(number) * UNITS[unit]
    assert found == msgspec.structs.asdict(cls())


def test_every_option_of_loopback_is_named() -> None:
    section_7 = section().partition("\n### 7 ")[2]
    rows = " ".join(row[0] for row in table("Option"))
    assert set(re.findall(r"`(\w+)`", rows)) == set(Options.__struct_fields__)
    named = set(re.findall(r"`(\w+)`", section_7.partition("Its realtime paths")[2]))
    assert {field.encode_name for field in msgspec.structs.fields(RealtimeOptions)} <= named


def test_every_type_of_event_is_named() -> None:
    told = {str(cls.__struct_config__.tag) for cls in ProviderEvent.__args__ if cls is not Unrecognised}
    named = section().partition("\n`event.type`: ")[2].partition("; their fields")[0]
    assert set(re.findall(r"`([\w.]+)`", named)) == told
