"""The public strategies find in another library what they are said to find."""

import runpy

import pytest


def test_the_strategies_find_what_wsproto_leaves_to_its_user(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("tests.examples.findings_in_wsproto", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    found = [line.split(" ")[0] for line in lines if line.startswith("W")]
    assert found == ["W1", "W2", "W3", "W4", "W5", "W6", "W8", "W9", "W9", "W11"]
    assert lines[0] == "W1  frames behind the handshake are dropped"
    assert len(lines) == 2 * len(found), "each with its smallest input"
