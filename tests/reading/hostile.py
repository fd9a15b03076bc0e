"""Hostile chunks and whole responses for the readers of formats, as many parts as asked for.

Decides: shapes that provoke the most work for a byte: many small parts of every kind that some format knows. Every
reader gets every shape, because a provider may send anything. Must not know: readers.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

#: The parts of a stream, by their number.
Part: TypeAlias = Callable[[int], Any]


def _delta(**delta: Any) -> dict[str, Any]:
    return {"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta}]}


def _call(number: int, index: int | None, **function: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return _delta(tool_calls=[{**place, "id": f"c{number}", "function": function}])


def _response(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **more}


def _partial(path: str, **value: Any) -> dict[str, Any]:
    call = {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}
    return {"candidates": [{"content": {"parts": [{"functionCall": call}]}}]}


#: A stream of small chunks. Each has one.
CHUNKS: Final[dict[str, Part]] = {
    "text": lambda number: _delta(content="a"),
    "choices": lambda number: {"choices": [{"index": number, "delta": {"content": "a"}, "finish_reason": "stop"}]},
    "finish of one choice": lambda number: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    "growing arguments": lambda number: _call(0, 0, arguments='{"a":[' if not number else "1,"),
    "arguments without a name": lambda number: _delta(tool_calls=[{"index": number, "function": {"arguments": "[1"}}]),
    "calls": lambda number: _call(number, number, name="f", arguments="{"),
    "calls without an index": lambda number: _call(number, None, name=f"f{number}", arguments="{}"),
    "calls at one index": lambda number: _call(number, 0, name=f"f{number}", arguments="{}"),
    "placeholders": lambda number: _call(number, number, name="f", arguments="{}"),
    "reasoning": lambda number: _delta(reasoning_details=[{"type": "reasoning.text", "text": "a", "index": number}]),
    "usage": lambda number: {**_delta(content="a"), "usage": {"prompt_tokens": number, "completion_tokens": number}},
    "response items": lambda number: _response(
        "output_item.added", output_index=number, item={"type": "function_call", "call_id": f"c{number}", "name": "f"}
    ),
    "response items, named late": lambda number: (
        _response("function_call_arguments.delta", output_index=number // 2, delta="{")
        if not number % 2
        else _response("output_item.done", output_index=number // 2, item={"type": "mcp_call", "name": "f"})
    ),
    "response items, told late to be the provider's": lambda number: (
        _response("function_call_arguments.delta", output_index=number // 2, delta="[")
        if not number % 2
        else _response("output_item.added", output_index=number // 2, item={"type": "mcp_call", "name": "f"})
    ),
    "response arguments": lambda number: _response("function_call_arguments.delta", item_id=f"i{number}", delta="{}"),
    "response texts": lambda number: _response("output_text.done", output_index=number, text="a"),
    "blocks": lambda number: {
        "type": "content_block_start",
        "index": number,
        "content_block": {"type": "tool_use", "id": f"c{number}", "name": "f", "input": {}},
    },
    "block deltas": lambda number: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":[' if not number else "1,"},
    },
    "partial arguments": lambda number: _partial(f"$.a[{number}].b", stringValue="x"),
    "a growing string": lambda number: _partial("$.a.b", stringValue="x"),
    "candidates": lambda number: {
        "candidates": [{"index": number, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]
    },
    "converse": lambda number: {
        "contentBlockDelta": {"contentBlockIndex": number, "delta": {"toolUse": {"input": "["}}}
    },
    "cohere": lambda number: {
        "type": "tool-call-start",
        "index": number,
        "delta": {"message": {"tool_calls": {"id": f"c{number}", "function": {"name": "f", "arguments": ""}}}},
    },
    "steps": lambda number: {
        "event_type": "step.start",
        "index": number,
        "step": {"type": "function_call", "id": f"c{number}", "name": "f"},
    },
    "lines": lambda number: {"model": "m", "created_at": "t", "message": {"content": "a"}, "done": False},
    "turns": lambda number: {"serverContent": {"modelTurn": {"parts": [{"text": "a"}]}, "turnComplete": True}},
    "realtime responses": lambda number: _response(
        "created" if not number % 2 else "done", response={"id": f"r{number // 2}", "status": "completed"}
    ),
    "transcripts": lambda number: {
        "type": "Results",
        "channel": {"alternatives": [{"transcript": "a"}]},
        "is_final": True,
    },
    "unknown": lambda number: {"type": f"x{number}"},
    "pings": lambda number: {"type": "ping"},
}


def chunk(name: str, number: int) -> bytes:
    """The chunk ``number`` of a stream."""
    return json.dumps(CHUNKS[name](number)).encode()


#: A whole response, or one chunk, that has so many parts.
WHOLES: Final[dict[str, Part]] = {
    "choices": lambda count: {
        "choices": [{"index": at, "message": {"content": "a"}, "finish_reason": "stop"} for at in range(count)]
    },
    "calls": lambda count: {
        "choices": [
            {
                "message": {
                    "tool_calls": [
                        {"id": f"c{at}", "function": {"name": "f", "arguments": "{}"}} for at in range(count)
                    ]
                }
            }
        ]
    },
    "parts": lambda count: {"choices": [{"message": {"content": [{"type": "text", "text": "a"}] * count}}]},
    "citations": lambda count: {"choices": [], "citations": [f"https://{at}" for at in range(count)]},
    "items": lambda count: {
        "object": "response",
        "output": [
            {"type": "function_call", "call_id": f"c{at}", "name": "f", "arguments": "{}"} for at in range(count)
        ],
    },
    "messages": lambda count: {
        "object": "response",
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": [{}]}]}
            for _ in range(count)
        ],
    },
    "blocks": lambda count: {
        "type": "message",
        "content": [{"type": "tool_use", "id": f"c{at}", "name": "f", "input": {}} for at in range(count)],
        "stop_reason": "tool_use",
    },
    "candidates": lambda count: {
        "candidates": [
            {"index": at, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"} for at in range(count)
        ]
    },
    "Google's parts": lambda count: {
        "candidates": [
            {"content": {"parts": [{"functionCall": {"name": f"f{at}", "args": {}}} for at in range(count)]}}
        ]
    },
    "snake case": lambda count: {"finish_reason": "x", **{f"a_b_{at}": [{"c_d": 1}] for at in range(count)}},
    "converse": lambda count: {
        "output": {"message": {"content": [{"toolUse": {"toolUseId": f"c{at}", "name": "f"}} for at in range(count)]}},
        "stopReason": "tool_use",
    },
    "cohere": lambda count: {
        "message": {"content": [{"type": "text", "text": "a"}] * count, "tool_calls": []},
        "finish_reason": "COMPLETE",
    },
    "generations": lambda count: {"generations": [{"id": f"{at}", "text": "a"} for at in range(count)]},
    "results": lambda count: {"results": [{"generated_text": "a", "stop_reason": "eos_token"}] * count},
    "completions": lambda count: {"completions": [{"completion": "a", "finish_reason": "x"}] * count},
    "outputs": lambda count: {"status": "succeeded", "urls": {}, "output": ["a"] * count},
    "generated texts": lambda count: [{"generated_text": "a"}] * count,
    "steps": lambda count: {
        "object": "interaction",
        "steps": [{"type": "function_call", "id": f"c{at}", "name": "f"} for at in range(count)],
    },
    "words": lambda count: {
        "metadata": {"request_id": "r"},
        "results": {"channels": [{"alternatives": [{"transcript": "a", "words": [{"word": "a"}] * count}]}]},
    },
    "errors": lambda count: {"success": False, "errors": [{"message": "a", "code": at} for at in range(count)]},
    "members": lambda count: {f"member {at}": at for at in range(count)},
    "depth": lambda count: json.loads('{"a":[' * count + "1" + "]}" * count),
    "a long text": lambda count: {"choices": [{"message": {"content": "a" * (20 * count)}}]},
}


def whole(name: str, count: int) -> bytes:
    """A whole response with ``count`` parts."""
    return json.dumps(WHOLES[name](count)).encode()
