"""Records are read again: a file and a database say the same."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.ended_events import BROKEN, exchange_ended, session_ended

from aigw_drivers.server.observe import queries
from aigw_drivers.server.observe.queries import Condition, QueryError, Sum, query, read_condition
from aigw_drivers.server.observe.rows import exchange_row, session_row
from aigw_drivers.server.observe.sinks import FileSink
from aigw_drivers.server.observe.sqlite_sink import INDEX, SqliteSink
from aigw_sansio import RecordOptions

ROWS = [
    exchange_row(exchange_ended(0), []),
    exchange_row(
        exchange_ended(60, provider="anthropic", request_model="claude", principal=None, how="error", status=529,
                       fault=BROKEN, usage=None, duration_s=4.0), []),
    exchange_row(
        exchange_ended(120, cost=0.25, record=RecordOptions(metadata={"team": "Blue", "n": 7, "yes": True})), []),
    session_row(session_ended(3600, cost=1.5)),
]  # fmt: skip


@pytest.fixture(params=["file", "database", "long database", "older database"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A long database has more rows than are looked at first, an older one no index by time."""
    path = str(tmp_path / "records")
    sink = FileSink(path) if request.param == "file" else SqliteSink(path)
    sink.write(ROWS)
    sink.close()
    if request.param == "older database":
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"DROP INDEX {INDEX}")
            db.execute("ALTER TABLE records DROP COLUMN first_content")
    if request.param == "long database":
        monkeypatch.setattr(queries, "_RECENT", 1)
    return path


def test_all_rows_come_back_as_they_were(source: str) -> None:
    assert query(source, []).rows == ROWS
    assert query(source, [], last=2).rows == ROWS[2:]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("provider=openai", [0, 2, 3]),
        ("provider!=openai", [1]),
        ("model~CLA", [1]),
        ("status_code>=500", [1]),
        ("status_code<200", [3]),
        ("duration>1500", [1, 3]),
        ("duration<=1500", [0, 2]),
        ("success=false", [1]),
        ("success!=false", [0, 2, 3]),
        ("principal=", [1, 3]),
        ("principal!=", [0, 2]),
        ("error=connection_lost", [1]),
        ("cost>0.3", [3]),
        ("tokens_in>1", [0, 2, 3]),
        ("created_at>2026-01-01T00:01", [1, 2, 3]),
        ("created_at<2026-01-01T00:01", [0]),
        ("created_at>=yesterday", []),
        ("metadata.team=Blue", [2]),
        ("metadata.team~blue", [2]),
        ("metadata.n>6", [2]),
        ("metadata.n>7", []),
        ("metadata.team>6", []),
        ("metadata.yes=true", [2]),
        ("metadata.none=1", []),
        ("event_id=e0", [0]),
        ("kind=realtime", [3]),
    ],
)
def test_a_condition(source: str, text: str, numbers: list[int]) -> None:
    assert query(source, [read_condition(text)]).rows == [ROWS[number] for number in numbers]
    assert query(source, [read_condition(text)], last=1).rows == [ROWS[number] for number in numbers[-1:]]


@pytest.mark.parametrize(
    ("conditions", "options"),
    [
        ([], {"by": ["provider"]}),
        (["created_at>=2026-01-01T00:01", "created_at<2026-01-01T00:30"], {"by": ["model"]}),
        (["provider=openai"], {"by": []}),
        (["created_at>=2026-01-01T00:01", "success=false"], {"last": 3}),
        (["provider=nobody"], {"last": 3}),
    ],
)
def test_sums_and_rare_rows_are_found_without_reading_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditions: list[str], options: dict[str, Any]
) -> None:
    monkeypatch.setattr(queries, "_RECENT", 1)
    path = tmp_path / "records.db"
    sink = SqliteSink(str(path))
    sink.write(ROWS)
    sink.close()
    asked: list[str] = []
    with closing(sqlite3.connect(path)) as db:
        db.set_trace_callback(asked.append)
        queries._query_database(
            db, [read_condition(text) for text in conditions], **{"last": None, "by": None} | options
        )
        db.set_trace_callback(None)
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {asked[-1]}")]
    assert any(f"USING COVERING INDEX {INDEX}" in line for line in plan), plan
    assert "SCAN records" not in plan


def test_all_conditions_must_be_met(source: str) -> None:
    conditions = [Condition("provider", "=", "openai"), Condition("created_at", ">=", "2026-01-01T00:01:00")]
    assert query(source, conditions).rows == ROWS[2:]


def test_sums(source: str) -> None:
    (total,) = query(source, [], by=[]).sums
    assert (total.group, total.records, total.failed, total.cached) == ((), 4, 1, 0)
    assert (total.tokens_in, total.tokens_out, total.cost) == (120, 60, 1.75)
    assert (total.mean_duration, total.longest_duration) == (16_750.0, 60_000.0)
    assert (total.duration_p50, total.duration_p95) == (1500.0, 60_000.0)
    firsts = sorted(row.timings.first_content for row in ROWS if row.timings.first_content is not None)
    assert (total.first_content_p50, total.first_content_p95) == (firsts[(len(firsts) + 1) // 2 - 1], firsts[-1])
    sums = query(source, [], by=["provider", "success"]).sums
    assert [(one.group, one.records) for one in sums] == [(("openai", True), 3), (("anthropic", False), 1)]
    assert {one.group: one.records for one in query(source, [], by=["metadata.team"]).sums} == {
        (None,): 3,
        ("Blue",): 1,
    }
    assert query(source, [Condition("provider", "=", "nobody")], by=[]).sums == []


def test_sums_of_conditions(source: str) -> None:
    (one,) = query(source, [read_condition("metadata.n=7")], by=["metadata.team"]).sums
    assert isinstance(one, Sum)
    assert (one.group, one.records, one.cost) == (("Blue",), 1, 0.25)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("provider", "no condition"),
        ("modle=x", "did you mean"),
        ("attempts=1", "no field"),
        ("metadata.=1", "no field"),
        ("success=maybe", "allowed are success=true and success=false"),
        ("duration>long", "a number"),
    ],
)
def test_a_condition_that_is_none_says_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        read_condition(text)


def test_lines_that_are_no_records_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    sink = FileSink(str(path))
    sink.write(ROWS[:1])
    sink.close()
    with path.open("ab") as file:
        file.write(b'{"id":"cut\n\n[1]\n\xff\xfe\n')
    with path.open("rb") as lines:
        found = query(lines, [])
    assert (found.rows, found.unreadable) == (ROWS[:1], 3)


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    SqliteSink(str(path)).close()
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes(len(data) - 100))
    with pytest.raises(QueryError, match="no database of records"):
        query(str(path), [])


def test_a_database_without_records(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE kept (name TEXT)")
    for options in ({}, {"by": []}, {"last": 3}):
        with pytest.raises(QueryError, match=r"store.db is no database of records: it has no table of records$"):
            query(str(path), [], **options)


def test_quotes_in_names_of_metadata_are_no_sql(source: str) -> None:
    assert query(source, [Condition("metadata.a'\"; DROP TABLE records; --", "=", 1)]).rows == []
    assert len(query(source, []).rows) == len(ROWS)
