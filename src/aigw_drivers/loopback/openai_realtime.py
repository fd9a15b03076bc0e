"""OpenAI's format of a realtime session: the GA events of ``/v1/realtime``.

Decides: the JSON of the session, the order of events, and that a response can be cancelled between two deltas. Must not
know: frames, when a part is sent, and the output of a response (:mod:`.openai_realtime_items`). Source: OpenAI API
reference, Realtime client and server events. Identifiers are counters, so that the same messages get the same answers.
"""

import binascii
from base64 import b64decode
from typing import Final

import msgspec

from .openai import MODELS
from .openai_realtime_items import EventFields, FunctionCall, Message, Output, function_to_call
from .options import Options
from .realtime import Action, RealtimeOptions, Say
from .text import compose, count_tokens
from .tone import RATE

_PCM: Final = {"type": "audio/pcm", "rate": RATE}


class _Refused(Exception):
    """The client's event is refused: ``code``, message, and the wrong parameter."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class _ActiveResponse:
    """The running response."""

    def __init__(self, number: int, previous: str | None, modalities: object, output: Output) -> None:
        self.response_id = f"resp_{number:06d}"
        self.item_id = f"item_{number:06d}_a"
        self.previous = previous
        self.modalities = modalities
        self.output = output

    def item(self, status: str) -> dict[str, object]:
        return {"id": self.item_id, "object": "realtime.item", **self.output.item(status)}


class OpenAIRealtime:
    """One session. Implements :class:`.RealtimeSession`."""

    def __init__(self, query: dict[str, str], options: RealtimeOptions) -> None:
        self._options = options
        self._events = 0
        self._items = 0
        self._last_item: str | None = None
        self._heard_bytes = 0
        self._prompt: list[str] = []
        self._call_answered = False  # the last item is the result of a call
        self._active: _ActiveResponse | None = None
        self._session: dict[str, object] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_loopback",
            "model": query.get("model", MODELS[0]),
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {
                "input": {"format": _PCM, "transcription": None, "noise_reduction": None, "turn_detection": None},
                "output": {"format": _PCM, "voice": "loopback", "speed": 1.0},
            },
        }

    @property
    def speaking(self) -> bool:
        return self._active is not None

    def opened(self) -> list[Action]:
        return [self._event("session.created", session=self._session)]

    def received(self, message: bytes, *, text: bool) -> list[Action]:
        event_id: object = None
        try:
            if not text:
                raise _Refused("invalid_message", "Events are JSON in text messages, not binary ones")
            try:
                event = msgspec.json.decode(message)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _Refused("invalid_json", f"The message is not JSON: {error}") from None
            if not isinstance(event, dict):
                raise _Refused("invalid_message", "An event is a JSON object")
            event_id = event.get("event_id")
            kind = event.get("type")
            handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
            if handler is None:
                raise _Refused("invalid_value", f"Unknown type. Allowed are: {', '.join(_HANDLERS)}", "type")
            return handler(self, event)
        except _Refused as refused:
            told = {"type": "invalid_request_error", "code": refused.code, "message": str(refused)}
            return [self._event("error", error={**told, "param": refused.param, "event_id": event_id})]

    def next(self) -> list[Action]:
        answer = self._active
        if answer is None:
            return []
        if answer.output.done:
            return self._finish("completed")
        return self._tell(answer, answer.output.next())

    # -- the client's events ------------------------------------------------------------------------------------

    def _session_update(self, event: dict[str, object]) -> list[Action]:
        session = _object(event, "session")
        _merge(self._session, session)
        return [self._event("session.updated", session=self._session)]

    def _item_create(self, event: dict[str, object]) -> list[Action]:
        item = _object(event, "item")
        self._call_answered = item.get("type") == "function_call_output"
        said = item.get("output" if self._call_answered else "content")
        self._prompt.append(msgspec.json.encode(said).decode())
        return self._add_item(item)

    def _item_truncate(self, event: dict[str, object]) -> list[Action]:
        names = ("item_id", "content_index", "audio_end_ms")
        missing = next((name for name in names if name not in event), None)
        if missing is not None:
            raise _Refused("missing_required_parameter", f"Missing required parameter: '{missing}'.", missing)
        return [self._event("conversation.item.truncated", **{name: event[name] for name in names})]

    def _audio_append(self, event: dict[str, object]) -> list[Action]:
        audio = event.get("audio")
        if not isinstance(audio, str):
            raise _Refused("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
        try:
            self._heard_bytes += len(b64decode(audio, validate=True))
        except (binascii.Error, ValueError):
            raise _Refused("invalid_value", "The audio is not base64", "audio") from None
        return []

    def _audio_clear(self, event: dict[str, object]) -> list[Action]:
        self._heard_bytes = 0
        return [self._event("input_audio_buffer.cleared")]

    def _audio_commit(self, event: dict[str, object]) -> list[Action]:
        heard, self._heard_bytes = self._heard_bytes, 0
        if not heard:
            raise _Refused("input_audio_buffer_commit_empty", "The buffer of input audio is empty")
        self._call_answered = False
        self._prompt.append(f"{heard} bytes of audio")
        previous = self._last_item
        added = self._add_item({"type": "message", "role": "user", "content": [{"type": "input_audio"}]})
        return [
            self._event("input_audio_buffer.committed", previous_item_id=previous, item_id=self._last_item),
            *added,
        ]

    def _response_create(self, event: dict[str, object]) -> list[Action]:
        if self._active is not None:
            message = f"Conversation already has an active response: {self._active.response_id}"
            raise _Refused("conversation_already_has_active_response", message)
        asked = event.get("response", {})
        if not isinstance(asked, dict):
            raise _Refused("invalid_type", "`response` is an object", "response")
        modalities = asked.get("output_modalities", self._session["output_modalities"])
        if modalities not in (["audio"], ["text"]):
            raise _Refused("invalid_value", "Allowed are ['audio'] and ['text']", "response.output_modalities")
        said = [asked.get("instructions", self._session["instructions"]), *self._prompt]
        tools, choice = (asked.get(name, self._session[name]) for name in ("tools", "tool_choice"))
        body: dict[str, object] = {"model": self._session["model"], "input": said}
        chunks = self._options.chunks
        reply = compose(body, Options(chunks=chunks))
        function = function_to_call(tools, choice, answered=self._call_answered)
        self._items += 1
        output: Output = Message(reply, audio=modalities == ["audio"])
        if function is not None:
            output = FunctionCall(f"call_{self._items:06d}", *function, reply.seed, chunks)
        answer = self._active = _ActiveResponse(self._items, self._last_item, modalities, output)
        self._call_answered = False
        self._last_item = answer.item_id
        begun = answer.item("in_progress")
        return [
            self._event("response.created", response=self._response(answer, "in_progress")),
            self._event("response.output_item.added", response_id=answer.response_id, output_index=0, item=begun),
            self._event("conversation.item.added", previous_item_id=answer.previous, item=begun),
            *self._tell(answer, output.begin()),
        ]

    def _response_cancel(self, event: dict[str, object]) -> list[Action]:
        if self._active is None:
            raise _Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        return self._finish("cancelled")

    # -- inside -------------------------------------------------------------------------------------------------

    def _event(self, kind: str, **fields: object) -> Say:
        self._events += 1
        return Say(msgspec.json.encode({"type": kind, "event_id": f"event_{self._events:06d}", **fields}))

    def _tell(self, answer: _ActiveResponse, told: list[EventFields]) -> list[Action]:
        where = {"response_id": answer.response_id, "item_id": answer.item_id, **answer.output.where}
        return [self._event(kind, **where, **fields) for kind, fields in told]

    def _add_item(self, item: dict[str, object]) -> list[Action]:
        self._items += 1
        previous, name = self._last_item, item.get("id")
        self._last_item = name if isinstance(name, str) and name else f"item_{self._items:06d}"
        whole = {**item, "id": self._last_item, "object": "realtime.item"}
        if item.get("type") != "function_call_output":
            whole["status"] = "completed"
        return [
            self._event("conversation.item.added", previous_item_id=previous, item=whole),
            self._event("conversation.item.done", previous_item_id=previous, item=whole),
        ]

    def _response(self, answer: _ActiveResponse, status: str) -> dict[str, object]:
        cancelled = {"type": "cancelled", "reason": "client_cancelled"}
        over = status != "in_progress"
        return {
            "object": "realtime.response",
            "id": answer.response_id,
            "status": status,
            "status_details": cancelled if status == "cancelled" else None,
            "output": [answer.item("completed" if status == "completed" else "incomplete")] if over else [],
            "conversation_id": "conv_loopback",
            "output_modalities": answer.modalities,
            "max_output_tokens": self._session["max_output_tokens"],
            "audio": {"output": {"format": _PCM, "voice": "loopback"}},
            "usage": self._usage(answer) if over else None,
            "metadata": None,
        }

    def _usage(self, answer: _ActiveResponse) -> dict[str, object]:
        said, spoken = answer.output.tokens
        heard = max(1, count_tokens(self._prompt))
        return {
            "total_tokens": heard + said + spoken,
            "input_tokens": heard,
            "output_tokens": said + spoken,
            "input_token_details": {"text_tokens": heard, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": said, "audio_tokens": spoken},
        }

    def _finish(self, status: str) -> list[Action]:
        answer, self._active = self._active, None
        assert answer is not None
        item = answer.item("completed" if status == "completed" else "incomplete")
        return [
            *self._tell(answer, answer.output.end()),
            self._event("conversation.item.done", previous_item_id=answer.previous, item=item),
            self._event("response.output_item.done", response_id=answer.response_id, output_index=0, item=item),
            self._event("response.done", response=self._response(answer, status)),
        ]


_HANDLERS: Final = {
    "session.update": OpenAIRealtime._session_update,
    "conversation.item.create": OpenAIRealtime._item_create,
    "conversation.item.truncate": OpenAIRealtime._item_truncate,
    "input_audio_buffer.append": OpenAIRealtime._audio_append,
    "input_audio_buffer.clear": OpenAIRealtime._audio_clear,
    "input_audio_buffer.commit": OpenAIRealtime._audio_commit,
    "response.create": OpenAIRealtime._response_create,
    "response.cancel": OpenAIRealtime._response_cancel,
}


def _object(event: dict[str, object], name: str) -> dict[str, object]:
    value = event.get(name)
    if not isinstance(value, dict):
        raise _Refused("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    return value


def _merge(into: dict[str, object], changes: dict[str, object]) -> None:
    for name, value in changes.items():
        there = into.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            merged = dict(there)
            _merge(merged, value)
            into[name] = merged
        else:
            into[name] = value
