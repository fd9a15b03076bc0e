"""JSON Schemas, made into what Anthropic takes.

Decides: what is changed in the schema of a tool and in that of the output. A schema that fits is returned as it is.
Must not know: where it stands in a request.

Source: Anthropic documentation, "Tool use" (the schema is that of an object, without a choice at its root) and
"Structured outputs" (which keywords are enforced; others are an error, so they are moved into the description, where
the model reads them).
"""

from typing import Final

import msgspec

from ..json_text import UNREADABLE
from ..prompt import JsonObject
from .values import arr, obj, text

#: Keywords that hold one schema, a list of schemas, or schemas by name.
_ONE: Final = frozenset({"items"})
_MANY: Final = frozenset({"anyOf", "allOf"})
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
_KEPT: Final = frozenset(
    {"type", "required", "enum", "const", "$ref", "description", "title", "default", "$schema"}
) | _ONE | _MANY | _NAMED  # fmt: skip
_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_CHOICES: Final = ("oneOf", "anyOf", "allOf")
_MOST_LEVELS: Final = 100


def tool_schema(schema: JsonObject | None) -> tuple[JsonObject, bool]:
    """The schema of a tool's arguments, and whether its meaning changed.

    It is always that of an object. A choice at the root becomes one object with the members of all: those are required
    that each choice requires.
    """
    if not schema:
        return {"type": "object", "properties": {}}, False
    choices = [name for name in _CHOICES if type(schema.get(name)) is list]
    if not choices:
        if schema.get("type") == "object":
            return schema, False
        return {**schema, "type": "object"}, "type" in schema
    result: JsonObject = {name: value for name, value in schema.items() if name not in choices}
    properties = dict(obj(schema.get("properties")))
    required = [name for name in arr(schema.get("required")) if type(name) is str]
    for choice in choices:
        branches = [_resolved(branch, schema) for branch in arr(schema[choice])]
        for branch in branches:
            for name, value in obj(branch.get("properties")).items():
                properties.setdefault(name, value)
        required += _required(branches, every=choice != "allOf")
    result["type"] = "object"
    result["properties"] = properties
    if required:
        result["required"] = list(dict.fromkeys(required))
    return result, True


def _resolved(branch: object, root: JsonObject) -> JsonObject:
    """``branch``, or the definition in ``root`` that it refers to."""
    schema = obj(branch)
    steps = text(schema.get("$ref")).split("/")
    if len(steps) == 3 and steps[0] == "#":
        return obj(obj(root.get(steps[1])).get(steps[2]))
    return schema


def _required(branches: list[JsonObject], *, every: bool) -> list[str]:
    """The names that ``every`` branch requires, or any of them."""
    lists = [[name for name in arr(branch.get("required")) if type(name) is str] for branch in branches]
    if not every:
        return [name for names in lists for name in names]
    common = set(lists[0]) if lists else set()
    for names in lists[1:]:
        common &= set(names)
    return [name for name in (lists[0] if lists else ()) if name in common]


def output_schema(schema: JsonObject) -> tuple[JsonObject, bool]:
    """The schema of the output as Anthropic enforces it, and whether something of it is not enforced any more."""
    changes: list[str] = []
    return _enforced(schema, changes, 0), bool(changes)


def _enforced(schema: JsonObject, changes: list[str], level: int) -> JsonObject:
    result: JsonObject = {}
    hints: list[str] = []
    if level > _MOST_LEVELS:  # nobody nests that deep on purpose, and Anthropic says why it refuses
        return schema
    for name, value in schema.items():
        if name == "oneOf" and "anyOf" not in schema:
            result["anyOf"] = _enforced_all(value, changes, level)
            changes.append(name)
        elif name in _MANY:
            result[name] = _enforced_all(value, changes, level)
        elif name in _ONE:
            result[name] = _enforced(value, changes, level + 1) if type(value) is dict else value
        elif name in _NAMED:
            result[name] = {
                key: _enforced(inner, changes, level + 1) if type(inner) is dict else inner
                for key, inner in obj(value).items()
            }
        elif name in _KEPT or (name == "format" and value in _FORMATS):
            result[name] = value
        elif name == "additionalProperties":
            if value is not False:
                changes.append(name)
        else:
            hints.append(f"{name}: {_written(value)}")
    if result.get("type") == "object" or "properties" in result:
        result["additionalProperties"] = False
    if hints:
        changes += hints
        said = text(result.get("description"))
        result["description"] = f"{said} ({'; '.join(hints)})" if said else "; ".join(hints)
    return result


def _enforced_all(value: object, changes: list[str], level: int) -> list[object]:
    return [_enforced(inner, changes, level + 1) if type(inner) is dict else inner for inner in arr(value)]


def _written(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UNREADABLE:
        return "..."
