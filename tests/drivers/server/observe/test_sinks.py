"""Files of records: whole lines, also after a rotation and after a disk that was full."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.rigs.ended_events import exchange_ended

from aigw_drivers.server.observe import sinks
from aigw_drivers.server.observe.rows import Row, exchange_row
from aigw_drivers.server.observe.sinks import PIPE_BUF, FileSink, StdoutSink


def row(number: int) -> Row:
    return exchange_row(exchange_ended(number), [])


def events_of(path: Path) -> list[str | None]:
    return [msgspec.json.decode(line, type=Row).event_id for line in path.read_bytes().splitlines()]


def test_rows_are_lines_behind_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for numbers in ([0, 1], [2]):
        sink = FileSink(str(path))
        sink.write([row(number) for number in numbers])
        sink.close()
    assert events_of(path) == ["e0", "e1", "e2"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_file_that_was_rotated_is_made_anew(tmp_path: Path, how: str) -> None:
    path, old = tmp_path / "records.jsonl", tmp_path / "records.jsonl.1"
    sink = FileSink(str(path))
    sink.write([row(0)])
    if how == "removed":
        path.unlink()
    else:
        path.rename(old)
    if how == "replaced":
        path.touch()
    sink.write([row(1)])
    sink.write([row(2)])
    sink.close()
    assert events_of(path) == ["e1", "e2"]
    if how != "removed":
        assert events_of(old) == ["e0"]


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.jsonl"
    sink = FileSink(str(path))
    sink.write([row(0)])
    write = os.write
    calls = iter([10, None])

    def full(file: int, data: memoryview) -> int:
        most = next(calls)
        if most is None:
            raise OSError(28, "No space left on device")
        return write(file, data[:most])

    with monkeypatch.context() as patch:
        patch.setattr(sinks.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            sink.write([row(1)])
    sink.write([row(2)])
    sink.close()
    first, torn, last = path.read_bytes().splitlines()
    assert len(torn) == 10
    assert [msgspec.json.decode(line, type=Row).event_id for line in (first, last)] == ["e0", "e2"]


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-folder"):
        FileSink(str(tmp_path / "no-folder" / "records.jsonl"))


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    sink = StdoutSink()
    sink.write([row(0), row(1)])
    sink.close()
    lines = capfd.readouterr().out.splitlines()
    assert [msgspec.json.decode(line, type=Row).event_id for line in lines] == ["e0", "e1"]


WORKERS = """
import os
from aigw_drivers.server.observe.rows import exchange_row
from aigw_drivers.server.observe.sinks import StdoutSink
from tests.rigs.ended_events import exchange_ended
import msgspec

os.set_blocking(1, BLOCKING)
for worker in range(4):
    if os.fork() == 0:
        sink = StdoutSink()
        row = exchange_row(exchange_ended(), [])
        for batch in range(20):
            sink.write(
                [
                    msgspec.structs.replace(row, event_id=f"{worker}.{batch}.{n}", request_head=str(n) * (n * 400))
                    for n in range(30)
                ]
            )
        os._exit(0)
for worker in range(4):
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forks")
@pytest.mark.parametrize("blocking", [True, False])
def test_lines_of_several_workers_stay_whole(blocking: bool) -> None:
    """Long lines too, and batches far longer than a pipe holds."""
    code = WORKERS.replace("BLOCKING", str(blocking))
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, timeout=300)
    names = [msgspec.json.decode(line, type=Row).event_id for line in done.stdout.splitlines()]
    assert sorted(names, key=str) == sorted(f"{w}.{b}.{n}" for w in range(4) for b in range(20) for n in range(30))


def test_short_lines_are_written_in_one_piece_each(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If there is no lock, and if a writer is killed, lines that a pipe takes at once stay whole."""
    write, pieces = os.write, list[bytes]()

    def keep(file: int, data: memoryview) -> int:
        pieces.append(bytes(data))
        return write(file, data)

    def no_lock(file: int, how: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks for pipes")

    monkeypatch.setattr(sinks.os, "write", keep)
    monkeypatch.setattr("fcntl.lockf", no_lock)
    long = msgspec.structs.replace(row(50), request_head="x" * (3 * PIPE_BUF))
    StdoutSink().write([*(row(number) for number in range(50)), long, row(51)])
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert [piece.count(b"\n") for piece in pieces if len(piece) > PIPE_BUF] == [1]
    assert len(pieces) < 50
    lines = capfd.readouterr().out.splitlines()
    assert [msgspec.json.decode(line, type=Row).event_id for line in lines] == [f"e{number}" for number in range(52)]
