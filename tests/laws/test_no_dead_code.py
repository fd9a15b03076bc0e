"""What nobody uses is deleted: a function, method, class or constant of the sources has a use in the sources, or is public.

A use is any read of the name, whoever it belongs to, or a string that is the name. So this finds what is certainly dead,
and no more.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import aigw_drivers
import aigw_sansio

ROOTS = [Path(package.__path__[0]) for package in (aigw_drivers, aigw_sansio)]
#: Packages that are there for tests of others.
FOR_TESTS = ("aigw_drivers/conformance/", "aigw_sansio/testing.py")
#: Called by those who are named, or for people.
CALLED_BY_OTHERS = {
    "wsproto, on its extensions": {"frame_inbound_complete", "frame_inbound_header", "frame_inbound_payload_data"},
    "drivers of a host, on a TlsPipe and on a Running": {"has_pending", "reconfigure_from_thread"},
    "SQLite, on an aggregate": {"finalize"},
    "the gateway, where it is written out": {"take_effects"},
    "python -m tests.tables.diagrams": {"to_mermaid"},
    "who holds a page against the code": {"compat_slugs"},
    "nobody: it is there for what its imports do": {"LOADED"},
}  # fmt: skip


def sources() -> Iterator[tuple[str, ast.Module]]:
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            yield f"{root.name}/{path.relative_to(root)}", ast.parse(path.read_text(encoding="utf-8"))


def defined(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions, methods, classes and constants. Fields of classes are not among them: others read them by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
    for statement in tree.body:
        for target in getattr(statement, "targets", [getattr(statement, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id, statement.lineno


def used(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                yield name
            case ast.Constant(value=str(name)):
                yield name


def test_everything_has_a_use() -> None:
    modules = dict(sources())
    uses = {name for tree in modules.values() for name in used(tree)}.union(*CALLED_BY_OTHERS.values())
    dead = [
        f"{module}:{line} {name}"
        for module, tree in modules.items()
        if not module.startswith(FOR_TESTS)
        for name, line in defined(tree)
        if name not in uses and not (name.startswith("__") and name.endswith("__"))
    ]
    assert dead == []


def test_who_is_called_by_others_is_still_there() -> None:
    names = {name for _, tree in sources() for name, _ in defined(tree)}
    assert set().union(*CALLED_BY_OTHERS.values()) <= names
