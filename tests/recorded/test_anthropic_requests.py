"""Recorded requests to Claude models: read and written again, each means the same, and Converse can say it too."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.reading.claude_rules import check_converse_request, check_messages_request
from tests.reading.recordings import FOLDER, needs_recordings

from aigw_sansio.formats.anthropic_request import (
    read_request,
    write_bedrock_request,
    write_request,
    write_vertex_request,
)
from aigw_sansio.formats.bedrock.converse_request import write_request as write_converse_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import Prompt

WRITERS = {
    "anthropic-messages": write_request,
    "azure-anthropic": write_request,
    "vertex-anthropic": write_vertex_request,
    "bedrock-invoke-anthropic": write_bedrock_request,
}


def rows(*formats: str) -> list[Any]:
    """The recorded exchanges in these formats."""
    if FOLDER is None:
        return []
    with (Path(FOLDER) / "translation" / "INDEX.tsv").open(newline="") as index:
        found = [row for row in csv.DictReader(index, delimiter="\t") if row["format"] in formats]
    return [pytest.param(row, id=row["request"]) for row in found if row["request"].endswith(".json")]


def body_of(row: dict[str, str]) -> dict[str, Any]:
    body = json.loads((Path(FOLDER or "") / "translation" / row["request"]).read_text())
    assert isinstance(body, dict)
    return body


def prompt_of(row: dict[str, str]) -> Prompt:
    """The prompt of a recorded request. On clouds the model is in the path."""
    notes: list[Note] = []
    prompt = read_request(body_of(row), notes)
    assert isinstance(prompt, Prompt), prompt
    assert notes == []
    return prompt if prompt.model else msgspec.structs.replace(prompt, model=row["model"])


def meaning(value: Any, name: str = "") -> Any:
    """``value`` without what says nothing: nulls, what is false or empty anyway, texts in place of blocks, and the
    borders between neighbouring messages of one role."""
    if isinstance(value, dict):
        found = {key: meaning(inner, key) for key, inner in value.items() if inner is not None}
        for key in ("is_error", "strict", "stream", "disable_parallel_tool_use"):
            if found.get(key) is False:
                del found[key]
        for key in ("description", "content"):
            if found.get(key) in ("", []) and "input_schema" not in found.get(key, {}) and name != "input":
                del found[key]
        if name == "output_config" or "output_format" not in found:
            return found
        found["output_config"] = {"format": found.pop("output_format")}
        return found
    if isinstance(value, list):
        items = [meaning(inner) for inner in value]
        if name != "messages":
            return items
        merged: list[Any] = []
        for message in items:
            content = message["content"]
            if merged and merged[-1]["role"] == message["role"]:
                merged[-1]["content"] += content
            else:
                merged.append({**message, "content": list(content)})
        return merged
    if isinstance(value, str) and name in ("content", "system"):
        return [{"type": "text", "text": value}]
    return value


@needs_recordings
def test_there_are_recordings() -> None:
    assert len(rows(*WRITERS)) > 140
    assert len(rows("bedrock-converse")) > 50


@pytest.mark.parametrize("row", rows(*WRITERS))
def test_read_and_written_again_it_means_the_same(row: dict[str, str]) -> None:
    notes: list[Note] = []
    request = WRITERS[row["format"]](prompt_of(row), notes)
    assert isinstance(request, WireRequest), request
    assert notes == []
    assert meaning(request.body) == meaning(body_of(row))
    check_messages_request(request.body, own=True)


@pytest.mark.parametrize("row", rows(*WRITERS))
def test_nothing_else_is_read_from_what_was_written(row: dict[str, str]) -> None:
    prompt = prompt_of(row)
    request = WRITERS[row["format"]](prompt, [])
    assert isinstance(request, WireRequest)
    again = read_request(request.body, [])
    assert isinstance(again, Prompt)
    second = WRITERS[row["format"]](msgspec.structs.replace(again, model=prompt.model, stream=prompt.stream), [])
    assert second == request


@pytest.mark.parametrize("row", rows(*WRITERS))
@pytest.mark.parametrize("model", ["us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.amazon.nova-2-lite-v1:0"])
def test_converse_can_say_it(row: dict[str, str], model: str) -> None:
    """... or names what it cannot say: media by URL, uploaded files, tools that Anthropic runs."""
    request = write_converse_request(msgspec.structs.replace(prompt_of(row), model=model), [])
    if isinstance(request, Refused):
        text = json.dumps(body_of(row))
        assert any(word in text for word in ('"url"', '"file_id"', "_20", '"mcp')), request
    else:
        check_converse_request(request.body)


@pytest.mark.parametrize("row", rows("bedrock-converse"))
def test_the_rules_of_converse_are_those_that_it_keeps(row: dict[str, str]) -> None:
    """What the provider took does not break the rules that written requests are held to."""
    if row["status"] == "200":
        check_converse_request(body_of(row))


@pytest.mark.parametrize("row", rows(*WRITERS))
def test_the_rules_of_anthropic_are_those_that_it_keeps(row: dict[str, str]) -> None:
    if row["status"] == "200":
        check_messages_request(meaning(body_of(row)), own=True)
