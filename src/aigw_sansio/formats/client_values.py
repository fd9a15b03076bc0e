"""Takes the JSON of a client's request apart, and says which member is wrong.

Decides: when a member counts as unset (missing or null), and which value has the wrong type. Must not know: what any
member means, and whose format it is.

A provider's bytes are read leniently (:mod:`.values`). A client's are not: a number in place of a text is its mistake,
and it must hear of it. So a wrong type raises what :func:`.refusing.refusal` makes; the field is where the value is.
"""

import math
from typing import Final

import msgspec

from ..faults import Problem
from ..json_text import NOT_WRITABLE
from ..prompt import EFFORTS, NO_MEMBERS, Effort, JsonObject
from .refusing import refusal

_LARGEST: Final = 2**63 - 1


def get_text(body: JsonObject, key: str, at: str = "") -> str | None:
    """The text in ``body[key]``, ``None`` if unset. ``at`` is where ``body`` is, with a dot: ``messages[0].``."""
    value = body.get(key)
    if value is not None and type(value) is not str:
        raise refusal(at + key, "It must be a string.", "type")
    return value


def need_text(body: JsonObject, key: str, at: str = "") -> str:
    """Likewise, for a text that must be there and not be empty."""
    value = get_text(body, key, at)
    if not value:
        raise refusal(at + key, "It must be a string that is not empty.", "missing" if value is None else "value")
    return value


def get_flag(body: JsonObject, key: str, at: str = "") -> bool | None:
    """The boolean in ``body[key]``, ``None`` if unset."""
    value = body.get(key)
    if value is not None and type(value) is not bool:
        raise refusal(at + key, "It must be true or false.", "type")
    return value


def get_number(body: JsonObject, key: str, at: str = "") -> float | None:
    """The finite number in ``body[key]``, ``None`` if unset."""
    value = body.get(key)
    return None if value is None else as_number(value, at + key)


def as_number(value: object, field: str) -> float:
    """``value``, which must be a finite number."""
    if type(value) is int and -_LARGEST <= value <= _LARGEST:
        return float(value)
    if type(value) is float and math.isfinite(value):
        return value
    problem: Problem = "value" if type(value) is int or type(value) is float else "type"
    raise refusal(field, "It must be a number.", problem)


def get_integer(body: JsonObject, key: str, at: str = "", *, least: int = -_LARGEST) -> int | None:
    """The whole number in ``body[key]`` (also ``12.0``), ``None`` if unset."""
    value = body.get(key)
    if value is None:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not least <= value <= _LARGEST:
        why = "It must be a whole number" + ("." if least < 0 else f", {least} or more.")
        raise refusal(at + key, why, "value" if type(value) is int else "type")
    return value


def get_array(body: JsonObject, key: str, at: str = "") -> list[object]:
    """The array in ``body[key]``, empty if unset. Do not change it."""
    value = body.get(key)
    return [] if value is None else as_array(value, at + key)


def get_object(body: JsonObject, key: str, at: str = "") -> JsonObject | None:
    """The object in ``body[key]``, ``None`` if unset. Do not change it."""
    value = body.get(key)
    return None if value is None else as_object(value, at + key)


def as_object(value: object, field: str) -> JsonObject:
    """``value`` itself, which must be an object. Do not change it."""
    if type(value) is not dict:
        raise refusal(field, "It must be an object.", _wrong(value))
    return value


def as_text(value: object, field: str) -> str:
    """``value``, which must be a text."""
    if type(value) is not str:
        raise refusal(field, "It must be a string.", _wrong(value))
    return value


def as_array(value: object, field: str) -> list[object]:
    """``value`` itself, which must be an array. Do not change it."""
    if type(value) is not list:
        raise refusal(field, "It must be an array.", _wrong(value))
    return value


def _wrong(value: object) -> Problem:
    """What is wrong with a ``value`` of the wrong type."""
    return "missing" if value is None else "type"


def as_effort(value: object) -> Effort | None:
    """``value`` if it is a word for effort, else ``None``."""
    return next((effort for effort in EFFORTS if effort == value), None)


def need_effort(value: object, field: str) -> Effort:
    """``value``, which must be a word for effort."""
    effort = as_effort(value)
    if effort is None:
        raise refusal(field, f"It must be one of {', '.join(EFFORTS)}.")
    return effort


def members(value: object, field: str) -> JsonObject:
    """The members of an object that are set, as the reader's own: it takes out what it knows, and the rest is
    ``extra``."""
    return {name: one for name, one in as_object(value, field).items() if one is not None}


def without(member: JsonObject, *names: str) -> JsonObject:
    """``member`` without the members called ``names``. Do not change the result."""
    return {name: value for name, value in member.items() if name not in names} or NO_MEMBERS


def json_text(value: object, field: str) -> str:
    """``value`` as JSON text; refused if it is nested too deeply to be written."""
    try:
        return msgspec.json.encode(value).decode()
    except NOT_WRITABLE:
        pass
    try:  # the slower encoder writes numbers of any size
        import json

        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise refusal(field, "It is nested too deeply, or is no JSON.") from error
