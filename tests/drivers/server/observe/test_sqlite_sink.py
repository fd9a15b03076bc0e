"""A database of records."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
from tests.rigs.ended_events import attempt_events, exchange_ended, session_ended

from aigw_drivers.server.observe.rows import Row, exchange_row, session_row
from aigw_drivers.server.observe.sqlite_sink import COLUMNS, FIRST_CONTENT, SqliteSink


def row(number: int) -> Row:
    return exchange_row(exchange_ended(number), attempt_events(number))


def select(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def test_a_row_has_a_column_for_each_field(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    sink = SqliteSink(str(path))
    sink.write([row(0), session_row(session_ended(1))])
    sink.close()
    columns = [name for _, name, *_ in select(path, "PRAGMA table_info(records)")]
    assert set(columns) == {"number", FIRST_CONTENT, *Row.__struct_fields__}
    found = select(
        path, "SELECT kind, success, tokens_in, duration, close_code, json_extract(attempts, '$[0].error') FROM records"
    )
    assert found == [
        ("exchange", 1, 10, 1500.0, None, "connection_lost: reset"),
        ("realtime", 1, 100, 60_000.0, 1000, None),
    ]
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


def test_a_row_that_is_written_twice_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    for _ in range(2):
        sink = SqliteSink(str(path))
        sink.write([row(0), row(0), row(1)])
        sink.close()
    assert select(path, "SELECT event_id FROM records ORDER BY number") == [("e0",), ("e1",)]


def test_the_newest_rows_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    sink = SqliteSink(str(path), most=3)
    for start in range(0, 10, 2):
        sink.write([row(start), row(start + 1)])
    sink.close()
    assert select(path, "SELECT event_id FROM records ORDER BY number") == [("e7",), ("e8",), ("e9",)]


def test_the_database_of_an_older_version_gets_the_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, provider TEXT)")
        db.execute("INSERT INTO records (id, provider) VALUES ('old', 'grok')")
        db.commit()
    sink = SqliteSink(str(path))
    sink.write([row(0)])
    sink.close()
    assert select(path, "SELECT provider, model FROM records ORDER BY number") == [("grok", None), ("openai", "gpt-5")]
    assert len(select(path, "PRAGMA table_info(records)")) == len(COLUMNS) + 2


def test_two_processes_may_write(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    first, second = SqliteSink(str(path)), SqliteSink(str(path))
    first.write([row(0)])
    second.write([row(1)])
    first.write([row(2)])
    assert select(path, "SELECT count(*) FROM records") == [(3,)]
    first.close()
    second.close()


def test_nothing_of_a_call_that_fails_is_there(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    sink = SqliteSink(str(path))
    bad = msgspec.structs.replace(row(1), metadata={"x": object()})  # type: ignore[dict-item]  # it is no JSON
    with pytest.raises(TypeError):
        sink.write([row(0), bad])
    sink.write([row(2)])
    sink.close()
    assert select(path, "SELECT event_id FROM records") == [("e2",)]


def test_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"no database at all, but a text that is long enough")
    with pytest.raises(OSError, match="not a database"):
        SqliteSink(str(path))


def test_a_value_that_sqlite_cannot_keep_leaves_no_transaction_open(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    sink, other = SqliteSink(str(path)), SqliteSink(str(path))
    bad = msgspec.structs.replace(row(1), tokens_in=1 << 70)
    with pytest.raises(OverflowError):
        sink.write([row(0), bad])
    other.write([row(2)])
    sink.write([row(3)])
    sink.close()
    other.close()
    assert select(path, "SELECT event_id FROM records") == [("e2",), ("e3",)]


def test_workers_that_open_an_older_database_at_once(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, provider TEXT)")
            db.commit()
        start = Barrier(4)

        def open_it(path: Path = path, start: Barrier = start) -> None:
            start.wait(60)
            SqliteSink(str(path)).close()

        with ThreadPoolExecutor(4) as workers:
            for opened in [workers.submit(open_it) for _ in range(4)]:
                opened.result(60)
        assert len(select(path, "PRAGMA table_info(records)")) == len(COLUMNS) + 2
