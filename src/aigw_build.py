"""A build hook: the compiled core keeps its docstrings and its signatures.

Decides: where a docstring of the sources stands in the C that mypyc has written from them, and how a signature is
written. Must not know: what is compiled. It is no part of any package that is installed.

mypyc 2.4 leaves docstrings out of its C, so ``help()`` would be empty. It writes signatures without types, and none at
all if a default is no literal. All of this cannot be set at run time: a method of C is read-only. So it is put into the
C, before it is compiled: hatch-mypyc's generated ``setup.py`` calls :func:`mypycify` below instead of mypyc's own.

:func:`inspect.signature` reads the first line, and takes no types there (CPython, ``_signature_fromstr``). So those
stand with the names once more where the docstring begins, as C extensions commonly have it.
"""

import ast
import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: A signature of mypyc's; there is none if a default is no literal.
_TEXT = r'(?:NULL|"((?:[^"\\]|\\.)*)")'
_FUNCTION = re.compile(rf"(\(PyCFunction\)CPyPy_(\w+),\s+[A-Z_| ]+, PyDoc_STR\(){_TEXT}")
_CLASS = re.compile(
    rf"(\bCPyType_(\w+)_template_ = \{{(?:(?!_template_ = \{{).)*?\.tp_doc = PyDoc_STR\(){_TEXT}", re.DOTALL
)
_PROPERTY = re.compile(r'(\{"(\w+)",\s+\(getter\)(\w+)_get_\2,\s+(?:\(setter\)\w+|NULL),\s+)NULL(, NULL\})')
_MODULE = re.compile(r'(PyModuleDef_HEAD_INIT,\s+"([\w.]+)",\s+)NULL, /\* docstring \*/')
#: A longer signature with types has a line for each parameter.
_LINE = 100


class _Told(NamedTuple):
    """What the sources say of a function or class: its ``docstring``, and its signature as C has it and with types;
    both are empty if it is that of a base class, or a property's."""

    docstring: str
    signature: str = ""
    typed: str = ""


class DocstringsHook(BuildHookInterface):
    """Stands in front of hatch-mypyc's hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have the ``setup.py`` that hatch-mypyc generates import from here."""
        from hatch_mypyc import plugin

        construct = plugin.construct_setup_file
        theirs = "from mypyc.build import mypycify\n"
        here = Path(__file__)
        ours = f"import sys\nsys.path.insert(0, {str(here.parent)!r})\nfrom {here.stem} import mypycify\n"

        def constructed(*arguments: Any, **options: Any) -> str:
            text: str = construct(*arguments, **options)
            if theirs not in text:
                raise RuntimeError("hatch-mypyc no longer imports mypycify as 0.16 does")
            return text.replace(theirs, ours)

        plugin.construct_setup_file = constructed


def mypycify(paths: list[str], **options: Any) -> Any:
    """As mypyc's own, with the docstrings of the sources ``paths`` in what it has written."""
    from mypyc.build import mypycify as written_by_mypyc

    extensions = written_by_mypyc(paths, **options)
    sources = {path: Path(path).read_text(encoding="utf-8") for path in paths if path.endswith(".py")}
    for file in {Path(file) for extension in extensions for file in extension.sources}:
        text = file.read_text(encoding="utf-8")
        file.write_text(with_docstrings(text, sources), encoding="utf-8")
    return extensions


def with_docstrings(text: str, sources: dict[str, str]) -> str:
    """The C ``text`` with the docstrings of ``sources``, by their paths."""
    modules: dict[str, str] = {}
    inner: dict[str, _Told | None] = {}
    for path, source in sources.items():
        tree = ast.parse(source)
        parts = list(Path(path).with_suffix("").parts)
        parts = parts[parts.index("src") + 1 :] if "src" in parts else parts
        modules[".".join(parts)] = ast.get_docstring(tree) or ""
        for name, told in _told(tree):
            for begin in range(len(parts) + 1):  # mypyc names a module by as few of its last parts as are unambiguous
                key = "___".join([*parts[begin:], name])
                inner[key] = told if inner.get(key, told) == told else None
    for pattern in (_FUNCTION, _CLASS):
        text = pattern.sub(lambda found: f"{found[1]}{_with_signature(found[3], inner.get(found[2]))}", text)
    text = _PROPERTY.sub(lambda found: f"{found[1]}{_plain(inner.get(f'{found[3]}___{found[2]}'))}{found[4]}", text)
    return _MODULE.sub(lambda found: f"{found[1]}{_literal(modules.get(found[2], ''))}, /* docstring */", text)


def _told(tree: ast.Module) -> Iterator[tuple[str, _Told]]:
    """What is told of functions and classes, by their names in C."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _told_of(node, node.name)
        elif isinstance(node, ast.ClassDef):
            made = _Told("")
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}___{member.name}", _told_of(member, member.name, is_method=True)
                    if member.name == "__init__":
                        made = _told_of(member, node.name, is_method=True, is_class=True)
            yield node.name, made._replace(docstring=ast.get_docstring(node) or "")


def _told_of(node: ast.FunctionDef, name: str, *, is_method: bool = False, is_class: bool = False) -> _Told:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    is_bound = is_method and "staticmethod" not in decorators
    docstring = ast.get_docstring(node) or ""
    if any(decorator == "property" or decorator.endswith(".setter") for decorator in decorators):
        return _Told(docstring)
    typed = copy.deepcopy(node.args)
    bare = copy.deepcopy(node.args)
    for arguments in (typed, bare):
        arguments.defaults = [_shown(default) for default in arguments.defaults]
        arguments.kw_defaults = [default and _shown(default) for default in arguments.kw_defaults]
    for argument in ast.walk(bare):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    if is_bound:
        own = (typed.posonlyargs or typed.args).pop(0).arg
        if is_class:
            (bare.posonlyargs or bare.args).pop(0)
        else:
            (bare.posonlyargs or bare.args)[0].arg = f"${own}"
    returns = "" if is_class or node.returns is None else f" -> {ast.unparse(node.returns)}"
    parameters = list(_parameters(typed))
    shown = f"{name}({', '.join(parameters)}){returns}"
    if len(shown) > _LINE:
        shown = "\n".join((f"{name}(", *(f"    {one}," for one in parameters), f"){returns}"))
    return _Told(docstring, f"{name}({ast.unparse(bare)})\n--\n\n", shown)


def _shown(default: ast.expr) -> ast.expr:
    """``default``, if it is a literal. Of anything else it is only said that there is one, as stubs do."""
    try:
        ast.literal_eval(default)
    except ValueError:
        return ast.Constant(...)
    return default


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    """``arguments`` one by one, with the marks between their kinds."""
    ordered = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(ordered) - len(arguments.defaults))
    for index, pair in enumerate(zip(ordered, [*missing, *arguments.defaults], strict=True), 1):
        yield _parameter(*pair)
        if index == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg is not None:
        yield f"*{ast.unparse(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(*pair)
    if arguments.kwarg is not None:
        yield f"**{ast.unparse(arguments.kwarg)}"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    told = ast.unparse(argument)
    return told if default is None else f"{told} = {ast.unparse(default)}"


def _with_signature(signature: str | None, told: _Told | None) -> str:
    """The literal of C for a function or class of which mypyc writes ``signature``, escaped."""
    if told is None:
        return "NULL" if signature is None else f'"{signature}"'
    text = "\n\n".join(part for part in (told.typed, told.docstring) if part) if told.docstring else ""
    if signature is not None:
        return f'"{signature}{_escaped(text)}"'
    return _literal(told.signature + text) if text else "NULL"


def _plain(told: _Told | None) -> str:
    return _literal(told.docstring) if told is not None and told.docstring else "NULL"


def _literal(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """``text`` for a literal of C."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode())
