"""The check of a struct of settings: values that are as good as right are put right, and all errors are told at once.

Decides: what is taken for what: a list for a tuple, a ``str`` for a :class:`.Secret`, a dict for pairs. Must not know:
which settings there are.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from .errors import ConfigError, SettingError
from .quoting import Place, listed, suggestion
from .secret import Secret

_EMPTY: Final = "is empty; allowed is a string with at least one character"
#: Whole numbers below it are floats exactly; larger ones are out of every range.
_EXACT: Final = 1 << 53


class Check:
    """Judges the fields of one struct. Its values that are as good as right are put right.

    Next: the checks of form, which pass over a field that is wrong already; then :meth:`done`.
    """

    __slots__ = ("_errors", "_owner", "_settings", "_wrong")

    def __init__(self, settings: msgspec.Struct, owner: str) -> None:
        self._settings = settings
        self._owner = owner
        self._errors: list[SettingError] = []
        self._wrong: set[str] = set()
        for name, hint in _hints(type(settings)).items():
            value = getattr(settings, name)
            fitted = self._fit(hint, value, (name,))
            if fitted is not value and name not in self._wrong:
                msgspec.structs.force_setattr(settings, name, fitted)

    def error(self, place: Place, why: str) -> None:
        """``place`` is wrong."""
        self._errors.append(SettingError(place, why))
        self._wrong.add(str(place[0]))

    def good(self, name: str) -> bool:
        """Whether the field ``name`` is right so far, and is not ``None``."""
        return name not in self._wrong and getattr(self._settings, name) is not None

    def ranges(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        """The lowest and the highest value of fields that are numbers."""
        for name, (low, high) in ranges.items():
            if self.good(name) and not low <= (value := getattr(self._settings, name)) <= high:
                self.error((name,), f"is {value}; allowed is {low} to {high}")

    def form(self, name: str, form: str, why: str) -> None:
        """Each text of the field ``name``, which is one text or several, has the ``form``, a regular expression."""
        if not self.good(name):
            return
        value = getattr(self._settings, name)
        many = isinstance(value, tuple)
        for index, item in enumerate(value if many else (value,)):
            if not re.fullmatch(form, item.reveal() if isinstance(item, Secret) else item):
                self.error((name, index) if many else (name,), why)

    def done(self) -> None:
        """Raise :class:`ConfigError` if anything is wrong."""
        if self._errors:
            raise ConfigError(self._owner, self._errors)

    def _fit(self, hint: object, value: object, place: Place) -> object:
        """``value`` as ``hint`` wants it. What cannot be is an error."""
        origin, inner = get_origin(hint), get_args(hint)
        if origin is UnionType:
            if value is None:
                return None
            return self._fit(next(arg for arg in inner if arg is not NoneType), value, place)
        if origin is Literal:
            if value not in inner:
                self.error(place, f"has a bad value; allowed are {listed(inner)}")
        elif origin is tuple:
            return self._fit_items(inner, value, place)
        elif origin is dict:
            return self._fit_table(inner[1], value, place)
        elif hint is Secret:
            if isinstance(value, str):
                value = Secret(value)
            if not isinstance(value, Secret):
                self.error(place, f"is {_kind(value)}; allowed is a Secret or a str")
            elif not value.reveal():
                self.error(place, _EMPTY)
        elif hint is str:
            if not isinstance(value, str):
                self.error(place, f"is {_kind(value)}; allowed is a str")
            elif not value:
                self.error(place, _EMPTY)
        elif hint is bool:
            if not isinstance(value, bool):
                self.error(place, f"is {_kind(value)}; allowed are True and False")
        elif hint is int:
            if not isinstance(value, int) or isinstance(value, bool):
                self.error(place, f"is {_kind(value)}; allowed is a whole number")
        elif hint is float:
            if not isinstance(value, int | float) or isinstance(value, bool):
                self.error(place, f"is {_kind(value)}; allowed is a number")
            elif abs(value) < _EXACT:
                return float(value)
        else:
            assert isinstance(hint, type)
            if not isinstance(value, hint):
                self.error(place, f"is {_kind(value)}; allowed is {hint.__name__}")
        return value

    def _fit_items(self, inner: tuple[object, ...], value: object, place: Place) -> object:
        pairs = get_origin(inner[0]) is tuple
        if pairs and isinstance(value, Mapping):
            value = tuple(value.items())
        if not isinstance(value, list | tuple):
            self.error(place, f"is {_kind(value)}; allowed is {'a dict, or pairs' if pairs else 'a tuple or a list'}")
            return value
        if pairs:
            return tuple(self._fit_pair(item, (*place, index)) for index, item in enumerate(value))
        return tuple(self._fit(inner[0], item, (*place, index)) for index, item in enumerate(value))

    def _fit_pair(self, value: object, place: Place) -> object:
        if not isinstance(value, list | tuple) or len(value) != 2:
            self.error(place, f"is {_kind(value)}; allowed is a pair of str")
            return value
        for item in value:
            if not isinstance(item, str):
                self.error(place, f"has a part {_kind(item)}; allowed is a pair of str")
        return tuple(value)

    def _fit_table(self, kind: object, value: object, place: Place) -> object:
        if not isinstance(value, Mapping):
            self.error(place, f"is {_kind(value)}; allowed is a dict")
            return value
        table: dict[object, object] = {}
        for name, item in value.items():
            if isinstance(name, str):
                table[name] = self._fit(kind, item, (*place, name))
            else:
                self.error(place, f"has a name that is {_kind(name)}; allowed is a str")
        return table


class Named(msgspec.StructMeta):
    """A name that is no setting is an error like all others: it says what is allowed."""

    def __call__(cls, *arguments: object, **settings: object) -> object:
        known = cls.__struct_fields__
        wrong = [name for name in settings if name not in known]
        if wrong:
            errors = [
                SettingError((name,), f"is not known{suggestion(name, known)}; allowed are {', '.join(known)}")
                for name in wrong
            ]
            raise ConfigError(cls.__name__.removesuffix("Settings").lower(), errors)
        return super().__call__(*arguments, **settings)


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, object]:
    return get_type_hints(kind)


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
