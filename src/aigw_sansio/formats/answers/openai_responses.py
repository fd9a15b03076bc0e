"""Writes answers as OpenAI Responses.

Decides: which item each event belongs to, when an item ends, and how the response ends. Must not know: which provider
answered, and how an item looks (:mod:`.openai_responses_items`).

Source: OpenAI API reference, Responses and "Streaming events"; Open Responses specification. Items come strictly one
after another. ``response.created`` and ``.in_progress`` are written with the first event, the last one at the end of
the stream, because usage may come late; it has the whole output again, which is therefore kept. What only its maker can
read stands in ``encrypted_content``, packed if that is not OpenAI (:mod:`..foreign_reasoning`); the signature of a call
stands in a reasoning item before it.
"""

from collections.abc import Iterator, Sequence

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
from ..foreign_reasoning import Kind, pack, seal
from ..media import Media
from ..values import JsonObject
from .base import AnswerContext
from .encoding import encode, make_id, own_id
from .errors import error_body, failure
from .maps import INCOMPLETE, responses_usage
from .openai_responses_items import (
    CallItem,
    ImageItem,
    Item,
    MessageItem,
    ProviderItem,
    ReasoningItem,
    Status,
    kept_tokens,
)
from .openai_responses_object import response_object
from .restore import Audio, Image, Piece
from .writers import OrderedWriter


class ResponsesWriter(OrderedWriter):
    """Writes one answer as OpenAI Responses. See :class:`.base.AnswerWriter`."""

    def __init__(self, context: AnswerContext) -> None:
        super().__init__(context, "call_")
        self._response = response_object(context)
        self._response["id"] = own_id("resp_", context.id)
        self._sequence = 0
        self._output: list[JsonObject] = []
        self._open: Item | None = None
        self._open_call: int | None = None
        self._previews = 0
        self._kept = 0
        self._text_before = 0  # the characters of text in all items that ended

    @property
    def held(self) -> int:
        waiting = self._restorer.held + self._order.held + self._kept + kept_tokens(self._logprobs.get(0, ()))
        return waiting if self._open is None else waiting + self._open.held

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        if len(events) == 1 and type(events[0]) is TextDelta and self._failed is None:
            text, item = events[0], self._open  # nearly every chunk of a stream: what follows says the same
            if (
                type(item) is MessageItem
                and item.says_text
                and text.choice == 0
                and not (self._order.waits or self._logprobs)
            ):
                said = (self._sequence, item.say_more(text.text), encode(text.text))
                self._sequence += 1
                return [
                    b'{"type":"response.output_text.delta","sequence_number":%d,%b,"delta":%b,"logprobs":[]}' % said
                ]
        return super().write(events, media)

    def take_logprobs(self, data: bytes) -> None:
        super().take_logprobs(data)
        for choice in self._logprobs.keys() - {0}:
            del self._logprobs[choice]
            self._losses.dropped("choice", "OpenAI Responses have one choice")

    def write_whole(
        self, events: Sequence[ProviderEvent], media: Sequence[Media] = (), *, completed: int | None = None
    ) -> bytes:
        self._completed = completed
        for _ in self._whole_payloads(events, media):
            pass  # the last one is the whole response, which is kept
        failed = self._failed
        return encode(self._response if failed is None else error_body("openai-responses", failed))

    # -- the frame ----------------------------------------------------------------------------------------------

    def _numbered(self, event: JsonObject) -> JsonObject:
        numbered = {"type": event["type"], "sequence_number": self._sequence, **event}
        self._sequence += 1
        return numbered

    def _begin(self, started: ResponseStarted | None) -> Iterator[JsonObject]:
        """The first two events, unless they were written."""
        if self._sequence:
            return
        if started is not None:
            self._response["model"] = started.model or self._context.model
            if started.id is not None and started.id.startswith("resp_"):
                self._response["id"] = started.id
        for kind in ("created", "in_progress"):
            yield self._numbered({"type": f"response.{kind}", "response": dict(self._response)})

    def _payloads(self, events: Sequence[ProviderEvent], media: Sequence[Media]) -> Iterator[JsonObject]:
        yield from super()._payloads(events, media)
        item = self._open
        if self._logprobs and isinstance(item, MessageItem) and item.says_text:  # the tokens of what was said before
            yield from map(self._numbered, item.say("", self._logprobs.pop(0, ())))

    def _is_empty(self) -> bool:
        return not self._output and self._open is None

    def _write_piece(self, piece: Piece) -> Iterator[JsonObject]:
        yield from self._begin(piece if type(piece) is ResponseStarted else None)
        yield from map(self._numbered, self._read(piece))

    def _write_failure(self, failed: ResponseFailed) -> Iterator[JsonObject]:
        yield from self._begin(None)
        yield from map(self._numbered, self._fail(failed))

    def _write_end(self, finished: ResponseFinished) -> Iterator[JsonObject]:
        yield from self._begin(None)
        if self._logprobs:
            self._losses.dropped("logprobs", "OpenAI Responses have a place for those of texts only")
        reason = INCOMPLETE.get(finished.reason)
        status: Status = "completed" if reason is None else "incomplete"
        yield from map(self._numbered, self._close(status))
        if reason is not None:
            self._response["incomplete_details"] = {"reason": reason}
        elif self._completed is not None:
            self._response["completed_at"] = max(self._completed, self._context.created)  # clocks may be set back
        yield self._numbered(self._last(status))

    def _last(self, status: str) -> JsonObject:
        """The last event of the stream: the whole response."""
        self._response.update(status=status, output=self._output)
        if self._usage is not None:
            self._response["usage"] = responses_usage(self._usage)
        return {"type": f"response.{status}", "response": self._response}

    def _fail(self, failed: ResponseFailed) -> Iterator[JsonObject]:
        self._failed = failed
        yield from self._close("incomplete")
        self._response["error"] = failure(failed)
        yield self._last("failed")

    # -- items --------------------------------------------------------------------------------------------------

    def _close(self, status: Status) -> Iterator[JsonObject]:
        """End the open item."""
        item = self._open
        if item is not None:
            self._open = self._open_call = None
            yield from item.close(status)
            if isinstance(item, MessageItem):
                self._text_before += item.text_before
            self._output.append(item.value)
            self._kept += item.held

    def _start(self, item: Item) -> Iterator[JsonObject]:
        """Begin an item behind the one that is open."""
        yield from self._close("completed")
        self._open = item
        yield from item.begin()

    def _place(self) -> int:
        """The index of the item that comes next."""
        return len(self._output) + (self._open is not None)

    def _id(self, prefix: str) -> str:
        return make_id(prefix, self._response["id"], self._place(), length=32)

    def _message(self) -> tuple[MessageItem, list[JsonObject]]:
        """The open message, or a new one with the events that begin it."""
        if isinstance(self._open, MessageItem):
            return self._open, []
        item = MessageItem(self._place(), self._id("msg_"))
        return item, list(self._start(item))

    # -- events -------------------------------------------------------------------------------------------------

    def _read(self, piece: Piece) -> Iterator[JsonObject]:
        if isinstance(piece, UsageReported):
            self._usage = piece
        elif isinstance(piece, ResponseFailed):
            yield from self._fail(piece)
        elif isinstance(piece, ResponseStarted):
            return
        elif isinstance(piece, Unrecognised):
            self._losses.dropped("unrecognised", f"the provider sent something unknown: {piece.what}")
        elif isinstance(piece, ToolCallDelta):
            if piece.call == self._open_call and isinstance(self._open, CallItem | ProviderItem):
                yield from self._open.more(piece.arguments)
        elif piece.choice != 0:
            self._losses.dropped("choice", "OpenAI Responses have one choice")
        elif type(piece) is ResponseFinished:
            self._finished = self._finished or piece
        elif type(piece) is TextDelta:
            yield from self._say(piece.text)
        else:
            yield from self._read_rest(piece)

    def _read_rest(self, piece: Piece) -> Iterator[JsonObject]:
        if type(piece) is ToolCallStarted:
            yield from self._read_call(piece)
        elif type(piece) is ReasoningDelta:
            yield from self._read_reasoning(piece)
        elif type(piece) is RefusalDelta:
            message, begun = self._message()
            yield from begun
            yield from message.refuse(piece.text)
        elif type(piece) is Citation:
            yield from self._read_citation(piece)
        elif type(piece) is Audio:
            self._losses.dropped("audio.delta", "OpenAI Responses have no audio: its words are written as text")
            if piece.transcript:
                yield from self._say(piece.transcript)
        elif type(piece) is Image:
            yield from self._read_image(piece.media)

    def _say(self, piece: str) -> Iterator[JsonObject]:
        message, begun = self._message()
        yield from begun
        yield from message.say(piece, self._logprobs.pop(0, ()))

    def _read_reasoning(self, thought: ReasoningDelta) -> Iterator[JsonObject]:
        item = self._open
        if not isinstance(item, ReasoningItem) or (thought.redacted and thought.signature):
            item = ReasoningItem(self._place(), self._id("rs_"))
            yield from self._start(item)
        if thought.text:
            yield from item.say(thought.text)
        if thought.signature:
            kind: Kind = "redacted" if thought.redacted else "signature"
            item.seal(seal("openai", self._context.maker, kind, thought.signature))
            yield from self._close("completed")

    def _read_call(self, call: ToolCallStarted) -> Iterator[JsonObject]:
        name = call.name or ""
        if call.kind == "provider":
            if name.startswith("web_search"):
                value: JsonObject = {"id": self._id("ws_"), "type": "web_search_call", "status": "in_progress"}
                value["action"] = {"type": "search", "query": ""}
                yield from self._start(ProviderItem(self._place(), value, approval=False))
                self._open_call = call.call
            elif not name.startswith("image_generation"):  # the image follows, and is the item
                self._losses.dropped("tool_call.started", "OpenAI Responses have no item for this tool of the provider")
            return
        id_ = self._tool_ids.give(call.call, call.id)
        if call.kind == "approval":
            value = {"id": id_, "type": "mcp_approval_request", "server_label": "", "name": name, "arguments": ""}
            yield from self._start(ProviderItem(self._place(), value, approval=True))
        else:
            if call.signature:
                sealed = ReasoningItem(self._place(), self._id("rs_"))
                yield from self._start(sealed)
                sealed.seal(pack(self._context.maker, "tool_call", call.signature))
                yield from self._close("completed")
            custom = call.kind == "custom"
            item_id = self._id("ctc_" if custom else "fc_")
            yield from self._start(CallItem(self._place(), item_id, id_, name, custom=custom))
        self._open_call = call.call

    def _read_citation(self, cited: Citation) -> Iterator[JsonObject]:
        self._note_citation(cited, "OpenAI Responses")
        annotation: JsonObject
        if cited.url:
            annotation = {"type": "url_citation", "url": cited.url, "title": cited.title or ""}
            annotation.update(start_index=0, end_index=0)
        elif cited.title:
            annotation = {"type": "file_citation", "file_id": "", "filename": cited.title, "index": 0}
        else:
            return
        message, begun = self._message()
        yield from begun
        place = message.place_of(cited.start, cited.end, self._text_before) if cited.url else None
        if place is not None:
            annotation.update(start_index=place[0], end_index=place[1])
        elif cited.start is not None:
            self._losses.dropped("citation", "its place is not in the part of text that is open, or it has no URL")
        yield from message.cite(annotation)

    def _read_image(self, media: Media) -> Iterator[JsonObject]:
        if not media.content:
            self._losses.dropped("image.delta", "OpenAI Responses have no images that are only a URL")
            return
        item = self._open
        if not isinstance(item, ImageItem):
            item = ImageItem(self._place(), self._id("ig_"))
            self._previews = 0
            yield from self._start(item)
        if media.preview:
            yield from item.preview(media.content, self._previews)
            self._previews += 1
        else:
            item.show(media.content, media.mime_type)
            yield from self._close("completed")
