"""Models that others serve, on this machine: what they say follows from what they are asked.

Decides: the rule by which a model answers, and how three providers write it as a stream. Must not know: the gateway.

A model that is given a tool calls it once, then says what came back. Otherwise it says how many turns of the user it
saw, and the last of them; so a test sees whether the whole conversation was sent. ``fail`` is refused with 429, at
``die`` the connection breaks in the middle, and before what answers ``think`` stands sealed reasoning. The provider of Responses counts nothing and repeats no output at its end.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Json = dict[str, Any]


class Asked(NamedTuple):
    """What a model sees of a request: the user's turns, and what tools gave back after the last of them."""

    said: list[str]
    results: list[str]
    tool: str | None


class Request(NamedTuple):
    """A request that came."""

    path: str
    body: Json


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    models: "ScriptedModels"

    def handle_error(self, request: object, client_address: object) -> None:
        """A gateway that goes away resets its connections."""


class ScriptedModels:
    """A server of all three providers. ``requests`` are those that came. ``frames``: what answers the next ones instead
    of a model, each a stream of events as text, which breaks at its end if it is not complete."""

    def __init__(self, server: _Server) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.requests: list[Request] = []
        self.frames: list[list[str]] = []

    def bodies(self, ending: str) -> list[Json]:
        """The bodies of the requests whose path ends with ``ending``."""
        return [one.body for one in self.requests if one.path.endswith(ending)]


@contextmanager
def scripted_models() -> Iterator[ScriptedModels]:
    """The server runs while the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    made = server.models = ScriptedModels(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Tell nobody."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert isinstance(self.server, _Server)
        path = self.path.partition("?")[0]
        self.server.models.requests.append(Request(path, body))
        if self.server.models.frames:
            self._play(self.server.models.frames.pop(0))
            return
        if path.endswith("/responses"):
            asked, write = _of_responses(body), _responses
        elif path.endswith("/messages"):
            asked, write = _of_messages(body), _messages
        else:
            asked, write = _of_contents(body), _contents
        last = asked.said[-1] if asked.said else ""
        if last == "fail":
            error = {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Too many", "param": None}}
            self._whole(429, error)
            return
        self._begin()
        for number, event in enumerate(write(asked, body.get("model", "m"))):
            if last == "die" and number == 5:
                self.close_connection = True
                return
            name = f"event: {event['type']}\n" if "type" in event else ""
            self._event(f"{name}data: {json.dumps(event)}\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _play(self, frames: list[str]) -> None:
        if '"type":"error"' in frames[0]:
            self._whole(400, {"error": json.loads(frames[0])["error"]})
            return
        self._begin()
        for frame in frames:
            self._event(f"data: {frame}\n\n")
        if '"status":"in_progress"' in frames[-1] or not frames[-1].endswith("}"):
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _whole(self, status: int, value: Json) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _texts(content: object) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if isinstance(part, dict))  # type: ignore[attr-defined]


def _of_responses(body: Json) -> Asked:
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    said: list[str] = []
    results: list[str] = []
    for item in items:
        if item.get("role") == "user":
            said.append(_texts(item["content"]))
            results = []
        elif item.get("type") == "function_call_output":
            results.append(_texts(item["output"]))
    tools = [tool["name"] for tool in body.get("tools") or [] if tool["type"] == "function"]
    return Asked(said, results, tools[0] if tools else None)


def _of_messages(body: Json) -> Asked:
    said: list[str] = []
    results: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        given = [_texts(part["content"]) for part in parts if part["type"] == "tool_result"]
        if message["role"] == "user" and given:
            results += given
        elif message["role"] == "user":
            said.append(_texts(parts))
            results = []
    tools = [tool["name"] for tool in body.get("tools") or []]
    return Asked(said, results, tools[0] if tools else None)


def _of_contents(body: Json) -> Asked:
    said: list[str] = []
    results: list[str] = []
    for content in body["contents"]:
        given = [
            json.dumps(part["functionResponse"]["response"]) for part in content["parts"] if "functionResponse" in part
        ]
        if content.get("role") == "user" and given:
            results += given
        elif content.get("role") == "user":
            said.append(_texts(content["parts"]))
            results = []
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    return Asked(said, results, declared[0]["name"] if declared else None)


def _answer(asked: Asked) -> list[str] | None:
    """The words of the answer; ``None``: the tool is called."""
    if asked.results:
        return ["It is ", asked.results[-1]]
    if asked.tool is not None:
        return None
    return [f"{len(asked.said)}: ", asked.said[-1] if asked.said else ""]


SEAL = "c2VhbGVk"
ARGUMENTS = ['{"city":', '"Turku"}']


def _responses(asked: Asked, model: str) -> Iterator[Json]:
    number = len(asked.said) * 10 + len(asked.results)
    response = {"id": f"resp_made_{number}", "object": "response", "created_at": 1_796_000_000, "model": model}
    for kind in ("created", "in_progress"):
        yield {"type": f"response.{kind}", "sequence_number": 0, "response": {**response, "status": "in_progress"}}
    words = _answer(asked)
    first = int(asked.said[-1:] == ["think"])
    if first:
        thought = {"id": "rs_1", "type": "reasoning", "summary": []}
        yield {"type": "response.output_item.added", "sequence_number": 0, "output_index": 0, "item": thought}
        sealed = {**thought, "encrypted_content": SEAL}
        yield {"type": "response.output_item.done", "sequence_number": 0, "output_index": 0, "item": sealed}
    if words is None:
        item: Json = {"id": f"fc_{number}", "type": "function_call", "call_id": f"call_{number}", "name": asked.tool}
        pieces, kind, member = ARGUMENTS, "function_call_arguments", "arguments"
        bare: Json = {**item, "status": "in_progress", "arguments": ""}
        done: Json = {**item, "status": "completed", "arguments": "".join(ARGUMENTS)}
        at: Json = {"item_id": item["id"], "output_index": first}
    else:
        item = {"id": f"msg_{number}", "type": "message", "role": "assistant"}
        pieces, kind, member = words, "output_text", "text"
        part = {"type": "output_text", "text": "".join(words), "annotations": [], "logprobs": []}
        bare = {**item, "status": "in_progress", "content": []}
        done = {**item, "status": "completed", "content": [part]}
        at = {"item_id": item["id"], "output_index": first, "content_index": 0}
    yield {"type": "response.output_item.added", "sequence_number": 0, "output_index": first, "item": bare}
    if words is not None:
        yield {"type": "response.content_part.added", "sequence_number": 0, **at, "part": {**part, "text": ""}}
    more: Json = {} if words is None else {"logprobs": []}
    for piece in pieces:
        yield {"type": f"response.{kind}.delta", "sequence_number": 0, **at, "delta": piece, **more}
    ended: Json = {"name": asked.tool} if words is None else more
    yield {"type": f"response.{kind}.done", "sequence_number": 0, **at, member: "".join(pieces), **ended}
    if words is not None:
        yield {"type": "response.content_part.done", "sequence_number": 0, **at, "part": part}
    yield {"type": "response.output_item.done", "sequence_number": 0, "output_index": first, "item": done}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    yield {
        "type": "response.completed",
        "sequence_number": 0,
        "response": {**response, "status": "completed", "usage": usage},
    }


def _messages(asked: Asked, model: str) -> Iterator[Json]:
    message = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
    }
    yield {"type": "message_start", "message": {**message, "usage": {"input_tokens": 3, "output_tokens": 1}}}
    words = _answer(asked)
    first = int(asked.said[-1:] == ["think"])
    if first:
        yield {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        }
        for delta in ({"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": SEAL}):
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
    block: Json = {"type": "text", "text": ""}
    if words is None:
        block = {"type": "tool_use", "id": f"toolu_{len(asked.said)}", "name": asked.tool, "input": {}}
    yield {"type": "content_block_start", "index": first, "content_block": block}
    for piece in words or ARGUMENTS:
        delta = {"type": "text_delta", "text": piece}
        if words is None:
            delta = {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": first, "delta": delta}
    yield {"type": "content_block_stop", "index": first}
    reason = "tool_use" if words is None else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


def _contents(asked: Asked, model: str) -> Iterator[Json]:
    words = _answer(asked)
    parts = [{"text": word} for word in words or []]
    if words is None:
        parts = [{"functionCall": {"name": asked.tool, "args": json.loads("".join(ARGUMENTS))}}]  # type: ignore[dict-item]
    for part in parts:
        yield {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}], "modelVersion": model}
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    yield {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": []}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    }
