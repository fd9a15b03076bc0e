"""Who lives in the world: a caller that checks every message it gets, and what a provider does with one request."""

import json
from typing import Final, NamedTuple

from tests.peers.peer import Headers
from tests.peers.websocket_client import WsClient

PROVIDERS = ("custom-one", "custom-two", "openai", "anthropic")


def create_message(event_id: str, who: int, much: int) -> str:
    """A create with one to three steps, sometimes with retries and timers; some in another format than the
    provider's."""
    steps = []
    for index in range(1 + (much % 8 == 7) + (much % 16 == 15)):
        step: dict[str, object] = {
            "provider": PROVIDERS[(who + index) % len(PROVIDERS)],
            "endpoint": "some/thing" if who % 11 == 10 else "chat/completions",
            "query": {"id": event_id, "pad": "p" * (0, 10, 600)[much % 3], "stream": who % 2 == 0},
        }
        if who % 7 == 6:
            step |= _translated(str(step["provider"]), event_id, step["query"])
        if who % 3 == 1:
            step["config"] = {"maxAttempts": 3, "retryDelay": 100, "requestTimeout": 2000, "idleTimeout": 5000}
        if who % 5 == 2:
            step["config"] = {"response": "both"}
        steps.append(step)
    steps[0]["eventId"] = event_id
    return json.dumps({"type": "universal.create", "request": steps if len(steps) > 1 or much % 2 else steps[0]})


def _translated(provider: str, event_id: str, query: object) -> dict[str, object]:
    """The fields of a step that asks the same in Anthropic's format; the providers here write OpenAI's."""
    assert isinstance(query, dict)
    model = "openai/m" if provider == "anthropic" else f"{provider}/m"
    text = f"{event_id} {query['pad']}"
    content: object = text
    if query["stream"]:  # these providers fetch nothing
        source = {"type": "url", "url": "https://files.test/a"}
        content = [{"type": "text", "text": text}, {"type": "document", "source": source}]
    messages = [{"role": "user", "content": content}]
    asked = {"model": model, "max_tokens": 9, "messages": messages, "stream": query["stream"]}
    return {"provider": "compat", "endpoint": "messages", "query": asked}


def _event_id(body: bytes) -> str:
    """Whose request this is."""
    asked = json.loads(body)
    if "id" in asked:
        return str(asked["id"])
    content = asked["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"]).partition(" ")[0]


#: Kinds of errors that a response may end with though its provider has told its end: nobody released it.
_STOPPED = ("response_stopped", "not_reviewed", "shutdown", "total_timeout")


class Caller:
    """A client. ``complaint`` says what was wrong with what it got, and stays."""

    def __init__(self) -> None:
        self.ws = WsClient()
        self.open = False
        self.phases: dict[str, str] = {}  #: by event id: new, streaming, ended
        self.counts: dict[str, int] = {}
        self.complaint: str | None = None
        self.pongs = 0  #: answers to what it asked
        self.repeated: list[str] = []  #: ids sent again while they ran, as far as the client knew
        self.reused: set[str] = set()
        self.done: list[str] = []  #: streams that ended well, for the world to look at
        self.last: list[tuple[str, str, int]] = []  #: event id, kind and attempts of last messages, for the world, too
        self._nobody = 0

    def send(self, text: str, event_id: str) -> bytes:
        self.phases[event_id] = "new"
        self.counts[event_id] = 0
        return self.ws.text(text)

    def ask(self) -> bytes:
        """Something that is answered at once; ``pongs`` counts the answers."""
        return self.ws.text('{"type":"universal.ping"}')

    def odd(self, much: int) -> tuple[str, bytes]:
        """Something a client may or may not do."""
        from wsproto.events import BytesMessage, CloseConnection, Ping

        choice = much % 8
        if choice == 0:
            return "garbage", self.ws.text("garbage")
        if choice == 1:
            return "ping", self.ws.event(Ping(payload=b"x" * (much // 4)))
        if choice == 2:
            return "pings", b"".join(self.ws.event(Ping(payload=b"y" * 100)) for _ in range(60))
        if choice == 3:
            self.open = False
            return "close", self.ws.event(CloseConnection(code=1000))
        if choice == 4:
            self.open = False
            return "bad frame", self.ws.carry(b"\xff\xff\xff")
        if choice == 5:
            return "binary ping", self.ws.event(BytesMessage(data=b'{"type":"universal.ping"}'))
        if choice == 6:
            running = [event_id for event_id, phase in self.phases.items() if phase == "streaming"]
            if running:
                self.repeated.append(running[0])
                self.reused.add(running[0])
                return "running id", self.ws.text(create_message(running[0], 0, 0))
            return "no step", self.ws.text('{"type":"universal.create","request":[]}')
        self._nobody += 1
        event_id = f"nobody{self._nobody}"
        step = {"eventId": event_id, "provider": "nobody", "endpoint": "x"}
        return "unknown provider", self.send(json.dumps({"type": "universal.create", "request": step}), event_id)

    def receive(self, data: bytes) -> None:
        for seen in self.ws.receive(data):
            if seen.line == "open":
                self.open = True
            elif seen.text is not None:
                self._message(seen.text)
            elif seen.line.startswith("close"):
                self.open = False
            elif seen.line.startswith("bytes after"):
                self.complaint = seen.line

    def _message(self, text: str) -> None:
        message = json.loads(text)
        kind = message["type"].removeprefix("universal.")
        event_id = message.get("metadata", {}).get("eventId")
        self.pongs += kind == "pong"
        if kind in ("pong", "going_away") or (kind == "error" and event_id is None):
            return
        phase = self.phases.get(event_id)
        if phase == "ended" and event_id in self.repeated:  # it had ended when the second came
            self.repeated.remove(event_id)
            self.counts[event_id] = 0
            phase = self.phases[event_id] = "new"
        wrong = None
        if phase is None:
            wrong = "of an exchange that was never asked for"
        elif phase == "ended":
            wrong = "behind the last message"
        elif kind in ("stream", "event", "done") and phase != "streaming":
            # In "both" a whole answer's events precede its created.
            wrong = None if kind == "event" else "before created"
        elif kind == "created" and phase == "streaming":
            wrong = "created twice"
        if wrong:
            self.complaint = f"{kind} {event_id} {wrong}: {text[:200]}"
            return
        if kind == "created" and "response" not in message:
            self.phases[event_id] = "streaming"
        elif kind == "stream":
            self._chunk(event_id, message["response"])
        elif kind != "event":
            self.phases[event_id] = "ended"
            if message.get("error", {}).get("kind") in _STOPPED:
                kind = "stopped"
            self.last.append((event_id, kind, message["metadata"]["attempts"]))
            if kind == "done":
                self.done.append(event_id)

    def _chunk(self, event_id: str, response: object) -> None:
        if not isinstance(response, dict):
            return
        delta = response.get("delta") or next(iter(response.get("choices", ())), {}).get("delta", {})
        text = delta.get("content", delta.get("text"))
        if text is None or ":" not in text:  # of a whole response that came as a chunk
            return
        name, number = text.split(":")[:2]
        if name != event_id or int(number) != self.counts[event_id]:
            self.complaint = f"{event_id} got chunk {number} of {name}, expected {self.counts[event_id]}"
        self.counts[event_id] += 1

    def waiting(self) -> list[str]:
        """Exchanges without a last message."""
        return [event_id for event_id, phase in self.phases.items() if phase != "ended"]


class Lie(NamedTuple):
    """A response that is not what it looks like. ``body``: with a numbered chunk in the place of ``CHUNK``; ``end``:
    ``ends``, ``stays open`` or ``breaks``. ``known``, ``unknown``: whether it is a response, by its format. ``asked``:
    only if a stream was asked for; else it is text."""

    name: str
    headers: Headers
    body: bytes
    end: str
    known: bool
    unknown: bool
    status: int = 200
    asked: bool = False


CHUNK: Final = b"<chunk>"
_SSE: Final = [("content-type", "text/event-stream")]
_JSON: Final = [("content-type", "application/json")]
_STOP: Final = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
_DONE: Final = b"data: [DONE]\n\n"
_WHOLE: Final = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
_ERROR: Final = b'{"error":{"message":"busy","type":"overloaded_error"}}'

LIES: Final = (
    Lie("events as text", [("content-type", "text/plain")], CHUNK + _STOP + _DONE, "ends", True, True, asked=True),
    Lie("events as JSON", _JSON, b": hello\n\n" + CHUNK + _STOP + _DONE, "stays open", True, True, asked=True),
    Lie("a document as events", _SSE, _WHOLE, "ends", True, True),
    Lie("a document and a terminator", _SSE, _WHOLE + b"\n\n" + _DONE, "stays open", True, True),
    Lie("a doubled field", _SSE, CHUNK + b"data: " + _STOP + _DONE, "ends", True, True),
    Lie("a coding that is none", [*_SSE, ("content-encoding", "utf-8")], CHUNK + _DONE, "ends", True, True),
    Lie("a terminator in quotes", _SSE, CHUNK + _STOP + b'data: "[done]" \n\n', "stays open", True, True),
    Lie("a break behind the finish", _SSE, CHUNK + _STOP, "breaks", True, False),
    Lie("half an event at the end", _SSE, CHUNK + b'data: {"choices":[{"ind', "ends", True, True),
    Lie("a break", _SSE, CHUNK, "breaks", False, False),
    Lie("an error as a document", _SSE, _ERROR + b"\n\n", "stays open", False, False),
    Lie("an error field", _SSE, b'error: {"message":"busy"}\n\n', "stays open", False, False),
    Lie("an error behind pings", _SSE, b'data: {"type":"ping"}\n\ndata: pong\n\ndata: ' + _ERROR + b"\n\n", "stays open", False, False),
    Lie("an error behind content", _SSE, CHUNK + b"data: " + _ERROR + b"\n\n", "stays open", False, False),
    Lie("words", _SSE, b"Internal Server Error\n\n", "ends", False, True),
    Lie("nothing", _SSE, b": ping\n\n", "ends", False, True),
    Lie("an empty object", _SSE, b"data: {}\n\n" + _DONE, "ends", False, True),
    Lie("an error as a finish", _SSE, _STOP.replace(b"stop", b"error") + _DONE, "ends", False, True),
    Lie("a page", [("content-type", "text/html")], b"<html><title>Just a moment</title></html>", "ends", False, True),
    Lie("an error", _JSON, _ERROR, "ends", False, True),
    Lie("a refusal", _JSON, b'{"choices":null,"base_resp":{"status_code":1039,"status_msg":"slow"}}', "ends", False, True),
    Lie("half a document", _JSON, _WHOLE[:30], "ends", False, True),
    Lie("a coding that is one", [*_SSE, ("content-encoding", "br")], CHUNK + _DONE, "ends", False, False),
    Lie("an error as events", _JSON, b"data: " + _ERROR + b"\n\n", "ends", False, False, status=400),
)  # fmt: skip


class Serving:
    """One request at a provider, and how far its answer is."""

    def __init__(self, stream: int, body: bytes, at: float = 0.0, *, known: bool = True) -> None:
        self.stream = stream
        self.known = known  #: whether its format is
        self.begins: int | None = None  #: how many bytes of the connection come before its response
        self.asked: bool = bool(body) and json.loads(body).get("stream") is True  #: for a stream
        self.at = at  #: when all of it had come
        self.billed = False  #: it costs money: it was begun, and the gateway can know that
        self.terminated = False  #: the format's own end was sent, whatever the transport does
        self.told_end = False  #: and it has arrived
        self.event_id: str = _event_id(body) if body else "?"
        self.phase = "asked"  #: asked, stream, over
        self.chunks = 0
        self.finished = False
        self.spoilt = False

    def answer(self, kind: str) -> tuple[int, Headers, bytes | None]:
        """Head, and the whole body where it is no stream."""
        if kind == "stream":
            self.phase = "stream"
            return 200, [("content-type", "text/event-stream")], None
        self.phase = "over"
        if kind == "json":
            return 200, [("content-type", "application/json")], b'{"whole":"answer"}'
        if kind == "binary":
            self.finished = True  # without a length it is a stream
            return 200, [("content-type", "audio/mpeg")], bytes(range(256))
        if kind == "wide":
            return 200, [("content-type", "application/json")], b'"' + b"y" * 18_000 + b'"'
        if kind == "large":
            return 200, [("content-type", "application/json")], b'"' + b"x" * 30_000 + b'"'
        return int(kind), [("content-type", "application/json"), ("retry-after", "1")], b'{"error":{"message":"no"}}'

    def lie(self, lie: Lie) -> bytes:
        """The body of ``lie``."""
        self.phase, self.spoilt, self.terminated = "over", True, True
        return lie.body.replace(CHUNK, self.chunk(5)) if CHUNK in lie.body else lie.body

    def tells_truth(self, lie: Lie) -> bool:
        """Whether ``lie`` is a response after all."""
        if not self.known:
            return lie.unknown
        return lie.known and (self.asked or not lie.asked)

    def chunk(self, size: int) -> bytes:
        """The next event of the stream, numbered."""
        content = f"{self.event_id}:{self.chunks}:" + "z" * size
        self.chunks += 1
        return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % content.encode()
