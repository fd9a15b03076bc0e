"""Anthropic's format: Messages, whole and streamed, and its errors.

Decides: the JSON and the order of events. Must not know: how an answer is sent.
"""

import msgspec

from .openai import JSON, MODELS, SSE, tool_pieces
from .options import HttpResponse, Options, Piece
from .text import arguments, compose

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error_body(status: int, message: str) -> bytes:
    """An error as api.anthropic.com sends it."""
    kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})


def refusal(status: int, message: str, param: str | None = None) -> HttpResponse:
    """An answer that is an error."""
    return HttpResponse(status, JSON, [Piece(error_body(status, f"{param}: {message}" if param else message))])


def _event(name: str, **fields: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode({"type": name, **fields}) + b"\n\n"


def _wants_tool(body: dict[str, object]) -> tuple[str, object] | None:
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if not isinstance(tools, list) or not tools or not isinstance(tools[0], dict):
        return None
    if not isinstance(choice, dict) or choice.get("type") not in ("any", "tool"):
        return None
    name = tools[0].get("name")
    return (name, tools[0].get("input_schema")) if isinstance(name, str) else None


def messages(body: dict[str, object], options: Options) -> HttpResponse:
    """``POST /v1/messages``, whole or streamed."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        return refusal(400, "at least one message is required", "messages")
    if not isinstance(body.get("max_tokens"), int):
        return refusal(400, "Field required", "max_tokens")
    reply = compose(body, options)
    tool = _wants_tool(body)
    call = tool_pieces(tool[1], reply.seed, options) if tool else None
    parts = call or reply.deltas
    reason = "tool_use" if call else "max_tokens" if reply.cut else "end_turn"
    usage = {"input_tokens": reply.prompt_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    if tool:
        begun: dict[str, object] = {"type": "tool_use", "id": reply.name("toolu_"), "name": tool[0], "input": {}}
        block = {**begun, "input": arguments(tool[1], reply.seed)}
    else:
        begun = {"type": "text", "text": ""}
        block = {"type": "text", "text": reply.text}
    message = {
        "id": reply.name("msg_"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model", MODELS[0]),
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": len(parts)},
    }
    if not body.get("stream"):
        return HttpResponse(200, JSON, [Piece(msgspec.json.encode(message))])

    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    pieces = [
        Piece(_event("message_start", message=start)),
        Piece(_event("content_block_start", index=0, content_block=begun)),
        Piece(_event("ping")),
    ]
    for text in parts:
        delta = {"type": "input_json_delta", "partial_json": text} if tool else {"type": "text_delta", "text": text}
        pieces.append(Piece(_event("content_block_delta", index=0, delta=delta), chunk=True))
    end = {"stop_reason": reason, "stop_sequence": None}
    pieces += [
        Piece(_event("content_block_stop", index=0)),
        Piece(_event("message_delta", delta=end, usage={"output_tokens": len(parts)})),
    ]
    failure = {"type": "overloaded_error", "message": "The loopback provider was asked to fail here"}
    return HttpResponse(200, SSE, pieces, done=_event("message_stop"), error_event=_event("error", error=failure))
