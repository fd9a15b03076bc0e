"""What ``import aigw_sansio`` loads: an embedder pays for each module with time and memory.

``python -m tests.benchmarks.imports`` says how much.
"""

import ast
import sys
from functools import cache
from pathlib import Path

from tests.peers import processes

import aigw_sansio

#: Another part of the environment may bring these; two libraries use them if they are there.
WITHOUT = ("websockets", "typing_extensions")
LIBRARIES = "import h2.connection, h11, wsproto, msgspec.json"
CORE = "import aigw_sansio; aigw_sansio.Gateway(aigw_sansio.Config(), bytes(16), 0.0)"
TRANSLATOR = "import aigw_sansio.translate"
PRELOAD = "import aigw_sansio.preload"
ROOT = Path(aigw_sansio.__file__).parent

#: Packages of the standard library that the core uses and its libraries do not. A new one needs a reason.
OWN_USE = {
    "heapq": "timers",
    "hmac": "comparison of tokens, signatures",
    "ipaddress": "addresses of clients and proxies",
    "math": "times that are no numbers",
    "unicodedata": "path segments that look like dots",
    "urllib": "URLs of providers",
    "bisect": "sorted shares",
}
#: A module of ours costs about 0.2 ms and 30 KiB.
MOST_MODULES = 266
#: What is imported in a function, and why it is none of what ``aigw_sansio.preload`` loads.
NOT_PRELOADED = {"websockets.speedups": "at import, if it is there"}


@cache
def loaded(program: str, without: tuple[str, ...] = WITHOUT) -> dict[str, bool]:
    """The modules that ``program`` loads in a new interpreter; whether each has what writes requests of a format."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); before = set(sys.modules); {program}; "
        "print({name: hasattr(sys.modules[name], 'write_request') for name in set(sys.modules) - before})"
    )
    ended = processes.run([sys.executable, "-c", code])
    assert ended.returncode == 0, ended.stderr
    found: dict[str, bool] = ast.literal_eval(ended.stdout)
    return found


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def imported_late() -> dict[str, str]:
    """The modules that functions of the core import, each with one that does."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        package = ["aigw_sansio", *path.relative_to(ROOT).parts[:-1]]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in [inner for function in functions for inner in ast.walk(function)]:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) + 1 - node.level] if node.level else []
                tops = [node.module] if node.module else [alias.name for alias in node.names]
                names = [".".join([*base, top]) for top in tops]
            else:
                continue
            found.update(dict.fromkeys(names, path.relative_to(ROOT).as_posix()))
    return {name: by for name, by in found.items() if name not in NOT_PRELOADED}


def test_the_core_loads_its_libraries_and_little_else() -> None:
    found = packages(set(loaded(CORE))) - packages(set(loaded(LIBRARIES))) - {"aigw_sansio"}
    assert {name for name in found if not name.startswith("_") and not name.endswith("__mypyc")} <= set(OWN_USE)


def test_the_core_does_not_load_the_translator() -> None:
    core = loaded(CORE)
    assert not [name for name in core if name.startswith("aigw_sansio.translate")]
    assert not [name for name, writes in core.items() if writes and name.startswith("aigw_sansio.")]
    brought = set(loaded(f"{CORE}; {TRANSLATOR}")) - set(core)
    assert len(brought) > 60
    assert packages(brought) == {"aigw_sansio"}


def test_the_core_is_not_larger_than_it_was() -> None:
    assert len([name for name in loaded(CORE) if name.startswith("aigw_sansio")]) <= MOST_MODULES


def test_what_is_imported_late_is_not_loaded_before() -> None:
    """Else the import in a function saves nothing."""
    core, late = loaded(CORE), imported_late()
    assert len(late) > 20
    assert {name: by for name, by in late.items() if name in core} == {}


def test_preload_leaves_nothing_to_load() -> None:
    """A module may be missing later: the process has no descriptor left, or another root. Drivers preload."""
    for found in (loaded(PRELOAD), loaded("import aigw_drivers", ())):
        assert {name: by for name, by in imported_late().items() if name not in found} == {}
