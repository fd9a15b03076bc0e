"""JSON Schemas, made into what Anthropic takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON

from aigw_sansio.formats.anthropic_schemas import output_schema, tool_schema

OBJECT: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


@pytest.mark.parametrize("schema", [None, {}])
def test_a_tool_without_arguments(schema: dict[str, Any] | None) -> None:
    assert tool_schema(schema) == ({"type": "object", "properties": {}}, False)


def test_a_schema_that_fits_is_not_copied() -> None:
    found, changed = tool_schema(OBJECT)
    assert found is OBJECT
    assert not changed


def test_a_missing_type_is_that_of_an_object() -> None:
    assert tool_schema({"properties": {}}) == ({"properties": {}, "type": "object"}, False)
    assert tool_schema({"type": "string"}) == ({"type": "object"}, True)


def test_choices_at_the_root_become_one_object() -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]}
    two = {"$ref": "#/$defs/two"}
    schema = {"oneOf": [one, two], "$defs": {"two": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}}
    found, changed = tool_schema(schema)
    assert changed
    assert "oneOf" not in found
    assert found["properties"] == {"a": {"type": "string"}, "b": {}}
    assert found["required"] == ["a"]
    assert tool_schema({"allOf": [one, {"required": ["c"]}]})[0]["required"] == ["a", "b", "c"]


def test_what_is_not_enforced_is_said_in_the_description() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 3, "description": "How many."},
            "d": {"type": "string", "format": "date"},
            "p": {"type": "string", "format": "phone"},
            "x": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "l": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 2},
        },
        "additionalProperties": True,
        "$defs": {"e": {"type": "string", "pattern": "a+"}},
    }
    found, changed = output_schema(schema)
    assert changed
    assert found == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "How many. (minimum: 3)"},
            "d": {"type": "string", "format": "date"},
            "p": {"type": "string", "description": 'format: "phone"'},
            "x": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "l": {
                "type": "array",
                "items": {"type": "object", "properties": {}, "additionalProperties": False},
                "description": "minItems: 2",
            },
        },
        "additionalProperties": False,
        "$defs": {"e": {"type": "string", "description": 'pattern: "a+"'}},
    }


def test_a_schema_that_is_enforced_as_a_whole_does_not_change() -> None:
    schema = {**OBJECT, "additionalProperties": False}
    assert output_schema(schema) == (schema, False)
    assert output_schema(OBJECT) == (schema, False)


@given(st.dictionaries(st.sampled_from(("type", "properties", "items", "oneOf", "anyOf", "$ref", "required")), JSON))
def test_no_schema_raises(schema: dict[str, Any]) -> None:
    output_schema(schema)
    assert tool_schema(schema)[0]["type"] == "object"


def test_a_deep_schema_is_left_as_it_is_below_the_limit() -> None:
    schema: dict[str, Any] = {"minimum": 1}
    for _ in range(5000):
        schema = {"items": schema}
    found, _ = output_schema(schema)
    for _ in range(101):
        found = found["items"]  # type: ignore[assignment]
    assert "items" in found
