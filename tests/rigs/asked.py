"""Requests and streamed chunks to be translated, of a given size, in each format."""

import json
from typing import Any, Final

import msgspec

from aigw_sansio.prompt import Image, Prompt, Uri
from aigw_sansio.translate import Refused, read_request, write_request

#: What each provider calls its model, by the name of its format.
MODELS: Final[dict[str, str]] = {
    "openai-chat": "gpt-4.1",
    "openai-responses": "gpt-4.1",
    "anthropic-messages": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock-converse": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "cohere-v2": "command-a-03-2025",
    "mistral": "mistral-large-latest",
    "ollama-chat": "llama3.2",
}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
    "required": ["city"],
}
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city, now.", "parameters": _SCHEMA},
}
_WORDS: Final = "The quick brown fox jumps over the lazy dog, and nobody asks it why. "


def chat_request(size: int) -> dict[str, Any]:
    """A request in OpenAI's chat format, about ``size`` bytes: system, a tool, and rounds of a question, a call of the
    tool, its result and an answer, of about 1 KiB each."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You are brief. " + _WORDS}]
    body: dict[str, Any] = {
        "model": MODELS["openai-chat"],
        "messages": messages,
        "tools": [_TOOL],
        "max_tokens": 1024,
        "temperature": 0.5,
        "stop": ["END"],
        "stream": True,
    }
    number, written = 0, len(json.dumps(body))
    while written < size - 600:
        call = {"name": "get_weather", "arguments": json.dumps({"city": f"City {number}", "unit": "C"})}
        one: list[dict[str, Any]] = [
            {"role": "user", "content": _WORDS * 4},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps({"degrees": number})},
            {"role": "assistant", "content": _WORDS * 4},
        ]
        one[1]["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": call}]
        messages += one
        written += len(json.dumps(one))
        number += 1
    messages.append({"role": "user", "content": _WORDS * (1 + max(0, size - written - 100) // len(_WORDS))})
    return body


def request(client_format: str, size: int) -> dict[str, Any]:
    """The same request in any format of clients."""
    body = chat_request(size)
    return body if client_format == "openai-chat" else _written(_read(body), client_format)


def pictured(client_format: str, size: int) -> dict[str, Any]:
    """The same with a picture in its last message: so its conversation is not plain."""
    prompt = _read(chat_request(size))
    last = prompt.turns[-1]
    seen = msgspec.structs.replace(last, parts=(*last.parts, Image(Uri("https://pictures.example/1.png"))))
    return _written(msgspec.structs.replace(prompt, turns=(*prompt.turns[:-1], seen)), client_format)


def _read(body: dict[str, Any]) -> Prompt:
    read = read_request(body, "openai-chat")
    assert not isinstance(read, Refused), read
    return read[0]


def _written(prompt: Prompt, client_format: str) -> dict[str, Any]:
    written = write_request(prompt, client_format)
    assert not isinstance(written, Refused), written
    return written[0].body


#: How a stream begins in each format of providers, and a content chunk whose text is to be filled in.
_CHAT_HEAD: Final = (
    '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    '{"role":"assistant","content":""},"finish_reason":null}]}'
)
_CHAT_TEXT: Final = (
    '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    '{"content":"%s"},"finish_reason":null}]}'
)
STREAMS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "openai-chat": ((_CHAT_HEAD,), _CHAT_TEXT),
    "mistral": ((_CHAT_HEAD,), _CHAT_TEXT),
    "openai-responses": (
        (
            '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","model":"m",'
            '"status":"in_progress","output":[]}}',
            '{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message",'
            '"id":"msg_1","role":"assistant","content":[]}}',
        ),
        '{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"%s",'
        '"sequence_number":12}',
    ),
    "anthropic-messages": (
        (
            '{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m",'
            '"content":[],"usage":{"input_tokens":9,"output_tokens":1}}}',
            '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        ),
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}',
    ),
    "gemini": (
        ('{"candidates":[{"content":{"parts":[{"text":"A"}],"role":"model"},"index":0}],"modelVersion":"m"}',),
        '{"candidates":[{"content":{"parts":[{"text":"%s"}],"role":"model"},"index":0}],"modelVersion":"m"}',
    ),
    "cohere-v2": (
        (
            '{"type":"message-start","id":"1","delta":{"message":{"role":"assistant","content":[]}}}',
            '{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}',
        ),
        '{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"%s"}}}}',
    ),
    "bedrock-converse": (
        ('{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"A"}}}',),
        '{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"%s"}}}',
    ),
    "ollama-chat": (
        (
            '{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"A"},"done":false}',
        ),
        '{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"%s"},"done":false}',
    ),
}


def opening(provider_format: str) -> list[bytes]:
    """The chunks with which a stream begins."""
    return [text.encode() for text in STREAMS[provider_format][0]]


def content(provider_format: str, size: int = 200) -> bytes:
    """A content chunk whose server-sent event has ``size`` bytes."""
    form = STREAMS[provider_format][1]
    room = size - len(form % "") - len("data: \n\n")
    return (form % (_WORDS * (1 + room // len(_WORDS)))[: max(1, room)]).encode()


def framed(provider_format: str, payload: bytes) -> bytes:
    """``payload`` as a server-sent event, named if the provider names its events."""
    if provider_format in {"openai-responses", "anthropic-messages"}:
        return b"event: " + str(json.loads(payload)["type"]).encode() + b"\ndata: " + payload + b"\n\n"
    return b"data: " + payload + b"\n\n"
