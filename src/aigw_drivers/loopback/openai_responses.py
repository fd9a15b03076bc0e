"""OpenAI's Responses over WebSocket: a create is answered with the events that its stream over HTTP would have.

Decides: the errors of a create, and which response one may go on from: the latest of the connection. Must not know:
frames, when an event is sent, and the output of a response. Source: OpenAI's guide "WebSocket mode".
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from . import openai
from .options import Options
from .realtime import Action, RealtimeOptions, Say


class ResponsesSession:
    """One connection, with one lane. Creates are answered one after another."""

    def __init__(self, query: Mapping[str, str], options: RealtimeOptions) -> None:
        self._options = Options(chunks=options.chunks)
        self._waiting: deque[Action] = deque()
        self._latest: object = None

    @property
    def speaking(self) -> bool:
        return bool(self._waiting)

    def opened(self) -> list[Action]:
        return []

    def received(self, message: bytes, *, text: bool) -> list[Action]:
        try:
            body = msgspec.json.decode(message)
        except (msgspec.MsgspecError, ValueError):
            body = None
        if not isinstance(body, dict) or body.get("type") != "response.create":
            self._refuse(400, "A message must be a `response.create`", "type")
            return []
        previous = body.get("previous_response_id")
        if previous is not None and previous != self._latest:
            why = f"Previous response with id '{previous}' not found."
            self._refuse(400, why, "previous_response_id", code="previous_response_not_found")
            return []
        answer = openai.responses({**body, "stream": True}, self._options)
        if answer.status != 200:
            error = msgspec.json.decode(b"".join(piece.data for piece in answer.pieces))
            self._say({"type": "error", "status": answer.status, **error})
            return []
        for event in (*(piece.data for piece in answer.pieces), answer.done):
            self._waiting.append(Say(event.partition(b"\ndata: ")[2].strip()))
        self._latest = msgspec.json.decode(answer.done.partition(b"\ndata: ")[2])["response"]["id"]
        return []

    def next(self) -> list[Action]:
        return [self._waiting.popleft()]

    def _refuse(self, status: int, message: str, param: str, code: str | None = None) -> None:
        error = msgspec.json.decode(openai.error_body(status, message, param))["error"]
        self._say({"type": "error", "status": status, "error": {**error, "code": code}})

    def _say(self, message: Mapping[str, object]) -> None:
        self._latest = None
        self._waiting.append(Say(msgspec.json.encode(message)))
