"""Writes answers as Anthropic Messages.

Decides: which content block each event belongs to, when a block ends, and how the message ends. Must not know: which
provider answered.

Source: Anthropic API reference, Messages and "Streaming messages". Blocks come strictly one after another.
``message_start`` is written with the first event, ``message_delta`` with the usage at the end of the stream, because
usage may come late: clients take the later counts. What only its maker can read stands in ``signature`` or in
``redacted_thinking``, packed if that is not Anthropic (:mod:`..foreign_reasoning`); the signature of a call stands in a
``redacted_thinking`` before it. A refusal and spoken words are text.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ...events import (
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from ..foreign_reasoning import pack, seal
from ..media import Media
from ..values import JsonObject
from .anthropic_message import AnthropicMessage
from .base import AnswerContext
from .encoding import encode, own_id
from .errors import error_body
from .maps import anthropic_reason, anthropic_usage
from .restore import Audio, Image, Piece
from .writers import OrderedWriter


class AnthropicWriter(OrderedWriter):
    """Writes one answer as Anthropic Messages. See :class:`.base.AnswerWriter`."""

    def __init__(self, context: AnswerContext) -> None:
        super().__init__(context, "toolu_")
        if self.wants_logprobs:
            self.wants_logprobs = False
            self._losses.dropped("logprobs", "Anthropic Messages have no place for them")
        self._started = False
        self._blocks = 0
        self._open = ""  # the type of the open block, which is the last
        self._open_call: int | None = None
        self._free_text = False  # whether the open call has free text, which is written as a string in an object
        self._refused = False

    @property
    def held(self) -> int:
        return self._restorer.held + self._order.held

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        if len(events) == 1 and type(events[0]) is TextDelta and self._open == "text" and self._failed is None:
            text = events[0]  # nearly every chunk of a stream: what follows says the same in more steps
            if text.choice == 0 and not self._order.waits:
                said = (self._blocks - 1, encode(text.text))
                return [b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}' % said]
        return super().write(events, media)

    def write_whole(
        self, events: Sequence[ProviderEvent], media: Sequence[Media] = (), *, completed: int | None = None
    ) -> bytes:
        message = AnthropicMessage()
        for event in self._whole_payloads(events, media):
            message.add(event)
        failed = self._failed
        return encode(message.value() if failed is None else error_body("anthropic-messages", failed))

    # -- the frame ----------------------------------------------------------------------------------------------

    def _begin(self, started: ResponseStarted | None) -> Iterator[JsonObject]:
        if self._started:
            return
        self._started = True
        id_ = own_id("msg_", self._context.id)
        model = self._context.model
        if started is not None:
            model = started.model or model
            if started.id is not None and started.id.startswith("msg_"):
                id_ = started.id
        yield {
            "type": "message_start",
            "message": {
                "id": id_,
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": anthropic_usage(self._usage),
            },
        }

    def _is_empty(self) -> bool:
        return not self._blocks

    def _write_end(self, finished: ResponseFinished) -> Iterator[JsonObject]:
        yield from self._begin(None)
        yield from self._close()
        reason = anthropic_reason(finished)
        if self._refused and reason == "end_turn":
            reason = "refusal"
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": anthropic_usage(self._usage),
        }
        yield {"type": "message_stop"}

    def _write_failure(self, failed: ResponseFailed) -> Iterator[JsonObject]:
        self._failed = failed
        yield error_body("anthropic-messages", failed)

    # -- blocks -------------------------------------------------------------------------------------------------

    def _close(self) -> Iterator[JsonObject]:
        """End the open block."""
        if self._open:
            if self._free_text:
                self._free_text = False
                yield self._delta("input_json_delta", partial_json='"}')
            self._open, self._open_call = "", None
            yield {"type": "content_block_stop", "index": self._blocks - 1}

    def _start(self, block: JsonObject, kind: str) -> Iterator[JsonObject]:
        """Begin a block behind the one that is open."""
        yield from self._begin(None)
        yield from self._close()
        self._open = kind
        self._blocks += 1
        yield {"type": "content_block_start", "index": self._blocks - 1, "content_block": block}

    def _delta(self, kind: str, **members: object) -> JsonObject:
        return {"type": "content_block_delta", "index": self._blocks - 1, "delta": {"type": kind, **members}}

    # -- events -------------------------------------------------------------------------------------------------

    def _write_piece(self, piece: Piece) -> Iterator[JsonObject]:
        if isinstance(piece, UsageReported):
            self._usage = piece
        elif isinstance(piece, ResponseFailed):
            yield from self._write_failure(piece)
        elif isinstance(piece, ResponseStarted):
            yield from self._begin(piece)
        elif isinstance(piece, Unrecognised):
            self._losses.dropped("unrecognised", f"the provider sent something unknown: {piece.what}")
        elif isinstance(piece, ToolCallDelta):
            if piece.call == self._open_call:
                written = encode(piece.arguments)[1:-1].decode() if self._free_text else piece.arguments
                yield self._delta("input_json_delta", partial_json=written)
        elif piece.choice != 0:
            self._losses.dropped("choice", "Anthropic Messages have one choice")
        elif isinstance(piece, ResponseFinished):
            self._finished = self._finished or piece
        elif isinstance(piece, TextDelta):
            yield from self._say(piece.text)
        else:
            yield from self._read_rest(piece)

    def _read_rest(self, piece: Piece) -> Iterator[JsonObject]:
        if isinstance(piece, ToolCallStarted):
            yield from self._read_call(piece)
        elif isinstance(piece, ReasoningDelta):
            yield from self._read_reasoning(piece)
        elif isinstance(piece, RefusalDelta):
            self._refused = True
            yield from self._say(piece.text)
        elif isinstance(piece, Citation):
            yield from self._cite(piece)
        elif isinstance(piece, Audio):
            self._losses.dropped("audio.delta", "Anthropic Messages have no audio: its words are written as text")
            if piece.transcript:
                yield from self._say(piece.transcript)
        elif isinstance(piece, Image):
            self._losses.dropped("image.delta", "Anthropic Messages have no images of the model")

    def _say(self, piece: str) -> Iterator[JsonObject]:
        if self._open != "text":
            yield from self._start({"type": "text", "text": ""}, "text")
        yield self._delta("text_delta", text=piece)

    def _cite(self, cited: Citation) -> Iterator[JsonObject]:
        """A source of the open text, or of an empty one. Only those with a URL can be told without their place."""
        if cited.start is not None:
            self._losses.dropped("citation", "Anthropic Messages cite for a whole block of text, not for a place in it")
        place = _place_in_document(cited)
        if not cited.url and not place:
            self._losses.dropped("citation", "Anthropic Messages cite by the place in a document, which is not known")
            return
        if self._open != "text":
            yield from self._start({"type": "text", "text": ""}, "text")
        if place:
            told = {"cited_text": cited.text or "", "document_title": cited.title, **place}
            yield self._delta("citations_delta", citation=told)
            return
        source = {"url": cited.url, "title": cited.title, "encrypted_index": "", "cited_text": cited.text or ""}
        yield self._delta("citations_delta", citation={"type": "web_search_result_location", **source})

    def _read_reasoning(self, thought: ReasoningDelta) -> Iterator[JsonObject]:
        maker = self._context.maker
        if not thought.text and not thought.signature:
            return
        if thought.redacted and thought.signature:
            if thought.text:
                yield from self._think(thought.text)
            data = seal("anthropic", maker, "redacted", thought.signature)
            yield from self._start({"type": "redacted_thinking", "data": data}, "redacted_thinking")
            yield from self._close()
            return
        if thought.text or self._open == "thinking" or maker == "anthropic":
            yield from self._think(thought.text)
            if thought.signature:
                yield self._delta("signature_delta", signature=seal("anthropic", maker, "signature", thought.signature))
                yield from self._close()
        elif thought.signature:
            data = pack(maker, "signature", thought.signature)
            yield from self._start({"type": "redacted_thinking", "data": data}, "redacted_thinking")
            yield from self._close()

    def _think(self, piece: str) -> Iterator[JsonObject]:
        if self._open != "thinking":
            yield from self._start({"type": "thinking", "thinking": "", "signature": ""}, "thinking")
        if piece:
            yield self._delta("thinking_delta", thinking=piece)

    def _read_call(self, call: ToolCallStarted) -> Iterator[JsonObject]:
        if call.kind == "provider" or call.kind == "approval":
            self._losses.dropped("tool_call.started", f"Anthropic Messages cannot say a call of kind {call.kind} alone")
            return
        if call.signature:
            data = pack(self._context.maker, "tool_call", call.signature)
            yield from self._start({"type": "redacted_thinking", "data": data}, "redacted_thinking")
            yield from self._close()
        id_ = self._tool_ids.give(call.call, call.id)
        yield from self._start({"type": "tool_use", "id": id_, "name": call.name or "", "input": {}}, "tool_use")
        self._open_call = call.call
        self._free_text = call.kind == "custom"
        yield self._delta("input_json_delta", partial_json='{"input":"' if self._free_text else "")


#: The type of a place in a document in each unit, and the members that tell it.
_PLACES: Final = {
    "char": ("char_location", "start_char_index", "end_char_index"),
    "page": ("page_location", "start_page_number", "end_page_number"),
    "block": ("content_block_location", "start_block_index", "end_block_index"),
}


def _place_in_document(cited: Citation) -> JsonObject:
    """The members that tell where in a document of the request ``cited`` stands; none if nobody told."""
    if cited.document is None or cited.source_unit is None:
        return {}
    kind, start, end = _PLACES[cited.source_unit]
    return {"type": kind, "document_index": cited.document, start: cited.source_start, end: cited.source_end}
