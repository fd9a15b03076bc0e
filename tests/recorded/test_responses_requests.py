"""Recorded requests to OpenAI Responses: each is read and written with the same meaning, and can be asked of Gemini."""

import csv
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.reading.recordings import FOLDER, needs_recordings

from aigw_sansio.formats.gemini.request import write_request as write_gemini
from aigw_sansio.formats.gemini.request import write_vertex_request as write_vertex
from aigw_sansio.formats.openai.responses_request import read_request, write_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import Prompt

#: Groups whose first requests hold what a model said before, tools that come in the conversation, or (the last) tools in a
#: form that OpenAI ignores.
OTHERWISE = ("tool-return", "function-returns", "tools-appear-later", "req-multi-tool")
#: Formats of the index that are OpenAI Responses.
RESPONSES = {"openai-responses", "azure-responses", "xai-responses", "bedrock-mantle-responses"}
GEMINI = {"gemini", "vertex-gemini"}


@dataclass(frozen=True)
class Request:
    """One recorded request."""

    group: str
    step: str
    format: str
    model: str
    file: str

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((Path(FOLDER or "") / "translation" / self.file).read_bytes())
        return body

    @property
    def prompt(self) -> Prompt:
        notes: list[Note] = []
        prompt = read_request(self.body, notes)
        assert isinstance(prompt, Prompt), (self.file, prompt)
        assert notes == []
        return prompt


def _requests(formats: set[str]) -> Iterator[Request]:
    index = Path(FOLDER or "") / "translation" / "INDEX.tsv"
    if FOLDER is not None and index.exists():
        with index.open(newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["format"] in formats and row["request"]:
                    yield Request(row["group"], row["step"], row["format"], row["model"], row["request"])


REQUESTS = list(_requests(RESPONSES))


# -- read and written -------------------------------------------------------------------------------------------------


def essence(item: Any) -> Any:
    """An item or part without what says nothing: nulls, empty lists, the status of what is complete, and the two ways of
    writing one text."""
    if isinstance(item, list):
        return [essence(one) for one in item if essence(one) is not None]
    if not isinstance(item, dict):
        return item
    found = {key: essence(value) for key, value in item.items() if value not in (None, [], "completed")}
    if item.get("role") and item.get("type") in (None, "message"):
        content = item["content"] if isinstance(item["content"], list) else [{"text": item["content"]}]
        texts = [essence({**part, "type": "text"}) if "text" in part else essence(part) for part in content]
        found |= {"type": "message", "content": [text for text in texts if text.get("text") != ""]}
        return found if found["content"] else None
    if item.get("type") == "reasoning":
        found["summary"] = "\n\n".join(part["text"] for part in item.get("summary", []))
    return found


def joined(items: list[Any]) -> list[Any]:
    """Messages of the assistant that follow each other and have no ids are one."""
    result: list[Any] = []
    for item in items:
        last = result[-1] if result else {}
        if {"id"} & {*item, *last} or not (item.get("role") == last.get("role") == "assistant"):
            result.append(item)
        else:
            result[-1] = {**last, "content": last["content"] + item["content"]}
    return result


def tool_essence(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if value not in (None, "")}


@needs_recordings
def test_each_request_is_written_as_it_was_read() -> None:
    assert len(REQUESTS) > 100
    for request in REQUESTS:
        notes: list[Note] = []
        written = write_request(request.prompt, notes)
        assert isinstance(written, WireRequest), request.file
        assert notes == [], request.file
        assert read_request(written.body, []) == request.prompt, request.file
        before, body = request.body, written.body
        for member in before.keys() - {"input", "tools", "include", "stream"}:
            assert (body.get(member) or None) == (before[member] or None) or member == "store", (request.file, member)
        assert body["store"] == before.get("store", True)
        assert set(body.get("include", ())) >= set(before.get("include", ())), request.file
        tools: Any = body.get("tools", [])
        assert [tool_essence(tool) for tool in tools] == [tool_essence(tool) for tool in before.get("tools", [])]
        told = before["input"] if isinstance(before["input"], list) else [{"role": "user", "content": before["input"]}]
        assert joined(essence(body["input"])) == joined(essence(told)), request.file


# -- asked of Gemini --------------------------------------------------------------------------------------------------


def check_rules(body: dict[str, Any], *, three: bool, vertex: bool) -> None:
    """What Gemini demands of contents."""
    calls: list[Any] = []
    for content in body["contents"]:
        assert content["parts"]
        responses = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if responses:
            assert content["role"] == "user"
            assert len(responses) == len(content["parts"]) == len(calls)
            assert [one["name"] for one in responses] == [one["name"] for one in calls]
            assert all(isinstance(one["response"], dict) for one in responses)
            assert all(("id" in one) != vertex for one in (*calls, *responses))
        of_calls = [part for part in content["parts"] if "functionCall" in part]
        calls = [part["functionCall"] for part in of_calls]
        assert not calls or content["role"] == "model"
        assert not calls or ("thoughtSignature" in of_calls[0]) == three


@needs_recordings
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash-preview"])
@pytest.mark.parametrize("vertex", [False, True])
def test_each_request_can_be_asked_of_gemini_or_is_refused_for_a_reason(model: str, vertex: bool) -> None:
    refused: set[tuple[str, str]] = set()
    asked = 0
    for request in REQUESTS:
        prompt = msgspec.structs.replace(request.prompt, model=model)
        written = (write_vertex if vertex else write_gemini)(prompt, [])
        if isinstance(written, Refused):
            refused.add((request.group, written.field.partition("[")[0]))
            continue
        asked += 1
        check_rules(written.body, three="3" in model, vertex=vertex)
    assert asked > 100
    # tools that OpenAI runs, what it keeps, and media and forms that a model does not take
    assert {field for _, field in refused} <= {"tools", "previous_response_id", "turns", "output"}


def camel(value: Any) -> Any:
    """Members in camel case: recordings have both spellings. Names of a schema's own are left alone."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, inner in value.items():
        first, *rest = name.split("_")
        new = first + "".join(word.capitalize() for word in rest)
        found[new] = inner if new in ("parametersJsonSchema", "parameters", "args", "response") else camel(inner)
    return found


def asked_of(body: dict[str, Any]) -> dict[str, Any]:
    """What a first request asks, without what libraries and models differ in."""
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {"mode": "AUTO"})
    schemas = ("parametersJsonSchema", "parameters")
    declared = [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
    return {
        "system": [part["text"] for part in body.get("systemInstruction", {}).get("parts", [])],
        "contents": [(one["role"], [sorted(part) for part in one["parts"]]) for one in body["contents"]],
        "texts": [part.get("text") for one in body["contents"] for part in one["parts"]],
        "tools": {one["name"]: one.get("description", "") for one in declared},
        "properties": [
            sorted(name for key in schemas for name in one.get(key, {}).get("properties", {})) for one in declared
        ],
        "mode": calling["mode"].upper().replace("VALIDATED", "AUTO"),
        "names": sorted(calling.get("allowedFunctionNames", ())),
        "json": body.get("generationConfig", {}).get("responseMimeType"),
    }


@needs_recordings
def test_the_same_request_was_written_alike_for_gemini() -> None:
    """In a parallel group the same was asked of both, by libraries that know both."""
    index = (Path(FOLDER or "") / "translation" / "GROUPS.tsv").read_text().splitlines()
    parallel = {line.split("\t")[0] for line in index if line.split("\t")[1] == "parallel"}
    ours = {one.group: one for one in REQUESTS if one.step == "1" and one.group in parallel}
    compared = 0
    for theirs in _requests(GEMINI):
        if theirs.step != "1" or theirs.group not in ours or theirs.group.startswith(OTHERWISE):
            continue
        written = write_gemini(msgspec.structs.replace(ours[theirs.group].prompt, model=theirs.model), [])
        if isinstance(written, WireRequest):
            compared += 1
            assert asked_of(written.body) == asked_of(camel(theirs.body)), theirs.file
    assert compared > 30
