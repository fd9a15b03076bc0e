"""Nothing in the settings is known, but of no effect: for every key of the reference (SETTINGS.md) a transcript reads
differently if it is changed, or a test sets it that is not about reading settings."""

import re
from functools import cache
from pathlib import Path

import pytest
from tests.tables.effects import SHOWN
from tests.tables.pages import SETTINGS, quoted, table
from tests.transcripts.runner import Run, Transcript
from tests.transcripts.transcripts_of import FILES, gateway

TESTS = Path(__file__).parents[1]
#: These read settings, and show no effect.
READERS = {"test_settings.py", "test_config.py", "test_config_checks.py", "test_effects.py", "effects.py"}
PATHS = {path.stem: path for path in FILES}


def keys_of_the_page() -> set[str]:
    """Every key, with the name of its table in front."""
    found = {f"{name}.{key}" for name in ("limits", "timeouts") for key in names_in(f"In `[{name}]`")}
    where = ""
    for first, keys, *_ in table(SETTINGS, "Table"):
        where = re.findall(r"\[(\w+)", first)[0] if first else where
        found |= {f"{where}.{key}" for key in quoted(keys)}
    return found


def names_in(head: str) -> set[str]:
    return {name for row in table(SETTINGS, head) for name in quoted(row[0])}


@cache
def texts_of_tests() -> str:
    """What tests say, apart from those that read settings."""
    paths = (path for path in sorted(TESTS.rglob("*.py")) if path.name not in READERS)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if "laws" not in path.parts)


@pytest.mark.parametrize("key", sorted(keys_of_the_page() - set(SHOWN)))
def test_a_test_sets_it(key: str) -> None:
    """A new key needs a line in ``tests/tables/effects.py``, or a test that sets it and sees what changes."""
    name = key.rpartition(".")[2]
    assert re.search(rf"\b{name}\s*=[^=]|\[.?{key.partition('.')[0]}\b.*\b{name}\b", texts_of_tests()), (
        f"no test sets {key}: is it of any effect?"
    )


def test_the_table_names_no_other_keys() -> None:
    assert set(SHOWN) - keys_of_the_page() == set()


@pytest.mark.parametrize("key", SHOWN)
def test_a_transcript_reads_differently(key: str) -> None:
    stem, where, change = SHOWN[key]
    text = PATHS[stem].read_text(encoding="utf-8")
    changed = Transcript(text)
    apply(changed, where.split(), change)
    as_it_is = played(Transcript(text))
    assert as_it_is == played(Transcript(text))
    assert played(changed) != as_it_is, f"{key} changes nothing"


def apply(transcript: Transcript, where: list[str], change: str) -> None:
    """Change a word behind ``!``."""
    lines = [line for line in transcript.settings if line[: len(where)] == where]
    if change.startswith("+"):
        transcript.settings.append([*(lines[0] if lines else where), change[1:]])
        return
    removed = 0
    for line in lines:
        kept = [word for word in line if word.partition("=")[0] != change[1:]]
        removed += len(line) - len(kept)
        line[:] = kept
    assert removed, f"the transcript does not set {change[1:]}"


def played(transcript: Transcript) -> list[str]:
    http = "h2" if "h2" in transcript.only and "h1" not in transcript.only else "h1"
    return Run(transcript, gateway(transcript.config()), "whole", http).run()
