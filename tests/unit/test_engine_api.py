"""The interface of a driver: the gateway and the recorder have exactly its methods, and it says what to call next."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from aigw_sansio import READ_SIZE, Engine, Gateway, MessageEngine, Recorder

CORE = Path(__file__).parents[2] / "src" / "aigw_sansio"
METHODS = {
    name: value
    for interface in (Engine, MessageEngine)
    for name, value in vars(interface).items()
    if inspect.isfunction(value) and name[0] != "_"
}
OUTPUTS = {"effects", "data_to_send", "messages_to_send", "next_timeout"}
INPUTS = set(METHODS) - OUTPUTS


def source_signatures(module: str, owner: str) -> dict[str, list[str]]:
    """Names of the arguments of each method, read from the source: compiled methods have no signature."""
    body = next(
        node
        for node in ast.parse((CORE / f"{module}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == owner
    ).body
    return {
        node.name: [arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)]
        for node in body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(("module", "owner"), [("gateway", "Gateway"), ("recorder", "Recorder")])
def test_it_is_implemented_argument_by_argument(module: str, owner: str) -> None:
    wanted = {name: list(inspect.signature(method).parameters) for name, method in METHODS.items()}
    found = source_signatures(module, owner)
    assert {name: found.get(name) for name in wanted} == wanted


def positional(method: Callable[..., object]) -> list[str]:
    return [name for name, one in inspect.signature(method).parameters.items() if one.kind is not one.KEYWORD_ONLY]


def test_every_input_ends_in_now_and_no_output_has_it() -> None:
    for name, method in METHODS.items():
        last = positional(method)[-1]
        assert (last == "now") is (name in INPUTS), name


def test_every_method_says_what_it_does() -> None:
    assert {"open_downstream", "receive_data", "closed", "drain"} < INPUTS
    for name, method in METHODS.items():
        assert method.__doc__, name


def test_inputs_of_the_host_are_beside_the_interface() -> None:
    """Who adds an input to the gateway adds it here, and to the recorder: then it is recorded too."""
    tree = ast.parse((CORE / "gateway.py").read_text(encoding="utf-8"))
    plain = {"int", "str", "bytes", "float", "bool", "None", "tuple", "Sequence"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module and "." not in node.module:
            plain |= {alias.name for alias in node.names}
    owner = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Gateway")
    inputs = set()
    for node in owner.body:
        if isinstance(node, ast.FunctionDef) and node.name[0] != "_" and node.args.args[-1].arg == "now":
            types = [arg.annotation for arg in node.args.args[1:] if arg.annotation is not None]
            names = {inner.id for kind in types for inner in ast.walk(kind) if isinstance(inner, ast.Name)}
            if names <= plain:  # others are called by the core's own parts
                inputs.add(node.name)
    assert inputs == INPUTS | {"set_wall", "reconfigure", "take_events"}
    inputs |= {"cancel_exchange", "close_session"}  # of its base for the host
    assert all(hasattr(Recorder, name) and hasattr(Gateway, name) for name in inputs | set(METHODS))


def test_a_read_is_128_kib_and_so_is_a_pull() -> None:
    assert READ_SIZE == 131072
    for pull in (Gateway.data_to_send, Gateway.messages_to_send):
        assert inspect.signature(pull).parameters["limit"].default == READ_SIZE
