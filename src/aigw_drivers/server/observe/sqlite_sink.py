"""Rows in an SQLite database, in the table ``records``.

Decides: columns, the index, how durable a row is, and which rows go if there are too many. Must not know: who writes
rows, and when.

A column for each field of a row; what has parts is JSON text. ``id`` is unique, so a row that is written twice is there
once; it is a UUIDv7, so its index is one of time as well. What most questions are about stands in an index by time, a
tenth of a row long, so a sum over a day reads no rows. The journal is a write-ahead log: a crash of the process
loses nothing that was written, one of the machine may lose the last rows. Many processes may write, in turn.
"""

import os
import sqlite3
import time
from collections.abc import Sequence
from typing import Final, Literal, get_args, get_origin

import msgspec

from .rows import Row
from .sinks import MODE

#: How long another process may keep the database.
_BUSY_S: Final = 10.0
_TRY_AGAIN_S: Final = 0.02
_TYPES: Final[dict[object, str]] = {bool: "INTEGER", int: "INTEGER", float: "REAL", str: "TEXT"}


def _plain(hint: object) -> object:
    """The type of a field, without ``None``; of words from a list it is text."""
    if get_origin(hint) is Literal:
        return str
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and get_origin(hint) is not list else hint


_FIELDS: Final = [(field.name, _plain(field.type)) for field in msgspec.structs.fields(Row)]
#: Each field of a row and its SQL type; JSON stands in columns of the type ``TEXT``.
COLUMNS: Final = {name: _TYPES.get(kind, "TEXT") for name, kind in _FIELDS}
#: Those that are JSON.
JSON_COLUMNS: Final = frozenset(name for name, kind in _FIELDS if kind not in _TYPES)
_JSON_PLACES: Final = tuple(index for index, (_, kind) in enumerate(_FIELDS) if kind not in _TYPES)
#: The index by time, and what it has: enough for sums and for finding rows. A database that began without it has none.
INDEX: Final = "records_by_time"
INDEXED: Final = (
    "created_at", "account", "gateway", "provider", "model", "success", "cached", "tokens_in", "tokens_out", "cost",
    "duration",
)  # fmt: skip
#: The time to the first content once more, in a column of its own: so it can stand in the index, too. Of rows that an
#: older version wrote it is not there.
FIRST_CONTENT: Final = "first_content"
_NAMES: Final = (*COLUMNS, FIRST_CONTENT)
_INSERT: Final = (
    f"INSERT OR IGNORE INTO records ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # names of fields
)


class SqliteSink:
    """A database file. ``most``: so many rows are kept, the newest; ``None``: all."""

    def __init__(self, path: str, most: int | None = None) -> None:
        """Opens the database, which need not exist. Raises ``OSError`` if that is not possible."""
        self.name = path
        self._most = most
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, MODE))  # SQLite would let everybody read it
        self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise OSError(f"{path}: {error}") from error

    def _prepare(self) -> None:
        self._use_write_ahead_log()
        self._db.execute("PRAGMA synchronous = NORMAL")
        wanted = {**COLUMNS, FIRST_CONTENT: "REAL"}
        columns = ", ".join(f"{name} {kind}" for name, kind in wanted.items() if name != "id")
        # One transaction: between the look and the change another worker would add the same column.
        self._db.execute("BEGIN IMMEDIATE")
        there = {row[1] for row in self._db.execute("PRAGMA table_info(records)")}
        if not there:  # later it would keep the server from starting for minutes
            there = set(wanted)
            self._db.execute(f"CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {columns})")
            self._db.execute(f"CREATE INDEX {INDEX} ON records ({', '.join((*INDEXED, FIRST_CONTENT))})")
        for name, kind in wanted.items():  # an older version had fewer
            if name not in there:
                self._db.execute(f"ALTER TABLE records ADD COLUMN {name} {kind}")
        self._db.execute("COMMIT")

    def _use_write_ahead_log(self) -> None:
        """SQLite does not wait for another process that changes the journal at the same time: it only fails."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                time.sleep(_TRY_AGAIN_S)
            else:
                return

    def write(self, rows: Sequence[Row]) -> None:
        """See :meth:`.Sink.write`. Another error is one of a value that SQLite cannot keep, such as an integer of more
        than 64 bits."""
        values = [_values(row) for row in rows]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(_INSERT, values)
            if self._most is not None:
                self._db.execute(
                    "DELETE FROM records WHERE number <= (SELECT max(number) FROM records) - ?", (self._most,)
                )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise OSError(str(error)) from error
        finally:
            if self._db.in_transaction:  # whatever the error was: an open transaction would keep all other writers out
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """See :meth:`.Sink.close`."""
        self._db.close()


def _values(row: Row) -> list[object]:
    values: list[object] = list(msgspec.structs.astuple(row))
    for index in _JSON_PLACES:
        values[index] = msgspec.json.encode(values[index]).decode() if values[index] else None
    values.append(row.timings.first_content)
    return values
