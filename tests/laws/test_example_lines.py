"""How long each example is stands in the page about benchmarks, and is true."""

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "tests" / "benchmarks" / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "tests" / "examples"
#: Those that its page lists; other files there are the tests that run them.
LISTED = re.findall(r"^\| \[(\w+)\]\(\1\.py\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
#: A change of a few lines needs no change of the page.
ROUGHLY = 0.15
#: So many examples may be too new to stand there.
NEW = 2
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """The lines of ``source`` that are neither blank, nor a comment, nor part of a docstring."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and ast.get_docstring(node):
                told.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - told)


def test_what_counts() -> None:
    assert (
        lines_of_code(
            '"""Two\n\nlines."""\n\n# one\nx = """a\n\nb"""  # four\ndef f():\n    "Told."\n    return (\n        1)\n'
        )
        == 6
    )


def test_the_lines_of_all_examples_are_told() -> None:
    assert len(LISTED) >= 12
    counted = {name: lines_of_code((EXAMPLES / f"{name}.py").read_text(encoding="utf-8")) for name in LISTED}
    row = re.compile(r"^\| \[(\w+)\]\(\.\./examples/\1\.py\) \| ([0-9]+) \|$", re.MULTILINE)
    told = {name: int(lines) for name, lines in row.findall(PAGE)}
    rows = "\n".join(f"| [{name}](../examples/{name}.py) | {lines} |" for name, lines in counted.items())
    wrong = {name for name, lines in told.items() if abs(lines - counted.get(name, 0)) > lines * ROUGHLY}
    assert not [name for name in told if name not in counted], "no such example"
    assert not wrong, f"its table must be about\n{rows}"
    assert len(told) >= len(counted) - NEW, f"its table must be about\n{rows}"
