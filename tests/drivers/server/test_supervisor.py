"""The supervisor, with toys for workers, in processes of their own."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.rigs.supervised import Supervised, ask, started, supervised

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")


def pids_asked(supervisor: Supervised, count: int) -> set[int]:
    """The processes that answer clients, until ``count`` of them have."""
    found: set[int] = set()
    for _ in range(5000):
        found.add(ask(supervisor.port)[1])
        if len(found) == count:
            return found
    raise AssertionError(f"only {found} answer")


def test_it_has_as_many_children_as_workers_and_each_of_them_gets_clients() -> None:
    with supervised("toy", "serve", "3") as supervisor:
        workers = supervisor.workers
        assert len(workers) == 3
        assert pids_asked(supervisor, 3) == set(workers)
        assert supervisor.end(signal.SIGTERM) == 0
    with pytest.raises(ConnectionRefusedError):
        ask(supervisor.port)


def test_a_worker_that_is_killed_is_replaced_and_serves_those_who_wait() -> None:
    """No client is turned away, though a fourth of them comes while their worker is dead."""
    with supervised("toy", "serve", "4") as supervisor:
        time.sleep(1.1)  # it has lived for a while
        number, victim = ask(supervisor.port)
        os.kill(victim, signal.SIGKILL)
        for _ in range(200):
            assert ask(supervisor.port)[1] != victim
        workers = supervisor.until(4, without=victim)
        assert pids_asked(supervisor, 4) == set(workers)
        assert supervisor.line(with_text="told of the end") == f"told of the end of worker {number}\n"
        assert "was ended by signal 9" in supervisor.line(with_text="signal")
        assert supervisor.end(signal.SIGINT) == 0


def test_workers_that_die_at_once_are_started_again_after_longer_and_longer_pauses() -> None:
    with supervised("toy", "quick", "1") as supervisor:
        pauses = [supervisor.line(with_text="is started again in").split()[-2] for _ in range(3)]
        assert pauses == ["0.5", "1", "2"]
        assert supervisor.workers == []
        assert supervisor.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("mode", ["never", "wrong"])
def test_it_gives_up_if_a_worker_cannot_start(mode: str) -> None:
    with started("toy", mode, "2") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "not all workers have started: giving up" in output
    assert ("RuntimeError: a bug" in output) is (mode == "wrong")


def test_a_second_signal_stops_at_once_and_what_does_not_stop_is_killed() -> None:
    with supervised("toy", "deaf", "2") as supervisor:
        workers = supervisor.workers
        supervisor.process.send_signal(signal.SIGTERM)
        supervisor.line(with_text="draining")
        assert supervisor.end(signal.SIGTERM) == 1
        assert "does not stop" in supervisor.line(with_text="killed")
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_signal_of_the_terminal_is_for_the_supervisor_alone() -> None:
    """Ctrl-C goes to all processes: the workers are told once, by the supervisor."""
    with supervised("toy", "serve", "2") as supervisor:
        workers = supervisor.workers
        for pid in workers:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGHUP)
        assert pids_asked(supervisor, 2) == set(workers)
        assert supervisor.end(signal.SIGINT) == 0


def test_workers_notice_that_the_supervisor_was_killed() -> None:
    with supervised("toy", "serve", "2") as supervisor:
        workers = supervisor.workers
        supervisor.process.kill()
        supervisor.process.wait()
        for _ in range(12000):
            if not any(Path(f"/proc/{pid}").exists() for pid in workers):
                break
            time.sleep(0.01)
        else:
            raise AssertionError("workers live on")


def test_the_service_manager_is_told_and_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(120)
        with supervised("toy", "silent", "2", NOTIFY_SOCKET=path, WATCHDOG_USEC="2000000") as supervisor:
            told = [manager.recv(1000) for _ in range(3)]
            assert b"READY=1" in told
            assert b"WATCHDOG=1" in told
            before = supervisor.workers
            assert "worker 1 (process" in supervisor.line(with_text="has not been heard of for 2 s")
            supervisor.line(with_text="was ended by signal 9")
            assert len(set(supervisor.until(2)) & set(before)) == 1
            supervisor.process.send_signal(signal.SIGTERM)
            while manager.recv(1000) != b"STOPPING=1":
                pass
            supervisor.process.wait(timeout=120)


@pytest.mark.parametrize(
    ("mode", "kept", "begins_with"),
    [
        ("mixed", "1; the others have the new, and so has each that is started later", "new"),
        ("refuse", "0, 1 and by each that is started later", "old"),
    ],
)
def test_a_later_worker_begins_with_what_others_took(mode: str, kept: str, begins_with: str) -> None:
    with supervised("toy", mode, "2") as supervisor:
        supervisor.process.send_signal(signal.SIGHUP)
        assert supervisor.line(with_text="are kept").endswith(f"are kept by workers {kept}\n")
        os.kill(supervisor.workers[0], signal.SIGKILL)
        assert supervisor.line(with_text="worker 0 begins").split()[-1] == begins_with
        assert supervisor.end(signal.SIGTERM) == 0


def test_a_worker_that_is_started_before_all_have_answered_is_told_too() -> None:
    """One hangs. When it is gone the others have answered, so that what they took is in force."""
    with supervised("toy", "hang", "2") as supervisor:
        hangs, answers = supervisor.workers
        supervisor.process.send_signal(signal.SIGHUP)
        supervisor.line(with_text="worker 1 is told new")
        os.kill(answers, signal.SIGKILL)
        assert supervisor.line(with_text="worker 1 begins").split()[-1] == "old"
        supervisor.line(with_text="worker 1 is told new")
        os.kill(hangs, signal.SIGKILL)
        assert supervisor.line(with_text="worker 0 begins").split()[-1] == "new"
        assert supervisor.end(signal.SIGTERM) == 0
