"""Gemini's arguments of a tool call that come value by value."""

import json
from typing import Any

import pytest
from tests.reading.answers import assemble
from tests.reading.formats import (
    read_all,
    sse,
)
from tests.reading.recordings import (
    needs_recordings,
    recorded_answer,
)

from aigw_sansio.formats.gemini.partial_arguments import DEEPEST, LARGEST


def parts(*content: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(content)}}]}


def piece(path: str, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path, **value}


def call(*pieces: dict[str, Any], name: str | None = None, more: bool = True) -> dict[str, Any]:
    function = (
        {"partialArgs": list(pieces)} | ({"name": name} if name else {}) | ({"willContinue": True} if more else {})
    )
    return parts({"functionCall": function})


def test_arguments_value_by_value() -> None:
    chunks = sse(
        call(name="f"),
        call(piece("$.a.b[0].c", stringValue="x", willContinue=True)),
        call(piece("$.a.b[0].c", stringValue="y")),
        call(piece("$.a.b[1]", numberValue=0.5), piece("$.t", boolValue=True)),
        call(piece("$.n", nullValue=None), piece("$['odd key']", stringValue="z")),
        parts({"functionCall": {}}),
        call(name="g"),
        call(piece("$.x", stringValue="1")),
    )
    answer = assemble(read_all("gemini", chunks))
    assert [(one.name, json.loads(one.arguments)) for one in answer.calls.values()] == [
        ("f", {"a": {"b": [{"c": "xy"}, 0.5]}, "t": True, "n": None, "odd key": "z"}),
        ("g", {"x": "1"}),  # its closing call is missing
    ]


@pytest.mark.parametrize(
    "path", ["", "$", "$..", "$[0]", "$.a[9]", "$.a" * (DEEPEST + 1), "$.s.x", "$.s[0]", "$.l.x", "$.l[9]", "x" * 5000]
)
def test_paths_that_lead_nowhere_change_nothing(path: str) -> None:
    chunks = sse(
        call(piece("$.s", stringValue="t"), piece("$.l[0]", numberValue=1), name="f"),
        call(piece(path, stringValue="?")),
    )
    (one,) = assemble(read_all("gemini", chunks)).calls.values()
    arguments = json.loads(one.arguments)
    assert (arguments["s"], arguments["l"]) == ("t", [1])


def test_arguments_without_end_stop_growing() -> None:
    big = "x" * 100_000
    chunks = sse(call(name="f"), *[call(piece("$.s", stringValue=big, willContinue=True))] * 20)
    (one,) = assemble(read_all("gemini", chunks)).calls.values()
    assert LARGEST - 200_000 < len(json.loads(one.arguments)["s"]) <= LARGEST


@needs_recordings
def test_recorded_arguments_value_by_value() -> None:
    name = "gemini-generate/vercel-google-stream-tool-call-array-arguments-missing-terminal-functi.sse"
    (one,) = recorded_answer(name).calls.values()
    assert [item["itemid"] for item in json.loads(one.arguments)["operations"]] == ["apple_001", "banana_001"]
    (one,) = recorded_answer(
        "gemini-generate/vercel-google-vertex-stream-tool-call-arguments-nested-1.sse"
    ).calls.values()
    recipe = json.loads(one.arguments)["recipe"]
    assert recipe["ingredients"][0] == {"amount": "16 oz", "name": "Lasagna noodles"}
    assert all(recipe["ingredients"])
