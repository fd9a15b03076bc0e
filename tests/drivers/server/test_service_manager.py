"""What the environment says of the service manager, and what that is told."""

import os
import socket
from pathlib import Path

import pytest

from aigw_drivers.server.service_manager import ServiceManager

OWN = str(os.getpid())


def test_without_one_nothing_is_told_and_nothing_was_passed() -> None:
    manager = ServiceManager({})
    manager.ready()
    assert manager.watchdog_s is None
    assert manager.passed_sockets() == []


@pytest.mark.parametrize("abstract", [False, True])
def test_what_it_is_told(abstract: bool, tmp_path: Path) -> None:
    path = f"@aigw-test-{OWN}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path.replace("@", "\0"))
        manager = ServiceManager({"NOTIFY_SOCKET": path})
        for tell in (manager.ready, manager.reloading, manager.alive, manager.stopping):
            tell()
        told = [sock.recv(1000).decode() for _ in range(4)]
    state, _, since = told[1].partition("\n")
    assert [told[0], state, *told[2:]] == ["READY=1", "RELOADING=1", "WATCHDOG=1", "STOPPING=1"]
    assert since.startswith("MONOTONIC_USEC=")


def test_one_that_is_gone_is_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert "cannot tell the service manager READY=1: " in caplog.text


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": OWN}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_watchdog_of_this_process(environ: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager(environ).watchdog_s == seconds
    assert environ == {}  # nothing is passed on to processes that are started


def test_sockets_for_another_process_are_not_taken() -> None:
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a:b", "OTHER": "kept"}
    assert ServiceManager(environ).passed_sockets() == []
    assert environ == {"OTHER": "kept"}


@pytest.mark.parametrize("name", ["LISTEN_FDS", "WATCHDOG_USEC"])
def test_what_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match="many"):
        ServiceManager({name: "many"})
