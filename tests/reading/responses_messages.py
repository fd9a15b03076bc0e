"""What a client of Responses over WebSocket is sent, held against the published schemas and the order of events.

Decides: which schema a message must meet, and what is wrong with the messages of one response. Must not know: who wrote
them.

The schemas are those of Open Responses, which wants every member, and of OpenAI's library, which knows every event.
"""

import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

_FOLDER = os.environ.get("AIGW_FIXTURES")
MATERIAL = Path(_FOLDER or "") / "responses-ws"
needs_schemas = pytest.mark.skipif(
    _FOLDER is None or not MATERIAL.is_dir(), reason="AIGW_FIXTURES does not name the schemas of Responses"
)
ENDS = {"response.completed", "response.incomplete", "response.failed"}
OPEN, SDK = "open-responses", "openai-sdk"


@functools.cache
def _definitions(schema: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MATERIAL / "schemas" / f"{schema}.schema.json").read_text())["$defs"]
    return found


@functools.cache
def _by_type(schema: str) -> dict[str, str]:
    """The definition of each event, by its type."""
    members = "ResponsesServerEvent" if schema == SDK else "StreamEvent"
    definitions = _definitions(schema)
    found = {}
    for row in definitions[members]["anyOf"]:
        name = row["$ref"].rsplit("/", 1)[1]
        kind = definitions[name]["properties"]["type"]
        found[kind.get("const") or kind["enum"][0]] = name
    if schema == OPEN:
        found["error"] = "WebSocketErrorEvent"
    return found


@functools.cache
def _validator(schema: str, name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _definitions(schema)})


def problems(message: dict[str, Any], *, schemas: Iterable[str] = (OPEN, SDK)) -> list[str]:
    """What is wrong with one message. A type that a schema does not know is right by it."""
    found = []
    for schema in schemas:
        name = _by_type(schema).get(message["type"])
        if name is not None:
            errors = _validator(schema, name).iter_errors(message)
            found += [f"{schema} {message['type']} {error.json_path}: {error.message[:300]}" for error in errors]
    return found


def valid(messages: Iterable[bytes], *, schemas: Iterable[str] = (OPEN, SDK)) -> list[dict[str, Any]]:
    """The messages, read; each meets the schemas."""
    read = [json.loads(message) for message in messages]
    assert [wrong for message in read for wrong in problems(message, schemas=schemas)] == []
    return read


def one_response(messages: Iterable[dict[str, Any]], *, stream_id: str | None = None) -> dict[str, Any]:
    """The ``response`` of the terminal event, if the messages are one response in the right order."""
    read = list(messages)
    kinds = [message["type"] for message in read]
    assert [kind for kind in kinds if kind != "response.queued"][:2] == ["response.created", "response.in_progress"]
    assert [message["sequence_number"] for message in read] == list(range(len(read)))
    assert all(message.get("stream_id") == stream_id for message in read)
    if stream_id is None:
        assert not any("stream_id" in message for message in read)
    assert [kind for kind in kinds if kind in ENDS] == [kinds[-1]]
    assert kinds.count("response.created") == 1
    ids = {message["response"]["id"] for message in read if "response" in message}
    assert len(ids) == 1
    response: dict[str, Any] = read[-1]["response"]
    assert response["status"] == kinds[-1].removeprefix("response.")
    items = {
        message["output_index"]: message["item"] for message in read if message["type"] == "response.output_item.done"
    }
    if response["status"] != "failed" and items:  # some providers give an item another id, or seal it anew, at the end
        assert [item["type"] for item in response["output"]] == [items[index]["type"] for index in sorted(items)]
    return response
