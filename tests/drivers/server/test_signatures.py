"""Signatures are made in a process of their own, with keys of an allowed size."""

import sys
from pathlib import Path

import anyio
import pytest

from aigw_drivers.server import signatures, signing_worker
from aigw_drivers.server.signatures import sign, sign_elsewhere
from aigw_sansio import Secret, Sign, Signed, Timeouts, Unavailable

rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pem(bits: int) -> Secret:
    from cryptography.hazmat.primitives import serialization

    key = rsa.generate_private_key(65537, bits)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(encoded.decode())


async def test_it_is_the_same_signature_elsewhere() -> None:
    question = Sign(pem(2048), b"a.message")
    here = sign(question)
    assert isinstance(here, Signed)
    assert len(here.signature) == 256
    assert await sign_elsewhere(question) == here


@pytest.mark.parametrize("bits", [1024, 4104])
async def test_keys_of_other_sizes_are_not_used(bits: int) -> None:
    question = Sign(pem(bits), b"a.message")
    assert sign(question) == Unavailable()
    assert await sign_elsewhere(question) == Unavailable()


@pytest.mark.parametrize(
    "text", ["", "PEM", "\u00e9", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
async def test_what_is_no_key_is_not_used(text: str) -> None:
    assert await sign_elsewhere(Sign(Secret(text), b"a.message")) == Unavailable()


async def test_while_it_takes_long_others_go_on_and_a_cancel_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(signatures, "_WORKER", worker)
    turns = 0
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sign_elsewhere, Sign(Secret("key"), b"m"))
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                turns += 1
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
    assert turns > 0
    if sys.platform == "linux":
        assert not await anyio.Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


@pytest.mark.parametrize("executable", ["/nonexistent", "", None, "a\0b"])
async def test_without_an_interpreter_there_is_none(monkeypatch: pytest.MonkeyPatch, executable: str | None) -> None:
    monkeypatch.setattr(signatures.sys, "executable", executable)
    assert await sign_elsewhere(Sign(Secret("key"), b"m")) == Unavailable()


def test_a_signature_comes_in_time_beside_three_busy_processes_on_its_processor() -> None:
    """A process gets a share of the processor that is smaller by a quarter for each step (sched(7), "The nice value")."""
    slowest_s = 0.5
    others = 3 * 1.25**signing_worker.NICENESS
    assert slowest_s * (1 + others) < Timeouts().ask_s * 0.75


async def test_without_a_thread_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some event loops await the end of a process in one."""

    async def refused(*arguments: object, **options: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(signatures, "run_process", refused)
    assert await sign_elsewhere(Sign(Secret("key"), b"m")) == Unavailable()


async def test_a_process_that_does_not_read_its_question_gives_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("")
    monkeypatch.setattr(signatures, "_WORKER", worker)
    assert await sign_elsewhere(Sign(Secret("k" * 4_000_000), b"m")) == Unavailable()


async def test_it_has_the_modules_of_this_process_and_none_beside_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``cryptography`` may be found by ``PYTHONPATH`` only, or stand with the user's own packages."""
    beside, found = tmp_path / "beside", tmp_path / "found"
    for folder in (beside, found):
        folder.mkdir()
    (found / "only_by_pythonpath.py").write_text("SIGNATURE = b'signature'\n")
    (beside / "json.py").write_text("raise RuntimeError\n")
    worker = beside / "worker.py"
    worker.write_text(
        "import json, site, sys\nfrom only_by_pythonpath import SIGNATURE\n"
        "assert not sys.flags.no_user_site\nsys.stdin.read()\nsys.stdout.buffer.write(SIGNATURE)\n"
    )
    monkeypatch.setattr(signatures, "_WORKER", worker)
    monkeypatch.setenv("PYTHONPATH", str(found))
    assert await sign_elsewhere(Sign(Secret("key"), b"m")) == Signed(b"signature")
