"""OpenAI's formats: Chat Completions, Responses, the list of models, errors.

Decides: the JSON and the order of events. Must not know: how an answer is sent.
"""

from itertools import pairwise

import msgspec

from .options import HttpResponse, Options, Piece
from .text import Reply, arguments, compose, count_tokens

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}

MODELS = ("loopback-1", "loopback-1-mini")


def error_body(status: int, message: str, param: str | None = None) -> bytes:
    """An error as api.openai.com sends it."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": None}})


def refusal(status: int, message: str, param: str | None = None) -> HttpResponse:
    """An answer that is an error."""
    return HttpResponse(status, JSON, [Piece(error_body(status, message, param))])


def models() -> HttpResponse:
    """``GET /v1/models``."""
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "loopback"} for name in MODELS]
    return HttpResponse(200, JSON, [Piece(msgspec.json.encode({"object": "list", "data": data}))])


def wants_tool(body: dict[str, object]) -> tuple[str, object] | None:
    """Name and parameters of the tool that the request demands, in either of OpenAI's formats."""
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if not isinstance(tools, list) or not tools or not isinstance(tools[0], dict):
        return None
    if choice != "required" and not isinstance(choice, dict):
        return None
    function = tools[0].get("function", tools[0])
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    return function["name"], function.get("parameters")


def tool_pieces(parameters: object, seed: int, options: Options) -> list[str]:
    """The JSON text of a tool's arguments as deltas."""
    text = msgspec.json.encode(arguments(parameters, seed)).decode()
    count = min(options.chunks or 3, len(text))
    edges = [len(text) * number // count for number in range(count + 1)]
    return [text[start:stop] for start, stop in pairwise(edges)]


def _data(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _model(body: dict[str, object]) -> object:
    return body.get("model", MODELS[0])


# -- Chat Completions -------------------------------------------------------------------------------------------


def chat(body: dict[str, object], options: Options) -> HttpResponse:
    """``POST /v1/chat/completions``, whole or streamed."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return refusal(400, "`messages` must be an array with at least one message", "messages")
    count = body.get("n", 1)
    if not isinstance(count, int) or not 1 <= count <= 128:
        return refusal(400, "`n` must be an integer from 1 to 128", "n")
    replies = [compose(body, options, number) for number in range(count)]
    tool = wants_tool(body)
    calls = [tool_pieces(tool[1], reply.seed, options) if tool else None for reply in replies]
    spent = sum(len(call) if call else reply.tokens for reply, call in zip(replies, calls))
    first = replies[0]
    usage = {
        "prompt_tokens": first.prompt_tokens,
        "completion_tokens": spent,
        "total_tokens": first.prompt_tokens + spent,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    frame = {
        "id": first.name("chatcmpl-"),
        "object": "chat.completion",
        "created": first.created,
        "model": _model(body),
        "system_fingerprint": "fp_loopback",
    }
    finishes = ["tool_calls" if call else "length" if reply.cut else "stop" for reply, call in zip(replies, calls)]
    if not body.get("stream"):
        choices = []
        for number, (reply, call) in enumerate(zip(replies, calls)):
            message: dict[str, object] = {"role": "assistant", "content": None if call else reply.text, "refusal": None}
            if tool and call:
                message["tool_calls"] = [_call(reply, tool[0], "".join(call))]
            choices.append({"index": number, "message": message, "logprobs": None, "finish_reason": finishes[number]})
        return HttpResponse(200, JSON, [Piece(msgspec.json.encode({**frame, "choices": choices, "usage": usage}))])

    wanted = body.get("stream_options")
    with_usage = isinstance(wanted, dict) and wanted.get("include_usage") is True
    frame["object"] = "chat.completion.chunk"
    extra: dict[str, object] = {"usage": None} if with_usage else {}

    def chunk(number: int, delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**frame, "choices": [choice], **extra})

    pieces: list[Piece] = []
    for number, (reply, call) in enumerate(zip(replies, calls)):
        begin: dict[str, object] = {"role": "assistant", "content": None if call else "", "refusal": None}
        if tool and call:
            begin["tool_calls"] = [{"index": 0, **_call(reply, tool[0], "")}]
        pieces.append(Piece(chunk(number, begin)))
    for place in range(max(len(call or reply.deltas) for reply, call in zip(replies, calls))):
        for number, (reply, call) in enumerate(zip(replies, calls)):
            parts = call or reply.deltas
            if place < len(parts):
                part = parts[place]
                delta: dict[str, object] = {"content": part}
                if call:
                    delta = {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                pieces.append(Piece(chunk(number, delta), chunk=True))
    pieces += [Piece(chunk(number, {}, finish)) for number, finish in enumerate(finishes)]
    if with_usage:
        pieces.append(Piece(_data({**frame, "choices": [], "usage": usage})))
    error = b"data: " + error_body(500, "The loopback provider was asked to fail here") + b"\n\n"
    return HttpResponse(200, SSE, pieces, done=b"data: [DONE]\n\n", error_event=error)


def _call(reply: Reply, name: str, text: str) -> dict[str, object]:
    return {"id": reply.name("call_"), "type": "function", "function": {"name": name, "arguments": text}}


# -- Responses --------------------------------------------------------------------------------------------------


def responses(body: dict[str, object], options: Options) -> HttpResponse:
    """``POST /v1/responses``, whole or streamed."""
    if not count_tokens(body.get("input")):
        return refusal(400, "`input` must be a text or an array of items", "input")
    reply = compose(body, options)
    tool = wants_tool(body)
    call = tool_pieces(tool[1], reply.seed, options) if tool else None
    parts = call or reply.deltas
    whole = "".join(parts)
    if tool and call:
        item: dict[str, object] = {"id": reply.name("fc_"), "type": "function_call", "status": "completed"}
        item |= {"call_id": reply.name("call_"), "name": tool[0], "arguments": whole}
        begun = {**item, "status": "in_progress", "arguments": ""}
        kind = "response.function_call_arguments"
    else:
        part = {"type": "output_text", "text": whole, "annotations": [], "logprobs": []}
        item = {"id": reply.name("msg_"), "type": "message", "status": "completed", "role": "assistant"}
        item |= {"content": [part]}
        begun = {**item, "status": "in_progress", "content": []}
        kind = "response.output_text"
    cut = reply.cut and not call
    spent = len(parts)
    frame = {
        "id": reply.name("resp_"),
        "object": "response",
        "created_at": reply.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": _model(body),
        "output": [],
        "usage": None,
    }
    end = {
        **frame,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [item],
        "usage": {
            "input_tokens": reply.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": spent,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.prompt_tokens + spent,
        },
    }
    if not body.get("stream"):
        return HttpResponse(200, JSON, [Piece(msgspec.json.encode(end))])

    pieces: list[Piece] = []

    def event(name: str, fields: dict[str, object]) -> bytes:
        data = msgspec.json.encode({"type": name, "sequence_number": len(pieces), **fields})
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"

    def add(name: str, fields: dict[str, object], *, chunk: bool = False) -> None:
        pieces.append(Piece(event(name, fields), chunk))

    where: dict[str, object] = {"item_id": item["id"], "output_index": 0}
    add("response.created", {"response": frame})
    add("response.in_progress", {"response": frame})
    add("response.output_item.added", {"output_index": 0, "item": begun})
    if call:
        for text in parts:
            add(f"{kind}.delta", {**where, "delta": text}, chunk=True)
        add(f"{kind}.done", {**where, "arguments": whole})
    else:
        where["content_index"] = 0
        part = {"type": "output_text", "text": whole, "annotations": [], "logprobs": []}
        add("response.content_part.added", {**where, "part": {**part, "text": ""}})
        for text in parts:
            add(f"{kind}.delta", {**where, "delta": text, "logprobs": []}, chunk=True)
        add(f"{kind}.done", {**where, "text": whole, "logprobs": []})
        add("response.content_part.done", {**where, "part": part})
    add("response.output_item.done", {"output_index": 0, "item": item})
    failure = {
        "type": "server_error",
        "code": "server_error",
        "message": "The loopback provider was asked to fail here",
    }
    return HttpResponse(
        200,
        SSE,
        pieces,
        done=event("response.incomplete" if cut else "response.completed", {"response": end}),
        error_event=event("error", {"error": {**failure, "param": None}})
        + event("response.failed", {"response": {**frame, "status": "failed", "error": failure}}),
    )
