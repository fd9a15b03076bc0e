"""What is published: the Pythons that get a compiled core are those that are tested, and no other wheel has one."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BUILT = PROJECT["tool"]["cibuildwheel"]
HOOKS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]


def of_classifiers() -> list[str]:
    """The Pythons that the project says it supports, such as ``3.11``."""
    found = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one) for one in PROJECT["project"]["classifiers"]
    )
    return [one[1] for one in found if one]


def test_each_python_gets_a_compiled_core() -> None:
    found = re.fullmatch(r"cp3\{([\d,]+)\}-\*", BUILT["build"])
    assert found is not None, "the form is cp3{MINOR,...}-*"
    assert [f"3.{minor}" for minor in found[1].split(",")] == of_classifiers()


def test_each_python_is_tested() -> None:
    found = re.search(r'^VERSIONS="(.*)"$', (ROOT / ".ci" / "pythons").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert found[1].split() == of_classifiers()
    assert PROJECT["project"]["requires-python"] == f">={of_classifiers()[0]}"


def test_the_core_is_compiled_for_those_who_ask() -> None:
    """Whoever builds the sources without asking needs no compiler, and gets the wheel for every Python."""
    assert BUILT["environment"] == {"HATCH_BUILD_HOOKS_ENABLE": "1"}
    assert set(HOOKS) == {"custom", "mypyc"}
    assert not any(hook["enable-by-default"] for hook in HOOKS.values())


def test_each_wheel_is_tried() -> None:
    compiled, demo = BUILT["test-command"]
    assert "not gateway.__file__.endswith('.py')" in compiled
    assert demo == "aigw demo"
    assert set(BUILT["test-extras"]) <= set(PROJECT["project"]["optional-dependencies"])
