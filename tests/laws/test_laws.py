"""The laws that can be read off the sources: purity, layers, documentation, one owner for every effect."""

import ast
import re
import sys
from pathlib import Path
from typing import get_args

import pytest
from tests.tables.layers import MAY_IMPORT, PORTS, VOCABULARY

from aigw_sansio import effects

ROOT = Path(__file__).parents[2]
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
EXCEPTIONS = {("wires.websocket.masking", "websockets.speedups")}
#: The libraries of wires stay in wires.
WIRE_LIBRARIES = {"h11", "h2", "hpack", "hyperframe", "wsproto"}


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
            in_wires = name_of(path).startswith("wires.")
            assert top not in WIRE_LIBRARIES or in_wires, f"{where}; only wires may"
        elif (name_of(path), name) in EXCEPTIONS:
            continue
        elif top == "hypothesis":
            assert name_of(path).startswith("testing."), where
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


def package_of(module: str) -> str:
    """``wires`` for ``wires.http1.client``; the vocabulary's modules are one package, ``""``."""
    top = module.split(".")[0]
    return "" if top in VOCABULARY else top


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_imports_run_downwards(path: Path) -> None:
    own = package_of(name_of(path))
    allowed = MAY_IMPORT[own] if own else set()
    for name, line, typing_only in imports(path):
        if not name.startswith("aigw_sansio.") or typing_only:
            continue
        target = name.removeprefix("aigw_sansio.")
        package = package_of(target)
        where = f"{name_of(path)}:{line} imports {target}"
        assert package in {own, "", *allowed}, f"{where}; {own or 'the vocabulary'} may import {sorted(allowed)}"
        ports = PORTS.get((own, package))
        assert ports is None or target in ports, f"{where}; of that package it may import {ports}"


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_a_dialect_is_known_to_the_gateway_alone(path: Path) -> None:
    """Session and exchange know no dialect, not even its types. The gateway chooses one; to load it is not to know it."""
    own = name_of(path)
    if own in ("gateway", "preload") or re.match(r"dialects\.\w+\.", own):
        return
    for name, line, _ in imports(path):
        inner = name.removeprefix("aigw_sansio.dialects.")
        assert inner == name or inner in ("base", "commands", "events"), f"{own}:{line} imports {name}"


def test_packages_have_no_cycle_and_none_is_left_out() -> None:
    """Each package names only such as stand above it in ``MAY_IMPORT``, so the table itself has no circle."""
    seen: set[str] = set()
    for package, allowed in MAY_IMPORT.items():
        assert allowed <= seen, f"{package} may import {sorted(allowed - seen)}, which stand below it"
        seen.add(package)
    found = {package_of(name_of(path)) for path in CORE_FILES} - {""}
    assert found == seen


def test_the_root_holds_the_vocabulary_and_the_gateway() -> None:
    root = {path.stem for path in CORE.glob("*.py")}
    assert root == VOCABULARY | {"__init__", "engine_api", "gateway", "preload", "recorder"}
    assert len(root) <= 20


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
        if "Data only." not in docstring:
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


EFFECTS = {name for name, value in vars(effects).items() if value in get_args(effects.Effect)}


#: Of clients without bytes. A driver that has none needs to handle none.
MESSAGE_EFFECTS = {"Accept", "Refuse", "CloseMessages"}


def test_these_are_the_effects() -> None:
    of_bytes = {"Connect", "Flush", "PauseReading", "ResumeReading", "Close", "Ask", "Keep", "Emit", "Continue"}
    assert of_bytes | MESSAGE_EFFECTS == EFFECTS


@pytest.mark.parametrize(
    "path",
    [path for path in DRIVER_FILES if "take_effects" in path.read_text() or ".effects()" in path.read_text()],
    ids=lambda path: path.stem,
)
def test_drivers_handle_every_effect(path: Path) -> None:
    """A driver is a module that drains ``effects()``: it names each class, but may treat one as the rest."""
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    missing = EFFECTS - names
    if not MESSAGE_EFFECTS & names:
        missing -= MESSAGE_EFFECTS
    assert len(missing) <= 1, f"{path.name} does not mention {sorted(missing)}"


#: What a class is derived from whose fields are all that there is to it.
RECORDS = {"Struct", "NamedTuple"}


def is_silent(node: ast.stmt) -> bool:
    """Whether nothing is done there: a docstring, ``...`` or ``pass``."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def only_declares(tree: ast.Module) -> bool:
    """Whether ``tree`` has nothing that could go wrong: protocols, records without methods, aliases and constants."""
    for node in tree.body:
        if is_silent(node) or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            if all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in [*node.body, *node.orelse]):
                continue
            return False
        if isinstance(node, ast.Assign | ast.AnnAssign):
            # A table may have a wrong or a missing entry, and so may what a function makes.
            made = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
            if any(ast.unparse(function) not in ("NewType", "TypeVar") for function in made):
                return False
            if any(isinstance(inner, ast.Dict | ast.Lambda | ast.comprehension) for inner in ast.walk(node)):
                return False
            continue
        if not isinstance(node, ast.ClassDef):
            return False
        bases = {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                if "Protocol" not in bases or not all(map(is_silent, inner.body)):
                    return False
            elif not is_silent(inner) and not isinstance(inner, ast.AnnAssign):
                return False
        if not bases & {"Protocol", *RECORDS}:
            return False
    return True


def says_data_only(tree: ast.Module) -> bool:
    return "Data only." in " ".join((ast.get_docstring(tree) or "").split())


def behaviour(tree: ast.Module) -> dict[str, bool]:
    """Functions that do something, except those that Python calls by itself, and whether each is a property."""
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("__"):
            continue
        if not all(map(is_silent, node.body)):
            found[node.name] = [ast.unparse(one) for one in node.decorator_list] == ["property"]
    return found


@pytest.mark.parametrize("path", [path for path in CORE_FILES if path.name != "__init__.py"], ids=name_of)
def test_every_module_has_its_tests(path: Path) -> None:
    """``tests/unit`` mirrors the core. A module of data, or one that only declares, needs no tests and may have some."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = (ROOT / "tests" / "unit" / path.relative_to(CORE)).with_name(f"test_{path.name}")
    exempt = only_declares(tree) or (says_data_only(tree) and not behaviour(tree))
    assert exempt or tests.is_file(), f"{tests.relative_to(ROOT)} is missing"


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_data_only_is_true(path: Path) -> None:
    """What says so does nothing, but may have properties that are made of its fields."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if says_data_only(tree):
        more = [name for name, is_property in behaviour(tree).items() if not is_property]
        assert not more, f"{name_of(path)} is more than data: {more}"


@pytest.mark.parametrize(
    ("text", "exempt"),
    [
        ('class A(Protocol):\n    def f(self) -> None:\n        """Do."""', True),
        ("class A(Protocol[T]):\n    def f(self) -> None: ...", True),
        ("A: TypeAlias = Literal['a', 'b']\nB = NewType('B', int)", True),
        ("class A(NamedTuple):\n    x: int", True),
        ("class A(msgspec.Struct, frozen=True):\n    x: int = 3", True),
        ("class A(Protocol):\n    def f(self) -> int:\n        return 1", False),
        ("class A(NamedTuple):\n    x: int\n    def f(self) -> int: ...", False),
        ("class A(ABC):\n    @abstractmethod\n    def f(self) -> None: ...", False),
        ("class A(IntEnum):\n    B = 1", False),
        ("A = {1: 2}", False),
        ("A = re.compile('a')", False),
        ("def f() -> None: ...", False),
        ("if x:\n    y = 1", False),
        ("if TYPE_CHECKING:\n    from .a import b", True),
        ("if TYPE_CHECKING:\n    y = 1", False),
    ],
)
def test_what_only_declares(text: str, exempt: bool) -> None:
    assert only_declares(ast.parse(text)) is exempt


def test_every_unit_test_has_its_module() -> None:
    """``test_NAME.py`` or ``test_NAME_ASPECT.py``: no test stays behind when a module goes."""
    missing = []
    for file in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        module = (CORE / file.relative_to(ROOT / "tests" / "unit")).with_name(file.name.removeprefix("test_"))
        aspect = any(file.stem.startswith(f"test_{other.stem}_") for other in module.parent.glob("*.py"))
        if not module.is_file() and not aspect:
            missing.append(str(file.relative_to(ROOT)))
    assert not missing, f"they test no module of that name: {missing}"
