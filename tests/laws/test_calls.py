"""How things are called: what a value means is read at the call, not at the definition.

A boolean is passed by keyword, and a record of more than three values is made by keyword. For a msgspec struct a keyword
costs no time, so the path of every chunk needs no exception.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"

#: Functions of others that take their boolean by position only.
BY_POSITION_ONLY = {
    "setblocking": "of sockets; the standard library takes no keyword",
    "setdefault": "of dicts; the standard library takes no keyword",
}
#: Functions whose caller, a library, passes the boolean by position.
CALLED_BY_A_LIBRARY = {
    "aigw_drivers.cli.main:_tell_version": "a callback of typer",
    "aigw_sansio.wires.websocket.deflate:PerMessageDeflate.frame_inbound_complete": "an extension of wsproto",
}


@cache
def trees() -> dict[str, ast.Module]:
    """``aigw_sansio.wires.http`` and so on, each as a tree."""
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    assert len(found) > 100
    return found


def last_name(node: ast.expr) -> str:
    """``Fault`` for ``faults.Fault``, ``Generic`` for ``Generic[T]``; empty for what has no name."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def records() -> set[str]:
    """Names of all classes that hold values: structs, named tuples, dataclasses, and what is derived from them."""
    classes = [node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {"Struct", "NamedTuple"}
    found |= {node.name for node in classes if "dataclass" in "".join(map(ast.unparse, node.decorator_list))}
    while True:
        more = {node.name for node in classes if found & {last_name(base) for base in node.bases}} - found
        if not more:
            return found
        found |= more


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """All calls as (module, what is called, call)."""
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield module, last_name(node.func), node


def functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All functions under ``body``, those inside functions too, each with its qualified name."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owner + node.name, node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(node.body, f"{owner}{node.name}.")


def is_boolean(annotation: ast.expr | None, default: ast.expr | None) -> bool:
    """Whether a parameter takes a flag: ``bool``, ``bool | None``, ``Annotated[bool, ...]``, or untyped with one as its
    default. A function that returns a flag is none."""
    if annotation is None:
        return isinstance(default, ast.Constant) and isinstance(default.value, bool)
    if isinstance(annotation, ast.BinOp):
        return is_boolean(annotation.left, None) or is_boolean(annotation.right, None)
    if isinstance(annotation, ast.Subscript) and last_name(annotation) in ("Annotated", "Optional", "Final"):
        inner = annotation.slice
        return is_boolean(inner.elts[0] if isinstance(inner, ast.Tuple) else inner, None)
    return last_name(annotation) == "bool"


def check(found: dict[str, list[str]], rule: str) -> None:
    """``found``: what breaks the rule, with its places."""
    assert not found, f"{rule}:\n" + "\n".join(f"{what}: {'; '.join(places)}" for what, places in found.items())


def test_booleans_are_passed_by_keyword() -> None:
    found: dict[str, list[str]] = {}
    for module, called, call in calls():
        if called in BY_POSITION_ONLY:
            continue
        if any(isinstance(value, ast.Constant) and isinstance(value.value, bool) for value in call.args):
            found.setdefault(f"{module}:{called}", []).append(f"line {call.lineno}")
    check(found, "a boolean says nothing at its place; pass it by keyword")


def test_records_of_more_than_three_values_are_made_by_keyword() -> None:
    assert {"Fault", "Connect", "ExchangeEnded", "TextDelta", "Chunk", "FinalResponse"} <= records()
    found: dict[str, list[str]] = {}
    for module, called, call in calls():
        if called in records() and len(call.args) > 3:
            found.setdefault(f"{module}:{called}", []).append(
                f"line {call.lineno}, {len(call.args)} values by position"
            )
    check(found, "pass the values of a record by keyword if they are more than three")


def test_functions_take_booleans_by_keyword() -> None:
    found: dict[str, list[str]] = {}
    for module, tree in trees().items():
        for name, function in functions(tree.body):
            arguments = function.args
            by_position = [*arguments.posonlyargs, *arguments.args]
            defaults: list[ast.expr | None] = [
                *[None] * (len(by_position) - len(arguments.defaults)),
                *arguments.defaults,
            ]
            flags = [one.arg for one, default in zip(by_position, defaults) if is_boolean(one.annotation, default)]
            if flags and f"{module}:{name}" not in CALLED_BY_A_LIBRARY:
                found.setdefault(f"{module}:{name}", []).append(f"line {function.lineno}, {', '.join(flags)}")
    check(found, "put * before a boolean parameter")


def test_the_exceptions_are_needed() -> None:
    called = {name for _, name, _ in calls()}
    assert set(BY_POSITION_ONLY) <= called
    defined = {f"{module}:{name}" for module, tree in trees().items() for name, _ in functions(tree.body)}
    assert set(CALLED_BY_A_LIBRARY) <= defined
