"""The words of a client for what is wrong with its request."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.prompt import Prompt, Text
from aigw_sansio.translate import Refused, client_field, read_request, write_request

MARK = "https://mark.test/a.png"
USER, DEVELOPER = {"role": "user", "content": "Hi"}, {"role": "developer", "content": "Be brief."}
CALLED, RESULT = {"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": MARK}


def found(body: dict[str, Any], source: str, target: str = "bedrock-converse") -> str:
    read = read_request(body, source)
    assert not isinstance(read, Refused), read
    refused = write_request(read[0], target)
    assert isinstance(refused, Refused), refused
    return client_field(refused.field, body, source, read[0])


def at(body: Any, path: str) -> Any:
    """What stands at ``path``."""
    for name, index in re.findall(r"([a-z_]+)|\[(\d+)\]", path):
        body = body[name] if name else body[int(index)]
    return body


def calls(id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}


responses_items = st.lists(
    st.sampled_from(["user", "texts", "assistant", "system", "empty", "call", "reasoning"]), max_size=8
)


def items_of(kinds: list[str], first: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds, first):
        if kind == "call":
            output = {"type": "function_call_output", "call_id": f"c{number}", "output": "4"}
            items += [calls(f"c{number}"), output]
        elif kind == "reasoning":
            items.append({"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "So."}]})
        elif kind == "texts":
            parts = [{"type": "input_text", "text": text} for text in ("a", "", "b")]
            items.append({"type": "message", "role": "user", "content": parts})
        elif kind == "empty":
            items.append({"role": "user", "content": ""})
        else:
            items.append({"role": kind, "content": "Hi"})
    return items


@given(responses_items, responses_items, st.integers(0, 2), st.booleans())
def test_a_part_of_an_item_is_found(before: list[str], behind: list[str], texts: int, in_result: bool) -> None:
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": "x" * (number % 2)} for number in range(texts)]
    parts.append({"type": "input_image", "image_url": MARK})
    items = items_of(before, 0)
    if in_result:
        items += [calls("marked"), {"type": "function_call_output", "call_id": "marked", "output": parts}]
    else:
        items.append({"type": "message", "role": "user", "content": parts})
    body = {"model": "m", "input": [*items, *items_of(behind, 100)]}
    path = found(body, "openai-responses")
    assert path.startswith("input[")
    assert at(body, path) == parts[-1]


chat_messages = st.lists(st.sampled_from(["user", "assistant", "system", "empty", "call"]), max_size=8)


def messages_of(kinds: list[str], first: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds, first):
        if kind == "call":
            call = {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            messages += [
                {"role": "assistant", "tool_calls": [call, {**call, "id": f"d{number}"}]},
                {"role": "tool", "tool_call_id": f"c{number}", "content": "4"},
                {"role": "tool", "tool_call_id": f"d{number}", "content": "4"},
            ]
        else:
            role = "user" if kind == "empty" else kind
            messages.append({"role": role, "content": "" if kind == "empty" else "Hi"})
    return messages


@given(chat_messages, chat_messages)
def test_a_part_of_a_message_is_found(before: list[str], behind: list[str]) -> None:
    image = {"type": "image_url", "image_url": {"url": MARK}}
    marked = {"role": "user", "content": [{"type": "text", "text": "Look"}, image]}
    body = {"model": "m", "messages": [*messages_of(before, 0), marked, *messages_of(behind, 100)]}
    path = found(body, "openai-chat")
    assert path.startswith("messages[")
    assert at(body, path) == image


@pytest.mark.parametrize("target", ["bedrock-converse", "cohere-v2"])
def test_a_part_of_a_message_of_anthropic_is_found(target: str) -> None:
    image = {"type": "image", "source": {"type": "url", "url": MARK}}
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "4"}
    messages: list[Any] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "So."}, use]},
        {"role": "user", "content": [result, {"type": "text", "text": "Look"}, image]},
    ]
    if target == "cohere-v2":
        image["source"] = {"type": "file", "file_id": "f"}
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    assert found(body, "anthropic-messages", target) == "messages[2].content[2]"


@pytest.mark.parametrize(
    ("source", "field", "body", "named"),
    [
        ("openai-responses", "logprobs", {}, "top_logprobs"),
        ("openai-responses", "output", {}, "text.format"),
        ("openai-responses", "extra.conversation", {}, "conversation"),
        ("openai-responses", "tools[1].parameters", {"tools": [1, 2]}, "tools[1].parameters"),
        ("openai-responses", "tools[1].extra.x", {"tools": [1, 2]}, "tools[1].x"),
        ("openai-responses", "end_user", {"safety_identifier": "x"}, "safety_identifier"),
        ("openai-responses", "turns", {}, "input"),
        ("openai-responses", "turns[9].parts[0]", {"input": [USER]}, "input"),
        ("openai-responses", "turns[0].parts[0]", {"input": "Hi"}, "input"),
        ("openai-responses", "instructions[0]", {"instructions": "Hi", "input": [USER]}, "instructions[0]"),
        ("openai-responses", "instructions[1]", {"input": [DEVELOPER, DEVELOPER, USER]}, "input[1]"),
        ("openai-responses", "turns[0].parts[0]", {"input": [DEVELOPER, DEVELOPER, USER]}, "input[2]"),
        ("openai-chat", "choice_count", {}, "n"),
        ("openai-chat", "logprobs", {}, "logprobs"),
        ("openai-chat", "output", {}, "response_format"),
        ("openai-chat", "max_tokens", {"max_tokens": 5}, "max_tokens"),
        ("openai-chat", "tool_choice", {"function_call": "f"}, "function_call"),
        ("openai-chat", "tools[0].parameters", {"tools": [1]}, "tools[0].function.parameters"),
        ("openai-chat", "tools[1]", {"tools": [1], "functions": [1]}, "functions[0]"),
        ("openai-chat", "instructions[1]", {"messages": [DEVELOPER, DEVELOPER, USER]}, "messages[1]"),
        ("openai-chat", "turns[0].parts[0]", {"messages": [DEVELOPER, DEVELOPER, USER]}, "messages[2]"),
        ("anthropic-messages", "tools[0].parameters", {"tools": [1]}, "tools[0].input_schema"),
        ("anthropic-messages", "instructions[0]", {"system": "x"}, "system"),
        ("anthropic-messages", "instructions[1]", {"system": [1, 2]}, "system[1]"),
        ("anthropic-messages", "output", {"output_format": {}}, "output_format"),
        ("anthropic-messages", "turns", {}, "messages"),
        ("gemini", "turns[0]", {}, "turns[0]"),
        ("openai-chat", "", {}, ""),
    ],
)
def test_a_field_has_the_name_that_the_client_gave_it(
    source: str, field: str, body: dict[str, Any], named: str
) -> None:
    read = read_request({"model": "m", **body}, source) if source != "gemini" else Refused("", "")
    prompt = Prompt(instructions=(Text("a"), Text("b"))) if isinstance(read, Refused) else read[0]
    assert client_field(field, body, source, prompt) == named
