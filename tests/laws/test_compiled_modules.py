"""The build compiles every module of the packages that messages pass through, but for those that define a struct."""

import importlib
import inspect
import tomllib
from pathlib import Path

import msgspec
from tests.rigs.compiled import COMPILED

ROOT = Path(__file__).parents[2]
CORE = "src/aigw_sansio"
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
HOOK = BUILD["targets"]["wheel"]["hooks"]["mypyc"]
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / CORE).rglob("*.py") if path.name != "__init__.py"
)
#: Packages that work once for an exchange, or only if events are asked for.
NOT_COMPILED = {"formats", "parts", "providers", "quotas", "testing", "translate"}


def module_of(path: str) -> str:
    """``src/aigw_sansio/bodies/sse.py`` -> ``aigw_sansio.bodies.sse``."""
    return path.removeprefix("src/").removesuffix(".py").replace("/", ".")


def defines_struct(path: str) -> bool:
    """A struct gets its options from a metaclass, which mypyc calls without them."""
    module = importlib.import_module(module_of(path))
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    return any(issubclass(found, msgspec.Struct) and found.__module__ == module.__name__ for found in classes)


def included() -> set[str]:
    """Modules that a line of ``include`` names, itself or with its package."""
    patterns = [pattern.removeprefix("/") for pattern in HOOK["include"]]
    return {path for path in MODULES if any(path == line or path.startswith(line) for line in patterns)}


def test_every_line_names_something() -> None:
    for pattern in [*HOOK["include"], *HOOK["exclude"]]:
        if pattern != "__init__.py":
            assert pattern.startswith("/src/"), f"{pattern}: a line without a slash in front matches anywhere"
            path = ROOT / pattern.removeprefix("/")
            assert path.is_dir() if pattern.endswith("/") else path.is_file(), f"{pattern} does not exist"


def test_every_package_is_compiled_or_named_here() -> None:
    packages = {path.name for path in (ROOT / CORE).iterdir() if (path / "__init__.py").is_file()}
    compiled = {line.split("/")[3] for line in HOOK["include"] if line.endswith("/")}
    assert packages == compiled | NOT_COMPILED
    assert not compiled & NOT_COMPILED


def test_the_exceptions_are_exactly_those_that_define_a_struct() -> None:
    excluded = {line.removeprefix("/") for line in HOOK["exclude"]} - {"__init__.py"}
    structs = {path for path in included() if defines_struct(path)}
    assert not structs - excluded, f"add to exclude, for they define a struct: {sorted(structs - excluded)}"
    assert not excluded - structs, f"take out of exclude, for they define none: {sorted(excluded - structs)}"


def test_the_compiled_core_is_compiled_as_a_whole() -> None:
    """... and the pure one has no compiled module, which would hide the source beside it."""
    expected = {path for path in included() if not defines_struct(path)} if COMPILED else set()
    found = {path for path in MODULES if not str(importlib.import_module(module_of(path)).__file__).endswith(".py")}
    assert len(expected) > 45 or not COMPILED
    assert found == expected
