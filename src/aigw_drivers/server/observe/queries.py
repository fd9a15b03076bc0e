"""Reads records again: filters them, takes the last ones, sums them up.

Decides: how a condition is written, what it means for each kind of field, and what a sum has. Must not know: how rows
were written, beside their form in a file and in a database.

Lines that are no record are counted and left out. A database does the work itself; a file is read once, from the front.
"""

import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, BinaryIO, Final, TypeAlias
from urllib.parse import quote

import msgspec

from aigw_sansio.quoting import key_text, suggestion

from .quantiles import Quantiles
from .rows import Row
from .sqlite_sink import COLUMNS, FIRST_CONTENT, INDEX, INDEXED, JSON_COLUMNS

Value: TypeAlias = str | int | float | bool | None
#: Fields that a condition may name, and those of ``metadata``.
FIELDS: Final = tuple(name for name in COLUMNS if name not in JSON_COLUMNS)
_BOOLS: Final = frozenset(f.name for f in msgspec.structs.fields(Row) if f.type is bool)
_METADATA: Final = "metadata."
_CONDITION: Final = re.compile(r"([A-Za-z0-9_.:-]+?)(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<": lt, ">": gt, "<=": le, ">=": ge,
}  # fmt: skip
_NUMBERS: Final = frozenset(name for name, kind in COLUMNS.items() if kind != "TEXT") - _BOOLS
_WORDS: Final[dict[str, Value]] = {"true": True, "false": False}
#: An id is made when a request comes, its exchange may begin later: when the host has answered.
_EARLIER_S: Final = 600.0
#: Rows among which the last ones are looked for, before the index is asked.
_RECENT: Final = 100_000
_SQLITE: Final = b"SQLite format 3\x00"
_decode: Final = msgspec.json.Decoder(Row).decode
_numbers: Final = msgspec.json.Decoder(list[float | None]).decode
_PERCENTS: Final = (50, 95)
_NO_TIMES: Final = "[null,null]"  # an aggregate of no rows is made without us


class QueryError(ValueError):
    """A condition or a field is wrong, or the source holds no records. The text says what is allowed."""


class Condition(msgspec.Struct, frozen=True):
    """``field`` is compared with ``value`` by ``operator``: one of ``= != < > <= >=``, and ``~``, which means that the
    field's text contains the value, whatever its case."""

    field: str
    operator: str
    value: Value


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What records have in common, and what they add up to. Times are milliseconds. Percentiles are within 0.2 %, of
    few records exact; those of the first content are of the records that tell it, ``None`` if none does."""

    group: tuple[Value, ...]
    records: int
    failed: int
    cached: int
    tokens_in: int
    tokens_out: int
    cost: float
    mean_duration: float
    longest_duration: float
    duration_p50: float | None
    duration_p95: float | None
    first_content_p50: float | None
    first_content_p95: float | None


class Found(msgspec.Struct):
    """The rows or sums that were found. ``unreadable``: lines that are no record; ``readable``: those that are. Both
    are 0 of a database, which has no lines."""

    rows: list[Row] = []
    sums: list[Sum] = []
    unreadable: int = 0
    readable: int = 0


def read_condition(text: str) -> Condition:
    """A condition as a person writes it: ``provider=openai``, ``duration>1000``, ``metadata.team=blue``. Raises
    :class:`QueryError`."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise QueryError(
            f"{key_text(text)} is no condition; allowed is FIELD=VALUE, with = != < > <= >= or ~ (contains)"
        )
    field, operator, value = found[1], found[2], found[3]
    return Condition(check_field(field), operator, value if operator == "~" else _value(field, value))


def check_field(name: str) -> str:
    """``name``, if it is one of a row's. Raises :class:`QueryError`."""
    if name not in FIELDS and not (name.startswith(_METADATA) and len(name) > len(_METADATA)):
        raise QueryError(
            f"{key_text(name)} is no field{suggestion(name, FIELDS)}; allowed are {', '.join(FIELDS)} and metadata.NAME"
        )
    return name


def query(
    source: str | BinaryIO, conditions: Sequence[Condition], *, last: int | None = None, by: Sequence[str] | None = None
) -> Found:
    """The records of ``source`` that meet all ``conditions``, in the order in which they were written. ``source`` is
    the path of a file or a database, or an open file with lines.

    ``last``: only so many, the newest. ``by``: sums instead of rows, one for each value of these fields, the greatest
    number first; none of them: one sum. Raises :class:`QueryError` and ``OSError``.
    """
    if not isinstance(source, str):
        return _query_lines(source, conditions, last, by)
    with open(source, "rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            file.seek(0)
            return _query_lines(file, conditions, last, by)
    try:
        with closing(sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True)) as db:
            return _query_database(db, conditions, last, by)
    except (sqlite3.Error, QueryError) as error:
        raise QueryError(f"{source} is no database of records: {error}") from None


def _value(field: str, text: str) -> Value:
    """The value that ``text`` means for ``field``. Without text: none."""
    if not text:
        return None
    if field in _BOOLS:
        if text not in _WORDS:
            raise QueryError(f"{field} is true or false; allowed are {field}=true and {field}=false")
        return _WORDS[text]
    if field in _NUMBERS or field.startswith(_METADATA):
        number = _number(text)
        if number is not None:
            return number
        if field in _NUMBERS:
            raise QueryError(f"{field} is a number; allowed is {field}>100, for example")
        return _WORDS.get(text, text)
    return text


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None


# -- lines ------------------------------------------------------------------------------------------------------------


def _query_lines(
    lines: Iterable[bytes], conditions: Sequence[Condition], last: int | None, by: Sequence[str] | None
) -> Found:
    found = Found()
    rows = _matching(lines, conditions, found)
    if by is not None:
        found.sums = _sums(rows, by)
    else:
        found.rows = list(rows if last is None else deque(rows, maxlen=last))
    return found


def _matching(lines: Iterable[bytes], conditions: Sequence[Condition], found: Found) -> Iterator[Row]:
    for line in lines:
        try:
            row = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found.unreadable += bool(line.strip())
            continue
        found.readable += 1
        if all(_meets(row, condition) for condition in conditions):
            yield row


def _meets(row: Row, condition: Condition) -> bool:
    value = field_of(row, condition.field)
    if condition.operator == "~":
        return value is not None and str(condition.value).lower() in str(value).lower()
    wanted = condition.value
    if value is None or wanted is None:
        return _COMPARE[condition.operator](value, wanted) if condition.operator in ("=", "!=") else False
    if isinstance(value, str) is not isinstance(wanted, str):
        return condition.operator == "!="
    return _COMPARE[condition.operator](value, wanted)


def field_of(row: Row, name: str) -> Value:
    """The value of a field, or of ``metadata.NAME``."""
    if name.startswith(_METADATA):
        return row.metadata.get(name[len(_METADATA) :])
    value: Value = getattr(row, name)
    return value


def _sums(rows: Iterable[Row], by: Sequence[str]) -> list[Sum]:
    groups: dict[tuple[Value, ...], tuple[list[float], Quantiles, Quantiles]] = {}
    for row in rows:
        group = tuple(field_of(row, name) for name in by)
        found = groups.get(group)
        if found is None:
            found = groups[group] = ([0, 0, 0, 0, 0, 0.0, 0.0, 0.0], Quantiles(), Quantiles())
        total, durations, firsts = found
        durations.add(row.duration)
        firsts.add(row.timings.first_content)
        total[0] += 1
        total[1] += not row.success
        total[2] += row.cached
        total[3] += row.tokens_in or 0
        total[4] += row.tokens_out or 0
        total[5] += row.cost or 0.0
        total[6] += row.duration
        total[7] = max(total[7], row.duration)
    sums = [
        _sum(group, total, [*durations.at(*_PERCENTS), *firsts.at(*_PERCENTS)])
        for group, (total, durations, firsts) in groups.items()
    ]
    return sorted(sums, key=lambda one: -one.records)


def _sum(group: tuple[Value, ...], total: Sequence[float], percentiles: Sequence[float | None]) -> Sum:
    count = int(total[0])
    return Sum(
        group=group,
        records=count,
        failed=int(total[1]),
        cached=int(total[2]),
        tokens_in=int(total[3]),
        tokens_out=int(total[4]),
        cost=total[5],
        mean_duration=round(total[6] / count, 3) if count else 0.0,
        longest_duration=total[7],
        duration_p50=percentiles[0],
        duration_p95=percentiles[1],
        first_content_p50=percentiles[2],
        first_content_p95=percentiles[3],
    )


# -- a database -------------------------------------------------------------------------------------------------------

_SUMS: Final = (
    "count(*), total(success = 0), total(cached), total(tokens_in), total(tokens_out), total(cost), total(duration), "
    "coalesce(max(duration), 0), percentiles(duration)"
)


class _Percentiles:
    """An aggregate of SQL: its value is JSON."""

    def __init__(self) -> None:
        self._found = Quantiles()

    def step(self, value: float | None, /) -> None:
        self._found.add(value)

    def finalize(self) -> str:
        return msgspec.json.encode(self._found.at(*_PERCENTS)).decode()


def _query_database(
    db: sqlite3.Connection, conditions: Sequence[Condition], last: int | None, by: Sequence[str] | None
) -> Found:
    has_index = bool([row for row in db.execute("PRAGMA index_list(records)") if row[1] == INDEX])
    names = {row[1] for row in db.execute("PRAGMA table_info(records)")}
    if not names:
        raise QueryError("it has no table of records")
    where, values = _where(conditions, has_index=has_index)
    if by is not None:
        keys = [_column(name) for name in by]
        grouped = f" GROUP BY {', '.join(str(index + 1) for index in range(len(keys)))}" if keys else ""
        named = [value for _, parameters in keys for value in parameters]
        first = FIRST_CONTENT if FIRST_CONTENT in names else "json_extract(timings, '$.first_content')"
        columns = ", ".join([*(sql for sql, _ in keys), _SUMS, f"percentiles({first})"])
        db.create_aggregate("percentiles", 1, _Percentiles)  # type: ignore[arg-type]  # typeshed knows only of numbers
        rows = db.execute(f"SELECT {columns} FROM records{where}{grouped}", [*named, *values])
        sums = [
            _sum(
                _group(by, row),
                row[len(by) : -2],
                [number for text in row[-2:] for number in _numbers(text or _NO_TIMES)],
            )
            for row in rows
        ]
        return Found(sums=sorted((one for one in sums if one.records), key=lambda one: -one.records))
    columns_there = [name for name in COLUMNS if name in names]  # an older version had fewer
    select = f"SELECT {', '.join(columns_there)} FROM records"
    if last is None:
        return Found(rows=[_row(columns_there, row) for row in db.execute(f"{select}{where} ORDER BY number", values)])
    newest = f" ORDER BY number DESC LIMIT {int(last)}"
    if has_index and conditions and all(one.field in INDEXED for one in conditions):
        recent = f"{where} AND number > (SELECT max(number) FROM records) - {_RECENT}"
        found = db.execute(f"{select}{recent}{newest}", values).fetchall()
        if len(found) < last:  # they are rare, or old: the index is shorter than the rows. A + keeps SQLite to it
            numbers = f"SELECT number FROM records INDEXED BY {INDEX}{where} ORDER BY +number DESC LIMIT {int(last)}"
            found = db.execute(f"{select} WHERE number IN ({numbers}){newest}", values).fetchall()
    else:
        found = db.execute(f"{select}{where}{newest}", values).fetchall()
    return Found(rows=[_row(columns_there, row) for row in reversed(found)])


def _group(by: Sequence[str], row: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(bool(value) if name in _BOOLS and value is not None else value for name, value in zip(by, row))


def _row(names: Sequence[str], values: Sequence[Value]) -> Row:
    found: dict[str, object] = {}
    for name, value in zip(names, values, strict=True):
        if name in JSON_COLUMNS:
            if value is not None:
                found[name] = msgspec.json.decode(str(value))
        else:
            found[name] = bool(value) if name in _BOOLS else value
    return msgspec.convert(found, Row)


def _where(conditions: Sequence[Condition], *, has_index: bool) -> tuple[str, list[Value]]:
    parts: list[str] = []
    values: list[Value] = []
    for condition in conditions:
        column, parameters = _column(condition.field)
        value = condition.value
        operator = condition.operator
        if operator == "~":
            parts.append(f"instr(lower({column}), lower(?)) > 0")
        elif operator in ("=", "!="):
            parts.append(f"{column} {'IS' if operator == '=' else 'IS NOT'} ?")
        else:
            if condition.field.startswith(_METADATA):  # SQL holds any text to be more than any number
                parts.append(f"typeof({column}) {'=' if isinstance(value, str) else '!='} 'text'")
                values += parameters
            parts.append(f"{column} {operator} ?")
        values += [*parameters, int(value) if isinstance(value, bool) else value]
        if not has_index and condition.field == "created_at" and operator in (">", ">=") and isinstance(value, str):
            parts.append("id >= ?")  # ids begin with the time: their index finds the first row at once
            values.append(_first_id(value))
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def _column(name: str) -> tuple[str, list[Value]]:
    """The SQL for a field, and its parameters. The name of a field is one of :data:`FIELDS`."""
    if name.startswith(_METADATA):
        key = name[len(_METADATA) :].replace('"', "")
        return "json_extract(metadata, ?)", [f'$."{key}"']
    return name, []


def _first_id(created_at: str) -> str:
    """The lowest id that a record of this time or later can have; of every time, if ``created_at`` is no time."""
    try:
        found = datetime.fromisoformat(created_at)
    except ValueError:
        return ""
    unix_s = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() - _EARLIER_S
    digits = f"{max(0, int(unix_s * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}"
