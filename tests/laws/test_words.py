"""Words: an ending has one of six verbs, and a condition is no place.

*close* (in order), *abort* (now), *cancel* (by request), *fail* (with a fault), *withdraw* (a question, a wait),
*finish* (it is complete). ``drain`` is for a gateway that goes away. A connection of sockets may be *lost*: that is told,
not done.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "aigw_sansio"

#: Verbs for an ending that are none of the six. A name is one of them, alone or with words behind it.
OTHER_VERBS = ("vanish", "leave", "part", "linger", "abandon", "give_up", "break_off", "retire", "disarm", "lose")
#: Likewise, but only alone: one may cut text into pieces and drop a field.
ALONE = ("cut", "drop")

#: What prose does not say. Each with what to say instead.
PHRASES = {
    "Ender": (r"\bEnder\b", "Side"),
    "Where ...,": (r"(?:^|[.!?:;)] )Where (?:(?!depends)[^.,:])*, (?!(?:and|as|how|in)\b)", "If or When"),
    "only where": (r"\bonly where\b", "only if"),
    "where there is": (r"\b[Ww]here (?:there (?:is|are)|nobody|none|nothing|not?)\b", "if there is, if nobody"),
}


def modules() -> Iterator[tuple[str, str]]:
    """All modules of the sources as (name, text)."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        yield name, path.read_text(encoding="utf-8")


def prose(text: str) -> Iterator[str]:
    """Docstrings and comments, each on one line. Comments on lines that follow each other are one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield " ".join((ast.get_docstring(node) or "").split())
    block: list[str] = []
    row = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != row + 1:
                yield " ".join(block)
                block = []
            row = token.start[0]
            block.append(token.string.lstrip("#: "))
    yield " ".join(block)


def is_other_verb(name: str) -> bool:
    bare = name.strip("_")
    return bare in ALONE or any(bare == verb or bare.startswith(f"{verb}_") for verb in OTHER_VERBS)


def check(found: dict[str, str], rule: str) -> None:
    """``found``: what breaks the rule, with what to say instead or its place."""
    assert not found, f"{rule}:\n" + "\n".join(f"{what}: {more}" for what, more in found.items())


def test_what_ends_something_has_one_of_six_verbs() -> None:
    found: dict[str, str] = {}
    for module, text in modules():
        if module.startswith("aigw_drivers"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_other_verb(node.name):
                found[f"{module}:{node.name}"] = f"line {node.lineno}"
    check(found, "close, abort, cancel, fail, withdraw, finish or drain")


def test_prose_says_if_and_when() -> None:
    found: dict[str, str] = {}
    for module, text in modules():
        for part in prose(text):
            for phrase, (pattern, better) in PHRASES.items():
                if hit := re.search(pattern, part):
                    found[f"{module}:{phrase}"] = f"say {better}: {part[max(0, hit.start() - 30) : hit.end() + 30]}"
    check(found, "plain words")


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('"""Where data is corrupt, zlib throws it away."""', ["Where ...,"]),
        ('"""It ends. Where nobody waits, it is cut."""', ["Where ...,", "where there is"]),
        ("# Asked only\n# where it counts.", ["only where"]),
        ('def f():\n    """The name, empty where there is none."""', ["where there is"]),
        ('"""Where it stands."""', []),
        ('"""Where a provider is, how it wants its key, and how it answers."""', []),
        ('"""Decides: where a line ends. Where lines end depends on the reads, and on nothing else."""', []),
        ('x = "only where"', []),
    ],
)
def test_phrases_are_found_in_prose_alone(text: str, phrases: list[str]) -> None:
    found = {name for part in prose(text) for name, (pattern, _) in PHRASES.items() if re.search(pattern, part)}
    assert found == set(phrases)


@pytest.mark.parametrize("name", ["vanish", "_lose", "_lose_all", "give_up", "cut", "_drop"])
def test_other_verbs_are_found(name: str) -> None:
    assert is_other_verb(name)


@pytest.mark.parametrize("name", ["close", "connection_lost", "parts", "cut_reason", "drop_own_fields", "partial"])
def test_words_that_only_look_alike_are_not(name: str) -> None:
    assert not is_other_verb(name)
