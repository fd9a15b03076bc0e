"""The laws that can be read off the sources: purity, layers, documentation, one owner for every effect."""

import ast
import importlib
import inspect
import re
import sys
from enum import IntEnum
from pathlib import Path
from types import ModuleType

import pytest
from tests.diagrams import BEGIN, diagrams

import aigw_sansio
from aigw_sansio import effects

ROOT = Path(__file__).parent.parent
CORE = ROOT / "src" / "aigw_sansio"
DRIVERS = ROOT / "src" / "aigw_drivers"
CORE_FILES = sorted(CORE.rglob("*.py"))
DRIVER_FILES = sorted(DRIVERS.rglob("*.py"))

#: Nothing that does I/O, reads a clock, draws entropy, starts a thread, runs a loop or logs.
BANNED = {
    "os", "io", "time", "datetime", "random", "secrets", "uuid", "socket", "ssl", "select", "selectors", "asyncio",
    "anyio", "trio", "logging", "threading", "multiprocessing", "concurrent", "subprocess", "signal", "queue", "sched",
    "http", "urllib", "ftplib", "smtplib", "email", "xmlrpc", "socketserver", "tempfile", "shutil", "pathlib", "glob",
    "sqlite3", "dbm", "shelve", "mmap", "ctypes", "platform", "getpass", "warnings", "contextvars", "sys", "atexit",
    "gc", "resource", "locale", "pkgutil", "importlib", "runpy", "builtins",
}  # fmt: skip
#: Pure parts of a package that is otherwise banned.
PURE_PARTS = {"urllib.parse", "http"}
LIBRARIES = {"h11", "h2", "hpack", "hyperframe", "wsproto", "msgspec"}
#: Where one function of another library is used if it is there.
EXCEPTIONS = {("wires.masking", "websockets.speedups")}
#: The libraries of wires stay in wires.
WIRE_LIBRARIES = {"h11", "h2", "hpack", "hyperframe", "wsproto"}

#: Imports run downwards: a module may import its own layer and those below. What is not named is ground.
LAYERS: list[set[str]] = [
    {"gateway"},
    {"session", "relay"},
    {"exchange"},
    {"pool", "dialects", "providers", "bodies", "upstream", "leg"},
    {"wires"},
]


def name_of(path: Path) -> str:
    """``wires/http1.py`` -> ``wires.http1``."""
    return ".".join(path.relative_to(CORE).with_suffix("").parts)


def imports(path: Path) -> list[tuple[str, int, bool]]:
    """Imported modules with their line; the flag tells imports for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            typing_only.update(id(inner) for inner in ast.walk(node))
    package = list(path.relative_to(CORE).parts[:-1])
    found: list[tuple[str, int, bool]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, id(node) in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - (node.level - 1)] if node.level > 1 else package
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found += [
                    (".".join(["aigw_sansio", *base, str(name)]), node.lineno, id(node) in typing_only)
                    for name in names
                ]
            else:
                found.append((node.module or "", node.lineno, id(node) in typing_only))
    return found


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_pure(path: Path) -> None:
    for name, line, _ in imports(path):
        top = name.split(".")[0]
        where = f"{path.name}:{line} imports {name}"
        if top == "aigw_sansio":
            continue
        assert top != "aigw_drivers", where
        if top in LIBRARIES:
            in_wires = path.parent.name == "wires"
            assert top not in WIRE_LIBRARIES or in_wires, f"{where}; only wires may"
        elif (name_of(path), name) in EXCEPTIONS:
            continue
        elif top == "hypothesis":
            assert path.stem == "testing", where
        else:
            assert top in sys.stdlib_module_names, where
            assert top not in BANNED or name in PURE_PARTS, where


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_no_hidden_doors(path: Path) -> None:
    """What would get round the imports: built-ins that do I/O or make code out of data."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id
            assert called not in ("open", "print", "input", "exec", "eval", "__import__", "breakpoint"), (
                f"{path.name}:{node.lineno} calls {called}"
            )
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path.name}:{node.lineno} catches everything"


def layer_of(module: str) -> int:
    """The layer of ``exchange`` or ``wires.http1``; ground is the last."""
    top = module.split(".")[0]
    return next((number for number, names in enumerate(LAYERS) if top in names), len(LAYERS))


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_imports_run_downwards(path: Path) -> None:
    own = name_of(path)
    if own.split(".")[-1] == "__init__" and own != "__init__":
        own = own.removesuffix(".__init__")
    if own == "__init__":
        return
    for name, line, typing_only in imports(path):
        if name.startswith("aigw_sansio.") and not typing_only:
            target = name.removeprefix("aigw_sansio.")
            if layer_of(own) == len(LAYERS) and own not in GROUND:
                continue
            assert layer_of(target) >= layer_of(own), f"{path.name}:{line} imports {name}, which stands above it"


#: What everything may import, and what therefore imports nothing but its like.
GROUND = {
    "buffers", "config", "effects", "engine", "errors", "events", "faults", "fsm", "ids", "origin", "secret", "timers",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(GROUND))
def test_ground_imports_ground(name: str) -> None:
    for target, line, typing_only in imports(CORE / f"{name}.py"):
        if target.startswith("aigw_sansio.") and not typing_only:
            assert target.removeprefix("aigw_sansio.") in GROUND, f"{name}.py:{line} imports {target}"


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for path in CORE_FILES:
        own = name_of(path).removesuffix(".__init__")
        graph[own] = {
            name.removeprefix("aigw_sansio.")
            for name, _, typing_only in imports(path)
            if name.startswith("aigw_sansio.") and not typing_only
        }
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        assert name not in way, f"{' -> '.join(way)} -> {name}"
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            visit(target, [*way, name])
        done.add(name)

    for name in sorted(graph):
        visit(name, [])


@pytest.mark.parametrize("path", CORE_FILES + DRIVER_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_modules_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path.name} has no docstring"
    lines = text.count("\n")
    assert lines <= 450, f"{path.name} has {lines} lines"
    if path.name != "__init__.py" and CORE in path.parents:
        docstring = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
        assert "Decides" in docstring, f"{path.name} does not say what it decides"
        assert re.search(r"[Mm]ust not know", docstring), f"{path.name} does not say what it must not know"


@pytest.mark.parametrize("path", CORE_FILES + DRIVER_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_public_names_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    missing: list[str] = []

    def walk(body: list[ast.stmt], owner: str, *, documented: bool) -> None:
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("_"):
                continue
            # A method that carries out a documented protocol or base may leave the words to it.
            if ast.get_docstring(node) is None and not (owner and documented):
                missing.append(f"{owner}{node.name}:{node.lineno}")
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{node.name}.", documented=ast.get_docstring(node) is not None)

    walk(tree.body, "", documented=False)
    assert not missing, f"{path.name}: {missing}"


def test_typed() -> None:
    assert (CORE / "py.typed").is_file()
    assert (DRIVERS / "py.typed").is_file()


EFFECTS = {
    name
    for name, value in vars(effects).items()
    if inspect.isclass(value) and value.__module__ == effects.__name__ and name in str(effects.Effect)
}


def test_there_are_seven_effects() -> None:
    assert {"Connect", "Flush", "PauseReading", "ResumeReading", "Close", "Ask", "Emit"} == EFFECTS


@pytest.mark.parametrize(
    "path",
    [path for path in DRIVER_FILES if "take_effects" in path.read_text() or ".effects()" in path.read_text()],
    ids=lambda path: path.stem,
)
def test_drivers_handle_every_effect(path: Path) -> None:
    """A driver is a module that drains ``effects()``: it names each class, but may treat one as the rest."""
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    missing = EFFECTS - names
    assert len(missing) <= 1, f"{path.name} does not mention {sorted(missing)}"


def modules() -> list[ModuleType]:
    names = [name_of(path).removesuffix(".__init__") for path in CORE_FILES]
    return [
        aigw_sansio if name == "__init__" else importlib.import_module(f"aigw_sansio.{name}") for name in sorted(names)
    ]


def tables() -> dict[str, dict[tuple[IntEnum, IntEnum], IntEnum]]:
    """Every machine of the core: module-level dicts from (state, input) to state."""
    found: dict[str, dict[tuple[IntEnum, IntEnum], IntEnum]] = {}
    for module in modules():
        for name, value in vars(module).items():
            if (
                name.endswith("TABLE")
                and isinstance(value, dict)
                and value
                and all(isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], IntEnum) for key in value)
            ):
                found.setdefault(f"{type(next(iter(value))[0]).__module__}.{name}", value)
    return found


TABLES = tables()


def test_there_are_machines() -> None:
    assert len(TABLES) >= 3


@pytest.mark.parametrize("name", sorted(TABLES))
def test_machine(name: str) -> None:
    """Every pair moves as the table says or raises and does not move; every state can be reached; none is a trap but
    those without any way out."""
    from aigw_sansio.errors import LocalProtocolError
    from aigw_sansio.fsm import Machine

    table = TABLES[name]
    (first_state, first_input) = next(iter(table))
    for state in type(first_state):
        for event in type(first_input):
            machine = Machine(table, state)
            if (state, event) in table:
                assert machine.allows(event)
                assert machine.fire(event) is table[state, event]
                assert machine.state is table[state, event]
            else:
                assert not machine.allows(event)
                with pytest.raises(LocalProtocolError, match=event.name):
                    machine.fire(event)
                assert machine.state is state
    reached = {type(first_state)(0)}
    while more := {target for (state, _), target in table.items() if state in reached} - reached:
        reached |= more
    assert reached == set(type(first_state)), f"never reached: {set(type(first_state)) - reached}"
    assert {event for _, event in table} == set(type(first_input)), "an input that moves nothing"


def test_readme_shows_the_machines() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if BEGIN not in readme:
        pytest.skip("README.md has no section of diagrams")
    assert diagrams() in readme, "python -m tests.diagrams writes them"


#: Modules whose tests go by another name: the behaviour of the parts of a gateway is what transcripts and the world
#: test, a provider's reading is tested with its family.
TESTED_BY = {
    "providers.readings": "test_reading",
    "stream_pipe": "test_downstream_h2",
    "wires.h2_": "test_http2",
    "wires.endpoint": "test_websocket",
    "wires.server_endpoint": "test_websocket",
}
PARTS_OF_A_GATEWAY = {
    "admission", "answer", "channel", "connection", "downstream", "engine", "exchange", "gateway", "leg", "origin",
    "policy", "pool", "request", "response", "retry", "routing", "session", "tokens", "upstream",
}  # fmt: skip


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_every_module_has_its_tests(path: Path) -> None:
    """``tests/test_NAME.py``, or a test that imports the module, or the family that is named above."""
    own = name_of(path)
    if path.name == "__init__.py" or own in PARTS_OF_A_GATEWAY:
        return
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = {file.stem for file in files}
    if f"test_{path.stem}" in names or f"test_{own.replace('.', '_')}" in names:
        return
    family = next((tests for prefix, tests in TESTED_BY.items() if own.startswith(prefix)), None)
    if family is not None:
        assert any(name.startswith(family) for name in names), f"{own} is said to be tested by {family}"
        return
    assert any(f"aigw_sansio.{own} " in file.read_text(encoding="utf-8") for file in files), f"no test imports {own}"
