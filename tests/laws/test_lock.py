"""The law of the lock: what CI installs is named by its hash, and is what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / ".ci" / "requirements.lock").read_text("utf-8")
BUILD = [line for line in (ROOT / ".ci" / "build.in").read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
ENTRY = re.compile(r"([A-Za-z0-9._-]+)==([^ ;]+)(?: ;[^-]*)?((?: --hash=sha256:[0-9a-f]{64})+)")
ENTRIES = [
    re.sub(r"\s*\\\n\s*", " ", entry) for entry in re.split(r"\n(?! )", LOCK) if entry and not entry.startswith("#")
]
FOUND = [found for found in map(ENTRY.fullmatch, ENTRIES) if found]
#: Of each package in the lock its version.
LOCKED = {canonicalize_name(found[1]): Version(found[2]) for found in FOUND}


def wanted(extra: str = "test") -> list[Requirement]:
    """What the project and an extra of it ask for, extras inside of it included."""
    own = PROJECT["project"]
    found = [Requirement(text) for text in own["dependencies"]]
    for text in own["optional-dependencies"][extra]:
        one = Requirement(text)
        if one.name == own["name"]:
            found += [other for inner in sorted(one.extras) for other in wanted(inner)]
        else:
            found.append(one)
    return found


def built_with() -> list[Requirement]:
    hook = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]["dependencies"]
    return [Requirement(text) for text in (*PROJECT["build-system"]["requires"], *hook)]


@pytest.mark.parametrize("one", [*wanted(), *built_with(), *map(Requirement, BUILD)], ids=str)
def test_what_is_asked_for_is_locked(one: Requirement) -> None:
    assert one.specifier.contains(LOCKED[canonicalize_name(one.name)]), "renew the lock: see CONTRIBUTING.md"


@pytest.mark.parametrize("one", built_with(), ids=str)
def test_what_builds_the_project_is_what_the_lock_was_made_for(one: Requirement) -> None:
    assert str(one) in BUILD


def test_every_file_is_named_by_its_hash() -> None:
    assert len(FOUND) == len(ENTRIES) == len(LOCKED) > len(wanted())


@pytest.mark.parametrize("one", PROJECT["project"]["dependencies"])
def test_every_dependency_of_a_user_has_a_floor(one: str) -> None:
    assert any(part.operator == ">=" for part in Requirement(one).specifier)
