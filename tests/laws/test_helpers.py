"""Helpers of tests stand in packages of helpers, each with a name for its one idea, and none beside tests."""

import ast
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"

#: The packages of helpers. A new one is named here and in CONTRIBUTING.md.
HELPERS = {"peers", "reading", "rigs", "tables", "transcripts", "world"}
#: Those that are one machine: its modules, and the tests that run it.
MACHINES = {"transcripts", "world"}
#: Scripts that people run. No test imports from them.
SCRIPTS = {"benchmarks", "examples"}

FILES = sorted(path.relative_to(TESTS) for path in TESTS.rglob("*.py"))
IMPORTERS = sorted([*TESTS.rglob("*.py"), *(ROOT / "fuzz").glob("*.py")])


def is_test(name: str) -> bool:
    """Whether pytest runs the file ``name``: tests and fixtures."""
    return name.startswith("test_") or name == "conftest.py"


def misplaced(file: PurePosixPath) -> str:
    """What is wrong with the place of ``file``, a path below ``tests``; empty if nothing is."""
    package = file.parts[0] if len(file.parts) > 1 else ""
    if is_test(file.name):
        wrong = package in HELPERS - MACHINES
        return f"a test in a package of helpers; those that have tests are {sorted(MACHINES)}" if wrong else ""
    if package in SCRIPTS or (package in HELPERS and len(file.parts) == 2):
        return ""
    return f"a helper beside tests; it belongs directly in one of {sorted(HELPERS)}"


def test_every_helper_stands_in_a_package_of_helpers() -> None:
    assert len(FILES) > 200
    wrong = [f"tests/{file}: {told}" for file in FILES if (told := misplaced(PurePosixPath(file.as_posix())))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("conftest.py", True),
        ("unit/bodies/test_sse.py", True),
        ("drivers/conformance/conftest.py", True),
        ("peers/peer.py", True),
        ("world/world.py", True),
        ("world/test_world.py", True),
        ("benchmarks/sse.py", True),
        ("helpers.py", False),
        ("unit/bodies/reading.py", False),
        ("unit/peers/peer.py", False),
        ("peers/deep/peer.py", False),
        ("peers/test_peer.py", False),
        ("laws/__init__.py", False),
    ],
)
def test_what_is_misplaced(file: str, right: bool) -> None:
    assert (misplaced(PurePosixPath(file)) == "") is right


@pytest.mark.parametrize("name", sorted(HELPERS))
def test_every_package_of_helpers_is_used_and_described(name: str) -> None:
    assert [file for file in FILES if file.parts[0] == name and not is_test(file.name)]
    assert f"`tests/{name}`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def imported(tree: ast.Module) -> set[str]:
    """The dotted names of all modules of ``tests`` that ``tree`` may import."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("tests.")}


def test_nobody_imports_from_tests() -> None:
    """What two tests need is a helper. A script imports from scripts, and a test from none."""
    wrong = []
    for path in IMPORTERS:
        folder = path.relative_to(ROOT).parts[1]
        for name in sorted(imported(ast.parse(path.read_text(encoding="utf-8")))):
            package, *modules = name.split(".")[1:]
            if any(is_test(f"{module}.py") for module in modules) or (package in SCRIPTS and folder not in SCRIPTS):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)
