"""A build hook: the compiled core keeps its docstrings.

Decides: where a docstring of the sources stands in the C that mypyc has written from them. Must not know: what is
compiled. It is no part of any package that is installed.

mypyc 2.4 writes the signatures of functions, methods and classes to C, and leaves their docstrings out, so ``help()``
would be empty. They cannot be set at run time: a method of C is read-only. So they are put into the C, before it is
compiled: hatch-mypyc's generated ``setup.py`` calls :func:`mypycify` below instead of mypyc's own.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: A signature; there is none if a default is no literal.
_TEXT = r'(?:NULL|"((?:[^"\\]|\\.)*)")'
_FUNCTION = re.compile(rf"(\(PyCFunction\)CPyPy_(\w+),\s+[A-Z_| ]+, PyDoc_STR\(){_TEXT}")
_CLASS = re.compile(
    rf"(\bCPyType_(\w+)_template_ = \{{(?:(?!_template_ = \{{).)*?\.tp_doc = PyDoc_STR\(){_TEXT}", re.DOTALL
)
_PROPERTY = re.compile(r'(\{"(\w+)",\s+\(getter\)(\w+)_get_\2,\s+(?:\(setter\)\w+|NULL),\s+)NULL(, NULL\})')
_MODULE = re.compile(r'(PyModuleDef_HEAD_INIT,\s+"([\w.]+)",\s+)NULL, /\* docstring \*/')


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
    inner: dict[str, str | None] = {}
    for path, source in sources.items():
        tree = ast.parse(source)
        parts = list(Path(path).with_suffix("").parts)
        parts = parts[parts.index("src") + 1 :] if "src" in parts else parts
        modules[".".join(parts)] = ast.get_docstring(tree) or ""
        for name, docstring in _docstrings(tree):
            for begin in range(len(parts) + 1):  # mypyc names a module by as few of its last parts as are unambiguous
                key = "___".join([*parts[begin:], name])
                inner[key] = docstring if inner.get(key, docstring) == docstring else None
    for pattern in (_FUNCTION, _CLASS):
        text = pattern.sub(lambda found: f"{found[1]}{_with_signature(found[3], inner.get(found[2]))}", text)
    text = _PROPERTY.sub(lambda found: f"{found[1]}{_or_null(inner.get(f'{found[3]}___{found[2]}'))}{found[4]}", text)
    return _MODULE.sub(lambda found: f"{found[1]}{_joined('', modules.get(found[2]))}, /* docstring */", text)


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The docstrings of functions and classes, by their names in C."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}___{member.name}", ast.get_docstring(member) or ""


def _with_signature(signature: str | None, docstring: str | None) -> str:
    return _or_null(docstring) if signature is None else _joined(signature, docstring)


def _or_null(docstring: str | None) -> str:
    return _joined("", docstring) if docstring else "NULL"


def _joined(signature: str, docstring: str | None) -> str:
    """A literal of C: the ``signature``, which is escaped already, and the ``docstring``."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in (docstring or "").encode()
    )
    return f'"{signature}{escaped}"'
