"""The table ``[records]`` of the settings: where records go, and how many may wait.

Decides: how a place is written, and its bounds. Must not know: what a record tells.
"""

from collections.abc import Callable
from os.path import dirname, join
from typing import Final

import msgspec

from aigw_sansio.checks import Check

from ..toml_values import Table, ValueReader
from .otlp import Exporters, LogSink
from .sinks import FileSink, Sink, StdoutSink

_PLACE: Final = r"stdout|otel|(?:file|sqlite):.+"
_ALLOWED: Final = "is no place for records; allowed are 'stdout', 'file:PATH', 'sqlite:PATH' and 'otel'"
#: The keys of its table.
RECORD_KEYS: Final = ("to", "queue_rows", "sqlite_rows")


class PlaceError(OSError):
    """A place for records cannot be opened. The text names it."""


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where records go: ``stdout``, ``file:PATH``, ``sqlite:PATH``, ``otel``; nowhere, if there is none.

    ``queue_rows``: so many may wait to be written; more are lost. ``sqlite_rows``: a database keeps so many, the
    newest; ``None``: all.
    """

    to: tuple[str, ...] = ()
    queue_rows: int = 10_000
    sqlite_rows: int | None = None

    def __post_init__(self) -> None:
        check = Check(self, "records")
        check.form("to", _PLACE, _ALLOWED)
        check.ranges({"queue_rows": (1, 10_000_000), "sqlite_rows": (1, 1 << 40)})
        check.done()


def read_records(reader: ValueReader, document: Table, built: Callable[..., RecordSettings]) -> RecordSettings:
    """The table ``[records]`` of ``document``. Paths are relative to the folder of the settings file. ``built`` makes
    the settings and tells the errors."""
    table = reader.table("records", document)
    reader.known("records", table, RECORD_KEYS)
    found: Table = {}
    if "to" in table:
        items = [table["to"]] if isinstance(table["to"], str) else table["to"]
        if (places := reader.strings("records.to", items)) is not None:
            found["to"] = [_absolute(place, dirname(reader.file)) for place in places]
    for name in ("queue_rows", "sqlite_rows"):
        if name == "sqlite_rows" and table.get(name) == "none":
            found[name] = None
        elif name in table and (number := reader.number(f"records.{name}", table[name], whole=True)) is not None:
            found[name] = number
    return built("records", RecordSettings, **found)


def open_sinks(settings: RecordSettings, exporters: Exporters | None = None) -> list[Sink]:
    """The places of ``settings``, opened; ``otel`` is that of ``exporters``. Raises :class:`PlaceError`."""
    from .sqlite_sink import SqliteSink  # SQLite is loaded only by who keeps records

    sinks: list[Sink] = []
    for place in settings.to:
        try:
            kind, _, path = place.partition(":")
            if kind == "stdout":
                sinks.append(StdoutSink())
            elif kind == "otel":
                if exporters is None:
                    raise OSError("write endpoint under [otel]")
                sinks.append(LogSink(exporters))
            elif kind == "file":
                sinks.append(FileSink(path))
            else:
                sinks.append(SqliteSink(path, settings.sqlite_rows))
        except OSError as error:
            for sink in sinks:
                sink.close()
            raise PlaceError(f"records.to ({place}) cannot be written: {error.strerror or error}") from None
    return sinks


def _absolute(place: str, folder: str) -> str:
    kind, colon, path = place.partition(":")
    return f"{kind}:{join(folder, path)}" if colon else place
