"""``aigw keys``: keys go into the store and out of it, and none is shown."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from tests.peers import processes

from aigw_drivers.cli.given import given_key
from aigw_drivers.stores import open_store

CANARY = "sk-canary-7f"


def run(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    program = "from aigw_drivers.cli.main import app; import sys; sys.argv = sys.argv[1:]; app()"
    command = [sys.executable, "-c", program, "aigw", "keys", *arguments]
    with processes.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        out, err = process.communicate(given, timeout=120)
    assert CANARY not in out + err
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "aigw.toml"
    path.write_text('[gateways."acme/main"]\n[store]\nurl = "sqlite:store.db"\n')
    return path


def test_a_key_is_set_named_and_deleted(file: Path) -> None:
    told = run(str(file), "acme/main", "google", "--alias", "lab", given=f"{CANARY}\n")
    assert (told.returncode, told.stdout) == (0, "acme/main/google-ai-studio/lab\n"), told.stderr
    assert run(str(file)).stdout == "acme/main/google-ai-studio/lab\n"

    async def look() -> bytes | None:
        async with open_store(f"sqlite:{file.parent / 'store.db'}", within_s=30.0) as store:
            return await store.get("key:acme/main/google-ai-studio/lab")

    assert anyio.run(look) == CANARY.encode()
    assert run(str(file), "acme/main", "google", "--alias", "lab", "--delete").returncode == 0
    assert (run(str(file)).stdout, anyio.run(look)) == ("", None)


@pytest.mark.parametrize(
    ("arguments", "given", "status", "said"),
    [
        (["acme/other", "openai"], CANARY, 2, "there is no such gateway; allowed are acme/main"),
        (["acme/main"], CANARY, 2, "a key is of a gateway and a provider: name both"),
        (["acme/main", "openai", "--alias", "a/b"], CANARY, 2, "--alias is no alias; allowed are"),
        (["acme/main", "openai"], "\n", 2, "the key is not usable; allowed is printable ASCII"),
        (["acme/main", "openai"], f"{CANARY}\x07\n", 2, "the key is not usable; allowed is printable ASCII"),
    ],
)
def test_what_cannot_be_is_one_line(file: Path, arguments: list[str], given: str, status: int, said: str) -> None:
    told = run(str(file), *arguments, given=given)
    assert told.returncode == status
    assert said in told.stdout + told.stderr
    assert not (file.parent / "store.db").exists()


def test_a_store_in_memory_keeps_no_keys(file: Path) -> None:
    file.write_text('[gateways."acme/main"]\n')
    told = run(str(file))
    assert told.returncode == 2
    assert "store.url is memory:, which keeps no keys" in told.stdout + told.stderr


def test_a_store_that_fails_is_told(file: Path) -> None:
    (file.parent / "store.db").write_bytes(b"SQLite format 3\0" + b"no database at all" * 1000)
    told = run(str(file))
    assert told.returncode == 1
    assert "the store failed: DatabaseError" in told.stdout + told.stderr


def test_a_provider_that_nobody_knows_is_warned_of(file: Path) -> None:
    told = run(str(file), "acme/main", "opneai", given=f"{CANARY}\n")
    assert told.returncode == 0
    assert told.stderr == "warning: neither aigw nor the settings know a provider opneai (did you mean openai?)\n"
    assert "acme/main/opneai/default" in told.stdout


def test_a_person_is_asked_for_the_key_and_does_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("aigw_drivers.cli.given.getpass", lambda prompt: f" {prompt}{CANARY} ")
    assert given_key() == f"Key: {CANARY}"
