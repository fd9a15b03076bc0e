"""Every fuzz script states its invariant, and holds it for a moment here."""

import ast
import importlib
from pathlib import Path

import pytest
from fuzz._fuzz import STEPS, cut, run, seeded

SCRIPTS = sorted((Path(__file__).parents[2] / "fuzz").glob("fuzz_*.py"))


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    source = path.read_text()
    invariant = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    assert source.startswith('"""' + invariant), "the first line is the docstring that states the invariant"
    assert len(invariant) > 20
    script = importlib.import_module(f"fuzz.{path.stem}")
    assert all(isinstance(seed, bytes) for seed in script.SEEDS)
    run(script.target, script.SEEDS, examples=60)


def test_the_runner_finds_a_failure() -> None:
    def target(data: bytes) -> None:
        assert b"bad" not in data[1:]

    with pytest.raises(AssertionError):
        run(target, [b"\0a bad seed"], examples=1)
    run(target, [b"\0good"], examples=20)


def test_the_runner_varies_its_seeds() -> None:
    seen: set[bytes] = set()
    run(seen.add, [b"seed"], examples=30)
    assert b"seed" in seen
    assert len(seen) > 10
    assert any(b"ee" in data and data != b"seed" for data in seen)


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_cuts_lose_nothing(number: int) -> None:
    body, reads = cut(bytes([number]) + bytes(range(100)))
    assert b"".join(reads) == body == bytes(range(100))
    assert len(reads[0]) == min(STEPS[number], 100)
    assert cut(b"") == (b"", [])
    assert seeded(b"a", b"b") == [b"\0a", b"\1b"]
