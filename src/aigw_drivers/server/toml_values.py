"""Values of a TOML document, read strictly; every error is recorded.

Decides: what counts as a string, number, boolean, array or table; the meaning of ``env:NAME``; the words for a key and
for a wrong value. Must not know: which keys there are.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from aigw_sansio.quoting import key_text, shown, suggestion

Table: TypeAlias = dict[str, Any]  # what tomllib returns

_VARIABLE: Final = re.compile(r"(?:[A-Z]{1,20}(?:_[A-Z0-9]{1,16}){0,8})?\Z")


class EnvironmentText(str):
    """Text of an environment variable; there, numbers and booleans are text too."""

    __slots__ = ()


class ValueReader:
    """Reads values of one document. ``errors`` gets one line for each error. No value is quoted: it may be a secret.
    ``homes``: the tables of keys, to be named if one stands elsewhere."""

    homes: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self.errors: list[str] = []

    def error(self, where: str, why: str) -> None:
        self.errors.append(f"{self.file}: {where} {why}")

    def known(self, where: str, table: Table, allowed: tuple[str, ...]) -> None:
        for key in table:
            if key not in allowed:
                path = f"{where}.{key_text(key)}" if where else key_text(key)
                homes = " or ".join(self.homes.get(key, ()))
                hint = f" here (it is a key of {homes})" if homes else suggestion(key, allowed)
                self.error(path, f"is not known{hint}; allowed are {', '.join(allowed)}")

    def table(self, where: str, parent: Table, key: str | None = None) -> Table:
        """The table at ``where``; ``key``: its name in ``parent``, if that is another."""
        value = parent.get(where if key is None else key, {})
        if isinstance(value, dict):
            return value
        self.error(where, f"is {kind_of(value)}; allowed is a table, [{where}]")
        return {}

    def tables(self, where: str, parent: Table, key: str | None = None) -> dict[str, Table]:
        """The tables in the table at ``where``; ``key``: its name in ``parent``, if that is another."""
        found: dict[str, Table] = {}
        for name, value in self.table(where, parent, key).items():
            if isinstance(value, dict):
                found[name] = value
            else:
                self.error(
                    f"{where}.{key_text(name)}", f"is {kind_of(value)}; allowed is a table, [{where}.{key_text(name)}]"
                )
        return found

    def from_environment(self, where: str, value: object) -> object:
        """``value``, or the text of the environment variable that it names; ``None`` after an error."""
        if not isinstance(value, str) or not value.startswith("env:"):
            return value
        name = value[4:]
        if name in self.environ:
            return EnvironmentText(self.environ[name])
        if _VARIABLE.match(name):
            self.error(where, f"names the environment variable {shown(name)}, which is not set")
        else:  # unquoted: somebody may have written the key itself there
            self.error(where, "names an environment variable that is not set")
        return None

    def string(self, where: str, value: object, *, empty: bool = False) -> str | None:
        value = self.from_environment(where, value)
        if value is None:
            return None
        if not isinstance(value, str):
            self.error(where, f"is {kind_of(value)}; allowed is a string")
        elif not value and not empty:
            self.error(where, "is empty; allowed is a string with at least one character")
        else:
            return value
        return None

    def strings(self, where: str, value: object) -> list[str] | None:
        """The items of an array of strings; ``None`` after an error, so that positions are those of the document."""
        if not isinstance(value, list):
            self.error(where, f"is {kind_of(value)}; allowed is an array of strings")
            return None
        found = [self.string(f"{where}[{index}]", item) for index, item in enumerate(value)]
        strings = [item for item in found if item is not None]
        return strings if len(strings) == len(found) else None

    def boolean(self, where: str, value: object) -> bool | None:
        value = self.from_environment(where, value)
        if isinstance(value, EnvironmentText):
            value = {"true": True, "false": False}.get(value, value)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.error(where, f"is {kind_of(value)}; allowed are true and false")
        return None

    def number(self, where: str, value: object, *, whole: bool) -> int | float | None:
        value = self.from_environment(where, value)
        if isinstance(value, EnvironmentText):
            with suppress(ValueError):
                value = int(value) if whole else float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and (isinstance(value, int) or not whole):
            return value
        if value is not None:
            self.error(where, f"is {_no_number(value)}; allowed is {'a whole number' if whole else 'a number'}")
        return None


def homes_of(tables: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """By key, the tables that have it. ``tables``: the keys of each."""
    found: dict[str, tuple[str, ...]] = {}
    for table, keys in tables.items():
        for key in keys:
            found[key] = (*found.get(key, ()), table)
    return found


def _no_number(value: object) -> str:
    """Why ``value`` is not the number that is wanted. A number is no secret, a text may be one."""
    if isinstance(value, float):
        return f"{value}, which is written with a point" if value.is_integer() else f"{value}"
    return "a text of the environment" if isinstance(value, EnvironmentText) else kind_of(value)


def kind_of(value: object) -> str:
    """The TOML name for the type of ``value``."""
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a float", list: "an array", dict: "a table"}
    return next((name for cls, name in names.items() if isinstance(value, cls)), "a date or time")
