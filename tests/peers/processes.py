"""Processes that tests start."""

import errno
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import anyio


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """``subprocess.Popen``, tried once more if ``execve`` gave ``EFAULT``.

    Some sandboxes say so, rarely, of commands that are as sound as all others. Nothing has been started then, so a
    second try is the same as a first one.

    Its output is buffered: unbuffered, Python loses the rest of a write that a signal cuts in two.
    """
    options["env"] = {**(options.get("env") or os.environ), "PYTHONUNBUFFERED": ""}
    try:
        return subprocess.Popen(command, **options)
    except OSError as exc:
        if exc.errno != errno.EFAULT:
            raise
    return subprocess.Popen(command, **options)


def run(command: Sequence[str], *, timeout: float = 120.0, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Its output and its exit status. If it hangs, it is killed, and the test fails."""
    with start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


async def reachable(port: int, process: "subprocess.Popen[Any]") -> None:
    """Wait until ``process`` listens on ``port``. A test fails if it ends before that."""
    for _ in range(600):
        assert process.poll() is None, "the server has ended"
        try:
            await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
        except OSError:
            await anyio.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not listen")
