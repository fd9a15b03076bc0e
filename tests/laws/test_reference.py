"""The reference pages say what the code does: PROTOCOL.md (client protocol), SETTINGS.md (settings file) and the table of
packages in ARCHITECTURE.md."""

import re
from pathlib import Path

import msgspec
import pytest
from tests.tables.layers import MAY_IMPORT, PORTS, VOCABULARY
from tests.tables.pages import ARCHITECTURE, PROTOCOL, SETTINGS, quoted, table

from aigw_drivers.loopback.options import Options
from aigw_drivers.loopback.realtime import RealtimeOptions
from aigw_drivers.server.settings import SettingsError, read_settings
from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.dialects.universal.messages import Metadata
from aigw_sansio.events import ProviderEvent, Unrecognised, UsageReported
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.faults import ENVELOPE_CODE, HTTP_STATUS, FaultKind
from aigw_sansio.providers.compat import CLIENT_ENDPOINTS, COMPAT, compat_slugs
from aigw_sansio.providers.registry import ALIASES, REGISTRY

ROOT = Path(__file__).parents[2]
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


# -- PROTOCOL.md ------------------------------------------------------------------------------------------------


def test_codes_are_those_of_the_code() -> None:
    found = {
        FaultKind(kind): (int(code), int(status))
        for code, status, kinds in table(PROTOCOL, "Code")
        for kind in re.findall(r"`(\w+)`", kinds)
    }
    assert found == {kind: (ENVELOPE_CODE[kind], HTTP_STATUS[kind]) for kind in FaultKind}


def test_every_type_of_event_is_named() -> None:
    told = {str(cls.__struct_config__.tag) for cls in ProviderEvent.__args__ if cls is not Unrecognised}
    named = PROTOCOL.partition("\n`event.type`: ")[2].partition("; their fields")[0]
    assert set(re.findall(r"`([\w.]+)`", named)) == told


def test_every_field_of_a_config_is_named() -> None:
    names = [row[0] for row in table(PROTOCOL, "In `config`")]
    assert quoted(" ".join(names)) == {field.encode_name for field in msgspec.structs.fields(StepConfig)}


def test_every_field_of_metadata_is_named() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(PROTOCOL, "In `metadata`")}
    assert list(rows) == [field.encode_name for field in msgspec.structs.fields(Metadata)]
    assert quoted(rows["usage"]) == set(UsageReported.__struct_fields__)


def test_the_aliases_of_providers_are_named() -> None:
    row = next(row for row in table(PROTOCOL, "Field") if row[0] == "`provider`")
    assert quoted(row[1]) == {COMPAT, *ALIASES, *ALIASES.values()}


def test_every_provider_of_translated_requests_is_named() -> None:
    named = {name for row in table(PROTOCOL, "In `model`") for name in re.findall(r"`([\w-]+)/", row[0])}
    assert {ALIASES.get(name, name) for name in named} == {*compat_slugs(), "custom-NAME"}
    endpoints = [row[0].split("`")[1] for row in table(PROTOCOL, "Endpoint of `compat`")]
    assert endpoints == [*(name for name in CLIENT_ENDPOINTS if name != "chat/completion"), "models"]


def test_every_realtime_endpoint_is_named() -> None:
    named = {re.split(r"[`/]", row[0])[1] for row in table(PROTOCOL.partition("\n## 4 ")[2], "Provider")}
    told = {slug for slug, provider in REGISTRY.items() if provider.realtime} - {"loopback"}
    assert named == {*told, "custom-NAME"}


def test_sections_are_numbered_as_docstrings_cite_them() -> None:
    sections = set(re.findall(r"^#{2,3} ([0-9.]+) ", PROTOCOL, re.MULTILINE))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    cited = re.findall(r"client\s+protocol,\s+sections?\s+((?:[0-9](?:\.[0-9])?(?:,\s+|\s+and\s+)?)+)", sources)
    assert len(cited) > 20
    assert {number for group in cited for number in re.findall(r"[0-9](?:\.[0-9])?", group)} <= sections


# -- SETTINGS.md ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Limits, Timeouts])
def test_defaults_are_those_of_the_code(cls: type[Limits | Timeouts]) -> None:
    found: dict[str, float | None] = {}
    for name, default, _ in table(SETTINGS, f"In `[{cls.__name__.lower()}]`"):
        number, _, unit = default.partition(" ")
        found[name.strip("`")] = None if number == "none" else float(number) * UNITS[unit]
    assert found == msgspec.structs.asdict(cls())


@pytest.mark.parametrize(
    ("head", "first"),
    [
        ("server", "[server]"),
        ('gateways."a/g"', '[gateways."A/G"]'),
        ("providers.openai", "[providers.SLUG]"),
        ("records", "[records]"),
        ("otel", "[otel]"),
    ],
)
def test_every_key_is_named(head: str, first: str) -> None:
    """The error about an unknown key lists all that there are."""
    rows = table(SETTINGS, "Table")
    start = next(index for index, row in enumerate(rows) if row[0] == f"`{first}`")
    more = [index for index, row in enumerate(rows) if row[0] and index > start]
    named = quoted(" ".join(row[1] for row in rows[start : more[0] if more else None]))
    without_effect = quoted(SETTINGS.partition("Some keys are accepted but do nothing")[2].partition("\n\n")[0])
    with pytest.raises(SettingsError) as caught:
        read_settings(f"[{head}]\nno_such_key = 1\n".encode(), file="f", environ={})
    allowed = set(re.split(r"[, ]+", str(caught.value).rpartition("allowed are ")[2]))
    assert named <= allowed
    assert allowed - named <= without_effect


HEADS = {
    "[server]": "server", '[gateways."A/G"]': 'gateways."a/g"', "[providers.SLUG]": "providers.openai",
    "[store]": "store", "[records]": "records", "[otel]": "otel",
}  # fmt: skip
SIZES = {"": 1, **{unit: 1024**power for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), 1)}}
NUMBER = r"(\d+(?:\^\d+)?)(?: (KiB|MiB|GiB|TiB))?"


def keys_with_rows() -> list[tuple[str, str, str]]:
    """Each key of the file, with the head of its table and what its row says."""
    found, head = [], ""
    for first, keys, value in table(SETTINGS, "Table"):
        head = first.strip("`") or head
        found += [(HEADS[head], key, value) for key in sorted(quoted(keys))]
    return found


def told_range(text: str) -> set[tuple[float, float]]:
    """The ranges that a text names: ``1 to 5``, ``1 MiB to 2^40``."""

    def value(number: str, unit: str) -> float:
        base, _, power = number.partition("^")
        return float(base) ** float(power or 1) * SIZES[unit]

    return {(value(a, b), value(c, d)) for a, b, c, d in re.findall(rf"{NUMBER} to {NUMBER}", text)}


@pytest.mark.parametrize(("head", "key", "row"), keys_with_rows())
def test_a_row_tells_what_its_key_allows(head: str, key: str, row: str) -> None:
    """The reader of the file is asked with a number that is too small: what it allows then is what the row must say."""
    try:
        read_settings(f"[{head}]\n{key} = {-(10**18)}\n".encode(), file="f", environ={})
    except SettingsError as error:
        told = " ".join(line for line in error.errors if line.partition(" ")[2].startswith(f"{head}.{key} "))
    else:
        told = ""
    allowed = told.partition("allowed ")[2]
    if "true and false" in allowed:
        assert quoted(row) & {"true", "false"}, f"{key}: is it on or off without being written?"
    if told_range(allowed):
        assert told_range(allowed) <= told_range(row.replace("\u202f", "")), f"the row of {key} does not say: {allowed}"
    elif re.search(r"\d", allowed) and "is -" in told:
        raise AssertionError(f"what is allowed for {key} cannot be read: {allowed}")


def test_every_option_of_loopback_is_named() -> None:
    rows = " ".join(row[0] for row in table(SETTINGS, "Option"))
    assert set(re.findall(r"`(\w+)`", rows)) == set(Options.__struct_fields__)
    named = set(re.findall(r"`(\w+)`", SETTINGS.partition("Its realtime paths")[2]))
    assert {field.encode_name for field in msgspec.structs.fields(RealtimeOptions)} <= named


# -- ARCHITECTURE.md --------------------------------------------------------------------------------------------


def test_the_directions_of_imports_are_those_of_the_law() -> None:
    rows = {row[0].strip("`"): (quoted(row[1]), quoted(row[2])) for row in table(ARCHITECTURE, "Package")}
    assert rows.pop("vocabulary")[0] == VOCABULARY
    assert {package: allowed for package, (_, allowed) in rows.items()} == MAY_IMPORT
    ports = re.findall(r"`(\w+)` may import of `(\w+)` only `([\w.]+)`", ARCHITECTURE)
    assert {(own, package): {port} for own, package, port in ports} == PORTS
