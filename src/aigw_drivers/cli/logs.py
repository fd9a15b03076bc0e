"""``aigw logs``: shows, filters and sums the records of a gateway.

Decides: where records are looked for, and how they are shown to a person. Must not know: how they are read
(:mod:`aigw_drivers.server.observe.queries`).
"""

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from ..core.printable import printable
from ..server.observe.queries import Condition, Found, QueryError, Sum, check_field, query, read_condition
from ..server.observe.rows import Row, utc_text
from ..server.settings import SettingsError, load_settings
from .given import unreadable
from .output import Output

_AGO: Final = re.compile(r"([0-9]+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LAST: Final = 20
_WIDEST: Final = 1000


def logs(
    source: Annotated[
        str | None, typer.Argument(help="A file or database of records; - reads standard input. Or use --config.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file: the records are where it says.")
    ] = None,
    *,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", "-w", help="FIELD=VALUE, also with != < > <= >= and ~ (contains); all must be met."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="30s, 15m, 2h, 7d ago, or a time such as 2026-01-31T12:00.")] = None,
    last: Annotated[int | None, typer.Option("--last", "-n", min=1, help="Only the newest; 20 without --json.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Sums in place of records, by these fields: provider,model; or total.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one record or sum per line.")] = False,
) -> None:
    """Show the records of a gateway, filter them, or sum them up."""
    output = Output()
    try:
        conditions = [read_condition(text) for text in where or []]
        if since is not None:
            conditions.append(Condition("created_at", ">=", _time(since)))
        fields = None if by is None else [check_field(name) for name in by.split(",") if name and name != "total"]
        place = source or _place_of(config)
        most = last if last is not None or json else _LAST
        found = _found(place, conditions, most, fields)
    except (QueryError, SettingsError) as error:
        print(printable(str(error)), file=sys.stderr)
        raise typer.Exit(2) from None
    if json:
        _print_json(found, fields, output)
    elif fields is not None:
        _print_table(_sums_table(found.sums, fields), output)
    else:
        _print_table(_rows_table(found.rows), output)
    if found.unreadable:
        print(f"{found.unreadable} lines are no records and were left out", file=sys.stderr)
    if output.reader_gone:
        raise typer.Exit(1)


def _found(place: str, conditions: Sequence[Condition], most: int | None, fields: Sequence[str] | None) -> Found:
    """What :func:`query` finds. Raises :class:`QueryError`, also if nothing in ``place`` is a record."""
    try:
        found = query(sys.stdin.buffer if place == "-" else place, conditions, last=most, by=fields)
    except OSError as error:
        raise QueryError(unreadable(place, error)) from None
    if found.unreadable and not found.readable:
        name = "standard input" if place == "-" else place
        raise QueryError(f"{name}: holds no records; wanted is what [records] writes: lines of JSON, or a database")
    return found


def _place_of(config: Path | None) -> str:
    """The first file or database of the settings."""
    if config is None:
        raise QueryError("name a file or database of records, or a settings file with --config")
    for place in load_settings(config, os.environ).records.to:
        kind, _, path = place.partition(":")
        if kind in ("file", "sqlite"):
            return path
    raise QueryError(f"{config} keeps no records in a file or database: write to under [records]")


def _time(text: str) -> str:
    ago = _AGO.fullmatch(text)
    try:
        if ago is None:
            found = datetime.fromisoformat(text)
            return utc_text(found.timestamp())  # a time without a zone is the local one
        return utc_text((datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp())
    except (ValueError, OverflowError):
        raise QueryError(
            "--since is no time; allowed are 30s, 15m, 2h, 7d and times such as 2026-01-31T12:00"
        ) from None


def _print_json(found: Found, fields: Sequence[str] | None, output: Output) -> None:
    if fields is None:
        for row in found.rows:
            output.write_line(msgspec.json.encode(row).decode())
        return
    for one in found.sums:
        sums = msgspec.to_builtins(one)
        values = sums.pop("group")
        # what is summed up may also be what tells sums apart
        group = {f"by_{name}" if name in sums else name: value for name, value in zip(fields, values, strict=True)}
        output.write_line(msgspec.json.encode(group | sums).decode())


def _print_table(table: Table, output: Output) -> None:
    """Each row on a line, as long as it is: a narrow terminal breaks lines itself, and a pipe has no width."""
    widest = output.measure(table, options=output.options.update(max_width=_WIDEST)).maximum
    output.width = max(output.width, widest)
    output.print(table, crop=False)


def _rows_table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("time (UTC)", "gateway", "provider", "model", "status"):
        table.add_column(name, overflow="fold")
    for name in ("ms", "first", "in", "out", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("end", overflow="fold")
    for row in rows:
        end = row.error or (row.end if row.kind == "exchange" else f"closed {row.close_code}")
        more = "" if len(row.attempts) < 2 else f", {len(row.attempts)} attempts"
        table.add_row(
            row.created_at[:23].replace("T", " "),
            _safe(f"{row.account}/{row.gateway}"),
            _safe(row.provider),
            _safe(row.model),
            _number(row.status_code),
            _number(row.duration),
            _number(row.timings.first_content),
            _number(row.tokens_in),
            _number(row.tokens_out),
            _cost(row.cost),
            f"[{'green' if row.success else 'red'}]{_safe(end)}[/]{more}",
        )
    return table


def _sums_table(sums: Sequence[Sum], fields: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in fields:
        table.add_column(escape(name), overflow="fold")
    for name in (
        "records", "failed", "cached", "tokens in", "tokens out", "cost",
        "mean ms", "p50", "p95", "longest", "first p50", "p95",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for one in sums:
        table.add_row(
            *(_safe(value) for value in one.group),
            *map(str, (one.records, one.failed, one.cached, one.tokens_in, one.tokens_out)),
            _cost(one.cost),
            _number(one.mean_duration),
            _number(one.duration_p50),
            _number(one.duration_p95),
            _number(one.longest_duration),
            _number(one.first_content_p50),
            _number(one.first_content_p95),
        )
    return table


def _safe(value: object) -> str:
    return "" if value is None else escape(printable(str(value)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _cost(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")
