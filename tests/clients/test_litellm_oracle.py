"""Requests beside those that LiteLLM writes of the same: every difference is named, and says why.

``AIGW_LITELLM=PYTHON python -m pytest tests/clients/test_litellm_oracle.py``, with the interpreter of an environment
that has LiteLLM (tried with 1.110). A difference that no row of :data:`EXPECTED` names fails, and so does a row that
nothing needs.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.asked import MODELS
from tests.rigs.litellm_client import LiteLlm

from aigw_sansio.formats.gemini.generate import camel
from aigw_sansio.translate import Translated, translate_request

PYTHON = os.environ.get("AIGW_LITELLM")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="AIGW_LITELLM does not name a Python with LiteLLM")

_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": _SCHEMA}}]
_HELLO = {"role": "user", "content": "Hello"}
_CALL = {"id": "call12345", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Turku"}'}}
_IMAGE = "data:image/png;base64,iVBORw0KGgo="
_STRICT = {**_SCHEMA, "additionalProperties": False}

#: Requests as a client of OpenAI's chat writes them.
CASES: dict[str, dict[str, Any]] = {
    "text": {"messages": [_HELLO]},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, _HELLO]},
    "tools": {"messages": [_HELLO], "tools": _TOOLS},
    "tool_choice": {
        "messages": [_HELLO],
        "tools": _TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "tool_required": {"messages": [_HELLO], "tools": _TOOLS, "tool_choice": "required"},
    "tool_round": {
        "messages": [
            _HELLO,
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call12345", "content": '{"degrees":9}'},
        ],
        "tools": _TOOLS,
    },
    "image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": _IMAGE}},
                ],
            }
        ]
    },
    "sampling": {"messages": [_HELLO], "temperature": 0.5, "max_tokens": 64, "stop": ["END"]},
    "output": {
        "messages": [_HELLO],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "city", "strict": True, "schema": _STRICT},
        },
    },
}
TARGETS = ("openai-responses", "anthropic-messages", "gemini", "bedrock-converse", "cohere-v2", "mistral")

_NO_TYPE = "the default, which needs no word"
_ONE_TEXT = "a text; LiteLLM sends a list of one, which means the same"
_JSON_SCHEMA = "the schema goes as JSON Schema, whole; LiteLLM's member takes a part of JSON Schema only"
_OWN_IDS = "the id is sent, so that two calls of one tool are told apart; LiteLLM leaves it out"

#: By format and case (``*``: any of them): the places that differ, and why. A place is a path of members.
EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("openai-responses", "*"): {
        "input[0].content": _ONE_TEXT,
        "store (here only)": "unlike Chat Completions, Responses keep what they are not told to forget",
        "stream (LiteLLM only)": _NO_TYPE,
        "tools[0].strict": "unlike Chat Completions, Responses hold to a schema unless they are told not to",
    },
    ("openai-responses", "tool_round"): {"input[2].output": _ONE_TEXT},
    ("openai-responses", "image"): {"input[0].content[1].detail (LiteLLM only)": _NO_TYPE},
    ("anthropic-messages", "*"): {"tools[0].type (LiteLLM only)": _NO_TYPE},
    ("anthropic-messages", "tool_round"): {
        "messages[2].content[0].content": "a list of one text; LiteLLM sends the text itself, which means the same"
    },
    ("anthropic-messages", "output"): {
        "output_config (here only)": "where structured output stands since it is no beta any more",
        "output_format (LiteLLM only)": "where it stood in the beta",
        "json_mode (LiteLLM only)": "a word of LiteLLM to itself, which its handler takes out",
    },
    ("gemini", "*"): {
        "tools[0].functionDeclarations[0].parametersJsonSchema (here only)": _JSON_SCHEMA,
        "tools[0].functionDeclarations[0].parameters (LiteLLM only)": _JSON_SCHEMA,
    },
    ("gemini", "tool_round"): {
        "contents[1].parts[0].functionCall.id (here only)": _OWN_IDS,
        "contents[2].parts[0].functionResponse.id (here only)": _OWN_IDS,
    },
    ("bedrock-converse", "tool_round"): {
        "messages[2].content[0].toolResult.status (here only)": "the default, said",
    },
    ("bedrock-converse", "output"): {
        "toolConfig.tools[0].toolSpec.name": "any name will do",
        "toolConfig.tools[0].toolSpec.description": "any description will do",
        "toolConfig.toolChoice (LiteLLM only)": "Converse refuses a choice in both places",
        "additionalModelRequestFields (here only)": "Claude's own choice, which also allows one call only",
    },
    ("cohere-v2", "tool_choice"): {
        "tool_choice (here only)": "the one tool is the only one that is sent, and required; LiteLLM drops the choice",
    },
    ("cohere-v2", "tool_required"): {
        "tool_choice (here only)": "LiteLLM drops the choice; Cohere has REQUIRED",
    },
    ("cohere-v2", "tool_round"): {
        "messages[1].content (LiteLLM only)": "null, as the client wrote it; what is unset is left out here",
    },
    ("cohere-v2", "output"): {
        "response_format (here only)": "LiteLLM drops it; Cohere has JSON Schema mode",
    },
    ("mistral", "tool_round"): {
        "messages[1].content (here only)": "a message of calls alone has empty content",
        "messages[2].name (here only)": "a result says which tool it is of",
    },
}


def differences(here: Any, there: Any, at: str = "") -> Iterator[str]:
    """The paths at which two JSON values differ. Numbers are compared by value, JSON in strings as JSON."""
    if isinstance(here, dict) and isinstance(there, dict):
        for name in sorted(here.keys() | there.keys()):
            place = f"{at}.{name}" if at else name
            if name not in here or name not in there:
                yield place + (" (LiteLLM only)" if name in there else " (here only)")
            else:
                yield from differences(here[name], there[name], place)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif as_json(here) != as_json(there):
        yield at


def as_json(value: Any) -> Any:
    """``value``, or the JSON that is in it if it is a text: blanks in arguments mean nothing."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


@pytest.fixture(scope="module")
def litellm() -> Iterator[LiteLlm]:
    assert PYTHON is not None
    process = LiteLlm(Path(PYTHON))
    yield process
    process.close()


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_request_but_for_what_is_named(target: str, litellm: LiteLlm) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for case, members in CASES.items():
        body = {"model": "asked", **members}
        ours = translate_request(body, source="openai-chat", target=target, model=MODELS[target])
        assert isinstance(ours, Translated), ours
        assert litellm.load_request("openai-chat", target, MODELS[target], body)
        written = litellm.written()
        if target == "gemini":
            written = camel(written)  # Google takes both spellings of all members
        places = set(differences(ours.request.body, written))
        everywhere = EXPECTED.get((target, "*"), {}).keys() & places
        found.setdefault((target, "*"), set()).update(everywhere)
        found[target, case] = places - everywhere
    named = {key: set(rows) for key, rows in EXPECTED.items() if key[0] == target}
    assert {key: places for key, places in found.items() if places} == named
