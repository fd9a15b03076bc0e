"""What the APIs in front of Claude models refuse, as assertions over a request that was written for one.

Decides: the rules for messages of Anthropic's API and of Bedrock's Converse, as their errors state them, and that a
request fits the service model of Bedrock. Must not know: how a request was made.
"""

import base64
import functools
import itertools
import json
import re
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

_ID = re.compile(r"[a-zA-Z0-9_-]+")


def check_messages_request(body: dict[str, Any], *, own: bool = False) -> None:
    """Assert the rules of Anthropic's Messages. ``own``: the client wrote it for Anthropic, so it may have blank texts
    and use an id again."""
    json.dumps(body)
    assert isinstance(body["max_tokens"], int)
    assert body["max_tokens"] >= 1
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    assert roles[0] == "user"
    assert all(first != second for first, second in itertools.pairwise(roles)), roles
    blocks = [block for message in messages for block in message["content"]]
    assert all(message["content"] for message in messages)
    for block in [*blocks, *body.get("system", [])]:
        if block["type"] == "text" and not own:
            assert block["text"].strip(), "text content blocks must be non-empty"
    if roles[-1] == "assistant" and blocks[-1]["type"] == "text":
        assert blocks[-1]["text"] == blocks[-1]["text"].rstrip(), "cannot end with trailing white space"
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert all(_ID.fullmatch(call) for call in calls)
    assert own or len(set(calls)) == len(calls), "tool_use ids must be unique"
    _check_rounds(
        [
            (
                [block["id"] for block in message["content"] if block["type"] == "tool_use"],
                [block.get("tool_use_id") if block["type"] == "tool_result" else None for block in message["content"]],
            )
            for message in messages
        ]
    )
    marked = [*body.get("tools", []), *body.get("system", [])]
    for block in blocks:
        marked += [*block["content"], block] if isinstance(block.get("content"), list) else [block]
    marks = [block["cache_control"] for block in marked if block.get("cache_control")]
    assert len(marks) + ("cache_control" in body) <= 4, "more than 4 cache_control blocks"
    lives = [mark.get("ttl") == "1h" for mark in marks]
    assert lives == sorted(lives, reverse=True), "1h must not come after 5m"
    assert not ("temperature" in body and "top_p" in body and "4-5" in body.get("model", ""))
    assert 0 <= body.get("temperature", 0) <= 1
    thinking = body.get("thinking", {})
    if thinking.get("type") == "enabled":
        assert 1024 <= thinking["budget_tokens"] < body["max_tokens"]
        assert body.get("tool_choice", {}).get("type") not in ("any", "tool")
        assert body.get("temperature", 1) == 1
        assert "top_k" not in body
        if any(block["type"] == "tool_result" for block in messages[-1]["content"]):
            assert messages[-2]["content"][0]["type"] in ("thinking", "redacted_thinking")
    assert "tools" in body or "tool_choice" not in body
    names = [tool.get("name") for tool in body.get("tools", [])]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,128}", name) for name in names if name)


def check_converse_request(body: dict[str, Any]) -> None:
    """Assert that Bedrock's service model takes ``body``, and the rules of Converse that it does not state."""
    report = ParamValidator().validate({"modelId": "m", **_with_bytes(body)}, _converse())
    assert not report.has_errors(), report.generate_report()
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    assert roles[0] == "user"
    assert set(roles) <= {"user", "assistant"}
    assert all(first != second for first, second in itertools.pairwise(roles)), roles
    assert all(message["content"] for message in messages)
    blocks = [block for message in messages for block in message["content"]]
    for block in [*blocks, *body.get("system", [])]:
        assert len(block) == 1
        assert "text" not in block or block["text"].strip(), "the text field is blank"
    uses = [block["toolUse"] for block in blocks if _is_client_run(block, "toolUse")]
    results = [block["toolResult"] for block in blocks if _is_client_run(block, "toolResult")]
    config = body.get("toolConfig", {})
    assert config or not (uses or results), "toolConfig must be defined"
    specs = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", named["name"]) for named in [*specs, *uses])
    assert all(spec.get("description", "x") for spec in specs)
    assert all(re.fullmatch("[a-zA-Z0-9_.:-]{1,64}", used["toolUseId"]) for used in [*uses, *results])
    assert len({use["toolUseId"] for use in uses}) == len(uses)
    assert all(result["content"] for result in results)
    _check_rounds(
        [
            (
                [block["toolUse"]["toolUseId"] for block in message["content"] if _is_client_run(block, "toolUse")],
                [
                    block["toolResult"]["toolUseId"] if _is_client_run(block, "toolResult") else None
                    for block in message["content"]
                    if "cachePoint" not in block
                ],
            )
            for message in messages
        ]
    )
    names = [block["document"]["name"] for block in blocks if "document" in block]
    names += [inner["document"]["name"] for result in results for inner in result["content"] if "document" in inner]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(?:[a-zA-Z0-9()\[\]-]| (?! )){1,200}", name) for name in names), names
    for message in messages:
        if any("document" in block for block in message["content"]):
            assert any("text" in block for block in message["content"])
    assert 0 <= body["inferenceConfig"].get("temperature", 0) <= 1
    assert 0 <= body["inferenceConfig"].get("topP", 0) <= 1
    additional = body.get("additionalModelRequestFields", {})
    assert not ("toolChoice" in config and "tool_choice" in additional)


def _is_client_run(block: dict[str, Any], kind: str) -> bool:
    """Whether ``block`` is a call or a response (``kind``) of a tool that Bedrock does not run itself."""
    return kind in block and "type" not in block[kind]


def _check_rounds(rounds: list[tuple[list[str], list[str | None]]]) -> None:
    """Assert of the calls of each message, and of the responses in it (``None`` for another block), that the responses
    to all calls stand first in the message behind them."""
    called: list[str] = []
    for calls, responses in rounds:
        answered = [response for response in responses if response is not None]
        assert sorted(called) == sorted(answered), (
            "tool_use ids were found without tool_result blocks immediately after"
        )
        assert responses[: len(answered)] == answered, "tool results stand first"
        called = calls
    assert not called


@functools.cache
def _converse() -> Any:
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return model.operation_model("Converse").input_shape


def _with_bytes(value: Any) -> Any:
    """``value`` with bytes for their base64, as botocore's callers write them."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(inner, validate=True)
            if name in ("bytes", "redactedContent") and isinstance(inner, str)
            else _with_bytes(inner)
            for name, inner in value.items()
        }
    return [_with_bytes(inner) for inner in value] if isinstance(value, list) else value
