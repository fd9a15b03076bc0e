"""``help()`` says what the sources say, also on the compiled core."""

import ast
import importlib
import importlib.util
import inspect
import pydoc
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.rigs.compiled import COMPILED

import aigw_sansio
from aigw_sansio import Gateway

CORE = Path(aigw_sansio.__file__).parent
BUILD = Path(__file__).parents[2] / "src" / "aigw_build.py"
PUBLIC = [name for name in aigw_sansio.__all__ if isinstance(getattr(aigw_sansio, name), type)]
MODULES = sorted(
    ".".join(("aigw_sansio", *path.relative_to(CORE).with_suffix("").parts))
    for path in CORE.rglob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_its_docstring(name: str) -> None:
    module = importlib.import_module(name)
    assert inspect.getdoc(module) == ast.get_docstring(tree_of(name))


def tree_of(name: str) -> ast.Module:
    """The sources, which are there beside a compiled module."""
    return ast.parse((CORE.parent / name.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_class_has_its_docstrings(name: str) -> None:
    kind = getattr(aigw_sansio, name)
    tree = tree_of(kind.__module__)
    (node,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    assert told(kind, name) == ast.get_docstring(node)
    for member in node.body:
        # Python itself documents the special methods of what is compiled.
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            found = getattr(kind, member.name)
            assert told(found, member.name) == ast.get_docstring(member), member.name
            if callable(found):
                named = {argument.arg for argument in ast.walk(member.args) if isinstance(argument, ast.arg)}
                assert {*inspect.signature(found).parameters, "self"} == {*named, "self"} - {"cls"}, member.name


def told(found: object, name: str) -> str:
    """The docstring of ``found``, without the signature that the compiled core has in front of it."""
    docstring = inspect.cleandoc(found.__doc__ or "")
    if docstring.startswith(f"{name}("):
        assert COMPILED
        return docstring.partition("\n\n")[2]
    return docstring


def test_help_tells_how_a_gateway_is_driven() -> None:
    assert "at most 128 KiB" in (Gateway.receive_data.__doc__ or "")
    assert list(inspect.signature(Gateway.receive_data).parameters) == ["self", "conn", "data", "now"]
    made = inspect.signature(Gateway).parameters
    assert list(made) == ["config", "seed", "wall_offset", "parts"]
    assert made["parts"].default is not inspect.Parameter.empty
    shown = pydoc.render_doc(Gateway, renderer=pydoc.plaintext)
    assert (
        "receive_data(self, conn: " in shown or "receive_data(conn: ConnId, data: bytes, now: float) -> None" in shown
    )
    assert "local: str | None = None" in shown


C = """
static PyGetSetDef Thing_getseters[] = {
    {"x",
     (getter)b___Thing_get_x, (setter)b___Thing_set_x,
     NULL, NULL},
    {"p",
     (getter)b___Thing_get_p,
    NULL, NULL, NULL},
static PyMethodDef Thing_methods[] = {
    {"f",
     (PyCFunction)CPyPy_b___Thing___f,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("f($self, y=\\'a\\')\\n--\\n\\n")},
    {"g",
     (PyCFunction)CPyPy_b___Thing___g,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("g($self)\\n--\\n\\n")},
    {"h",
     (PyCFunction)CPyPy_b___Thing___h,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR(NULL)},
    {"i",
     (PyCFunction)CPyPy_b___Thing___i,
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR(NULL)},
static PyTypeObject CPyType_b___Thing_template_ = {
    .tp_name = "Thing",
    .tp_doc = PyDoc_STR("Thing(x)\\n--\\n\\n"),
};
    {"of", (PyCFunction)CPyPy_c___of, METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("of(a)\\n--\\n\\n") /* docstring */},
    PyModuleDef_HEAD_INIT,
    "a.b",
    NULL, /* docstring */
"""
SOURCES = {
    "src/a/b.py": '"""Module."""\nclass Thing:\n    """Is "it" ü."""\n    def __init__(self, x: X): pass\n    def f(self, y: str = "a") -> list[int]: "One.\\n\\n    Two?"\n    def g(self): pass\n    def h(self, a, /, b: int, *c: str, d: X = X, **e): "Hm."\n    def i(self, x=X): pass\n    @property\n    def p(self): "Prop."\n',
    "src/a/c.py": "def of(a): 'Of.'\n",
    "src/d/c.py": "def of(a): 'Of another.'\n",
}


def build_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build hook, without the library that builds."""
    interface = ModuleType("interface")
    interface.BuildHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("aigw_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_build_puts_into_the_c(monkeypatch: pytest.MonkeyPatch) -> None:
    text = build_module(monkeypatch).with_docstrings(C, SOURCES)
    assert (
        """PyDoc_STR("f($self, y=\\'a\\')\\n--\\n\\nf(y: str = 'a') -> list[int]\\012\\012One.\\012\\012Two\\077")"""
        in text
    )
    assert 'PyDoc_STR("g($self)\\n--\\n\\n")' in text
    both = "h($self, a, /, b, *c, d=..., **e)\\012--\\012\\012h(a, /, b: int, *c: str, d: X = ..., **e)\\012\\012Hm."
    assert f'___h,\n     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("{both}")' in text, "mypyc writes none"
    assert "___i,\n     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR(NULL)" in text
    assert 'PyDoc_STR("Thing(x)\\n--\\n\\nThing(x: X)\\012\\012Is \\042it\\042 \\303\\274.")' in text
    assert 'PyDoc_STR("of(a)\\n--\\n\\n") /* docstring */' in text, "two modules of that name"
    assert "(setter)b___Thing_set_x,\n     NULL, NULL}" in text
    assert '(getter)b___Thing_get_p,\n    NULL, "Prop.", NULL}' in text
    assert '"a.b",\n    "Module.", /* docstring */' in text
