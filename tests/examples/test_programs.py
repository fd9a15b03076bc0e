"""The examples that are programs print what they should."""

import re
import runpy

import pytest

SENTENCES = r"[A-Z][a-zA-Z ,.]+\."


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("plain_asyncio", ["done with status 200", SENTENCES]),
        ("trio_nursery", [SENTENCES, "drained: True"]),
        ("guardrail", [r"Pay with \[card\], please\.", "2017: this answer is not for you"]),
        ("foreign_parser", ["utf-8-sig: every stream is read as it was sent", r"utf-8: misread is b'\\xef\\xbb\\xbfdata:.*"]),
    ],
)  # fmt: skip
def test_it_runs(program: str, printed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module(f"tests.examples.{program}", run_name="__main__")
    assert re.fullmatch("\n".join(printed), capsys.readouterr().out.strip())
