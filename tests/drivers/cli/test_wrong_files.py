"""What every command says to a file that it cannot use: a line or two for a person, and no word of Python's."""

import re
import sys
from pathlib import Path

import pytest
from tests.peers import processes
from typer.testing import CliRunner, Result

from aigw_drivers.cli.main import app

#: Words that a person should not have to know.
PYTHON = re.compile(r"Errno|Error\b|Exception|Traceback|ExceptionGroup|<class|b'")
COMMANDS = {
    "check": ["check", "FILE"],
    "serve": ["serve", "--config", "FILE"],
    "call": ["call", "openai", "chat/completions", "-m", "m", "hi", "--config", "FILE"],
    "keys": ["keys", "FILE"],
    "logs": ["logs", "FILE"],
    "logs --config": ["logs", "--config", "FILE"],
    "read": ["read", "FILE"],
    "translate": ["translate", "FILE", "--from", "openai-chat", "--to", "gemini"],
    "translate --answer": ["translate", "FILE", "--answer", "--from", "gemini", "--to", "openai-chat"],
}
#: Commands that have something to say of any bytes: a response may be anything.
TAKE_ANY = {"read", "translate --answer"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "words").write_text("These are words = not settings,\nnor JSON.\n")
    (tmp_path / "empty").write_text("")
    return tmp_path


def run(folder: Path, *arguments: str, given: bytes = b"") -> Result:
    """The command, in the folder and in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ended = CliRunner().invoke(app, arguments, input=given, env={"COLUMNS": "400"})
    assert isinstance(ended.exception, SystemExit | None), ended.exception
    assert not PYTHON.search(ended.output), ended.output
    return ended


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["nowhere", "folder", "binary", "words"])
def test_a_file_that_cannot_be_used_is_told(folder: Path, command: str, name: str) -> None:
    ended = run(folder, *(name if word == "FILE" else word for word in COMMANDS[command]))
    if name in ("nowhere", "folder") or command not in TAKE_ANY:
        assert ended.exit_code == 2
        assert f"{name}: " in ended.output
        assert len(ended.output.splitlines()) == 1
    else:
        assert ended.exit_code in (0, 1)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("serve", "call")])
def test_an_empty_file_is_no_bug(folder: Path, command: str) -> None:
    ended = run(folder, *("empty" if word == "FILE" else word for word in COMMANDS[command]))
    assert ended.exit_code in (0, 2)


@pytest.mark.parametrize("arguments", [
    ["call", "openai", "chat/completions", "-m", "m", "-"],
    ["send", "ws://127.0.0.1:1/v1/local/default"],
    ["translate", "-", "--from", "openai-chat", "--to", "gemini"],
    ["logs", "-"],
])  # fmt: skip
def test_standard_input_that_is_no_text(folder: Path, arguments: list[str]) -> None:
    ended = run(folder, *arguments, given=b"\xff\xfe")
    assert ended.exit_code == 2
    assert ended.output.startswith("standard input")
    assert len(ended.output.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "name"), [
    (["call", "openai", "chat/completions", "-m", "m", "h\udcff"], "TEXT"),
    (["call", "openai", "chat/completions", "-m", "m\udcff", "h"], "--model"),
    (["call", "openai", "chat/completions", "-m", "m", "-H", "a: \udcff", "h"], "--header"),
    (["send", "ws://127.0.0.1:1/v1/local/default", "h\udcff"], "MESSAGES"),
])  # fmt: skip
def test_words_that_are_no_text(folder: Path, arguments: list[str], name: str) -> None:
    ended = run(folder, *arguments)
    assert (ended.exit_code, ended.output) == (2, f"{name} is not UTF-8\n")


@pytest.mark.parametrize("arguments", [
    ["read", "words", "--provider", "nobody"],
    ["read", "words", "--format", "nothing"],
    ["translate", "words", "--from", "nothing", "--to", "gemini"],
    ["translate", "words", "--answer", "--from", "gemini", "--to", "gemini"],
])  # fmt: skip
def test_a_wrong_option_is_not_the_fault_of_the_file(folder: Path, arguments: list[str]) -> None:
    ended = run(folder, *arguments)
    assert ended.exit_code == 2
    assert "words" not in ended.output


@pytest.mark.parametrize(("line", "why"), [
    ('[records]\nto = "file:folder"', "records.to (file:folder) cannot be written: it is a folder"),
    ('[records]\nto = "sqlite:folder"', "records.to (sqlite:folder) cannot be written: it is a folder"),
    ('[records]\nto = ["stdout", "file:none/rows"]', "records.to (file:rows) cannot be written: there is no folder"),
    ('[records]\nto = "sqlite:binary"', "records.to (sqlite:binary) cannot be written: it is no database"),
    ('[store]\nurl = "sqlite:folder"', "store.url (sqlite:folder) cannot be written: it is a folder"),
    ('[store]\nurl = "sqlite:none/db"', "store.url (sqlite:db) cannot be written: there is no folder"),
    ('[store]\nurl = "sqlite:words"', "store.url (sqlite:words) cannot be written: it is no database"),
])  # fmt: skip
def test_a_place_that_cannot_be_written_is_told_before_the_server_starts(folder: Path, line: str, why: str) -> None:
    (folder / "aigw.toml").write_text(line)
    commands = [["check", "aigw.toml"], ["serve", "--config", "aigw.toml", "--port", "0"]]
    commands += [["keys", "aigw.toml"]] if "[store]" in line else []
    for command in commands:
        ended = run(folder, *command)
        assert ended.exit_code == 2
        assert f"aigw.toml: {why}" in ended.output


def test_a_store_that_cannot_be_reached(folder: Path) -> None:
    pytest.importorskip("coredis")
    (folder / "aigw.toml").write_text('[store]\nurl = "redis://127.0.0.1:1"\n')
    command = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()", "keys", "aigw.toml"]
    ended = processes.run(command, cwd=folder)  # not in this process, where its client would leave streams open
    assert (ended.returncode, ended.stdout + ended.stderr) == (1, "error the store cannot be reached\n")
