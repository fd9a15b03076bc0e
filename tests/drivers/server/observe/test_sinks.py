"""Files of records: whole lines, also after a rotation and after a disk that was full."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from tests.rigs.ended_events import exchange_ended

from aigw_drivers.server.observe import sinks
from aigw_drivers.server.observe.rows import Row, exchange_row
from aigw_drivers.server.observe.sinks import FileSink, StdoutSink


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
