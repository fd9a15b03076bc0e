"""How a line of a transcript is compared with what happened, and how it is rewritten when it is accepted.

JSON is compared as JSON. In an expected line some strings stand for more than themselves: ``<logId>`` (with a
suffix, ``<logId:b>``) is a UUIDv7, the same one wherever the name stands; ``<text>`` any non-empty string,
``<int>`` an integer, ``<any>`` anything; ``<token>`` (or ``<token:b>``) the token of a session, which may stand in what is
done later. A key that ends in ``?`` may be missing, and a key ``...`` allows others.
"""

import json
import re
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Names: TypeAlias = dict[str, str]

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
_LOG_ID = re.compile(r"<logId(:\w+)?>\Z")
TOKEN = re.compile(r"<token(:\w+)?>")


def matches(expected: Json, actual: Json, names: Names) -> bool:
    """Whether ``actual`` is what ``expected`` says. ``names`` remembers which id a ``<logId>`` stood for."""
    if isinstance(expected, str) and expected.startswith("<"):
        if _LOG_ID.match(expected):
            if not isinstance(actual, str) or not UUID7.match(actual):
                return False
            return names.setdefault(expected, actual) == actual
        if TOKEN.fullmatch(expected):
            return isinstance(actual, str) and names.setdefault(expected, actual) == actual
        if expected == "<text>":
            return isinstance(actual, str) and actual != ""
        if expected == "<int>":
            return isinstance(actual, int) and not isinstance(actual, bool)
        if expected == "<any>":
            return True
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return False
        open_ended = "..." in expected
        known = set()
        for key, value in expected.items():
            if key == "...":
                continue
            name = key.removesuffix("?")
            known.add(name)
            if name not in actual:
                if name == key:
                    return False
            elif not matches(value, actual[name], names):
                return False
        return open_ended or known >= actual.keys()
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(matches(one, other, names) for one, other in zip(expected, actual))
        )
    return type(expected) is type(actual) and expected == actual


def accept(expected: Json, actual: Json, names: Names) -> Json:
    """``actual``, with the placeholders of ``expected`` kept wherever they still hold."""
    if isinstance(expected, str) and expected.startswith("<") and matches(expected, actual, names):
        return expected
    if isinstance(actual, dict):
        old = expected if isinstance(expected, dict) else {}
        new: dict[str, Json] = {}
        for key, value in actual.items():
            spelt = key if key in old else f"{key}?" if f"{key}?" in old else key
            if spelt not in old and "..." in old:
                continue
            new[spelt] = accept(old.get(spelt), value, names)
        if "..." in old:
            new["..."] = old["..."]
        return new
    if isinstance(actual, list):
        old_list = expected if isinstance(expected, list) and len(expected) == len(actual) else [None] * len(actual)
        return [accept(one, other, names) for one, other in zip(old_list, actual)]
    if isinstance(actual, str) and UUID7.match(actual):
        for name, value in names.items():
            if value == actual:
                return name
        name = "<logId>" if "<logId>" not in names else f"<logId:{len(names) + 1}>"
        names[name] = actual
        return name
    return actual


def parse(text: str) -> tuple[str, Json] | None:
    """``(words before, value)`` where ``text`` ends in a JSON object or array."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start < 0:
        return None
    try:
        return text[:start], json.loads(text[start:])
    except (ValueError, RecursionError):
        return None


def render(value: Json) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def line_matches(expected: str, actual: str, names: Names) -> bool:
    """Whether two lines say the same."""
    one, other = parse(expected), parse(actual)
    if one is None or other is None:
        pattern = re.escape(expected).replace(re.escape("<text>"), ".+").replace(re.escape("<any>"), ".*")
        return re.fullmatch(pattern, actual, re.DOTALL) is not None
    if not line_matches(one[0], other[0], names):
        return False
    trial = dict(names)
    if not matches(one[1], other[1], trial):
        return False
    names.update(trial)
    return True


def accept_line(expected: str, actual: str, names: Names) -> str:
    """``actual`` as it should stand in the file."""
    one, other = parse(expected), parse(actual)
    if other is None:
        return actual
    return other[0] + render(accept(one[1] if one else None, other[1], names))
