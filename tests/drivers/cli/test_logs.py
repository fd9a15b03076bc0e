"""``aigw logs`` as a person meets it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.peers import processes
from tests.rigs.ended_events import BROKEN, exchange_ended, session_ended
from typer.testing import CliRunner

from aigw_drivers.cli.main import app
from aigw_drivers.server.observe.rows import exchange_row, session_row
from aigw_drivers.server.observe.sinks import FileSink
from aigw_drivers.server.observe.sqlite_sink import SqliteSink

AIGW = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()"]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return processes.run([*AIGW, "logs", *arguments], env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        exchange_row(exchange_ended(number, cost=0.5, provider="openai\x1b[2J" if number == 3 else "openai"), [])
        for number in range(30)
    ]
    rows += [
        exchange_row(exchange_ended(99, provider="anthropic", fault=BROKEN, how="error"), []),
        session_row(session_ended(3600)),
    ]
    for sink in (FileSink(str(tmp_path / "records.jsonl")), SqliteSink(str(tmp_path / "records.db"))):
        sink.write(rows)
        sink.close()
    (tmp_path / "aigw.toml").write_text("[records]\nto = ['stdout', 'sqlite:records.db']\n")
    return tmp_path


@pytest.mark.parametrize("name", ["records.jsonl", "records.db"])
def test_the_last_ones_are_shown(folder: Path, name: str) -> None:
    shown = run(str(folder / name))
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert len(lines) == 21
    assert "time (UTC)" in lines[0]
    assert "connection_lost" in lines[-2]
    assert "gpt-realtime" in lines[-1]
    assert "closed 1000" in lines[-1]


def test_the_place_of_the_settings(folder: Path) -> None:
    shown = run("--config", str(folder / "aigw.toml"), "--where", "provider=anthropic", "--json")
    (row,) = map(json.loads, shown.stdout.splitlines())
    assert (row["provider"], row["error"]) == ("anthropic", "connection_lost")


@pytest.mark.parametrize("name", ["records.jsonl", "records.db"])
def test_sums(folder: Path, name: str) -> None:
    place = str(folder / name)
    shown = run(place, "--by", "provider", "--where", "kind=exchange")
    assert shown.stdout.splitlines()[1].split() == [
        "openai", "29", "0", "0", "290", "145", "14.5", "1500", "1500", "1500", "1500", "200", "200",
    ]  # fmt: skip
    (total,) = map(json.loads, run(place, "--by", "total", "--json").stdout.splitlines())
    assert (total["records"], total["failed"], total["cost"]) == (32, 1, 15.0)


@pytest.mark.parametrize("options", [[], ["--by", "provider,model,metadata.team"]])
def test_a_row_is_a_line_however_narrow_the_terminal(folder: Path, options: list[str]) -> None:
    shown = CliRunner().invoke(app, ["logs", str(folder / "records.db"), *options], env={"COLUMNS": "30"})
    head, *rows = shown.output.splitlines()
    assert "…" not in shown.output
    assert len(rows) == (4 if options else 20)
    assert {"tokens in", "longest"} <= set(re.split(r" {2,}", head.strip())) if options else "time (UTC)" in head


def test_what_is_summed_up_may_tell_sums_apart(folder: Path) -> None:
    shown = CliRunner().invoke(app, ["logs", str(folder / "records.db"), "--by", "cached,kind", "--json"])
    sums = [json.loads(line) for line in shown.output.splitlines()]
    assert [(one["by_cached"], one["kind"], one["cached"]) for one in sums] == [
        (False, "exchange", 0),
        (False, "realtime", 0),
    ]


def test_a_terminal_obeys_nothing_of_a_record(folder: Path) -> None:
    for options in ([], ["--json"], ["--by", "provider"]):
        shown = run(str(folder / "records.jsonl"), "--where", "provider~[2J", *options)
        assert "[2J" in shown.stdout
        assert "\x1b" not in shown.stdout


def test_since_and_standard_input(folder: Path) -> None:
    assert run(str(folder / "records.db"), "--since", "1h").stdout.splitlines()[1:] == []
    shown = run(str(folder / "records.db"), "--since", "2026-01-01T00:30+00:00", "--json")
    assert [json.loads(line)["kind"] for line in shown.stdout.splitlines()] == ["realtime"]
    data = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    piped = subprocess.run(
        [*AIGW, "logs", "-", "--json"], input=b"noise\n" + data[0], capture_output=True, check=False, timeout=120
    )
    assert len(piped.stdout.splitlines()) == 1
    assert b"1 lines are no records" in piped.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["nowhere.jsonl"], 2, "nowhere.jsonl: cannot be read: No such file or directory"),
        ([], 2, "--config"),
        (["x", "--where", "modle=a"], 2, "did you mean model"),
        (["x", "--by", "cots"], 2, "did you mean cost"),
        (["x", "--since", "soon"], 2, "allowed are 30s"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], status: int, why: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == status
    assert why in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_settings_without_records(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text("")
    ended = run("--config", str(file))
    assert ended.returncode == 2
    assert "[records]" in ended.stderr
