"""Writes answers as OpenAI Chat Completions.

Decides: which chunk each event is, and what a whole ``chat.completion`` is. Must not know: which provider answered. The
finish of each choice is written at the end of the stream, behind all content.

Source: OpenAI API reference, "Chat Completions" and its streaming. Beyond it, under the names that clients know:
``reasoning_content`` (DeepSeek), ``images`` (OpenRouter), ``native_finish_reason`` (OpenRouter),
``extra_content.google.thought_signature`` on calls (Google), and ``thinking_blocks`` (LiteLLM). A block has its whole
text again, so that a client that sends it back sends exactly what was signed; what no Anthropic model made is packed
(:mod:`..foreign_reasoning`). Things in lists of a delta have an ``index``, because OpenAI's libraries need it to put
them together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
from ..foreign_reasoning import seal
from ..logprobs import Tokens
from ..media import Media
from ..values import JsonObject
from .base import AnswerContext
from .encoding import encode, make_id, own_id
from .errors import NO_ANSWER, NO_FINISH, error_body, why_failed
from .kept import KeptText
from .maps import CHAT_REASONS, chat_usage
from .openai_chat_message import ChatMessage
from .restore import Audio, Image, Piece, first_failure, with_media, without_void_calls
from .writers import Writer


class _Choice:
    """What has been written of one choice."""

    __slots__ = ("annotations", "audio", "blocks", "calls", "finished", "images", "spoke", "thought")

    def __init__(self) -> None:
        self.calls: dict[int, tuple[int, str]] = {}  # the index of each call, and the member that holds its arguments
        self.thought = KeptText()  # the reasoning that no signature has followed
        self.blocks = self.images = self.annotations = 0
        self.audio = self.spoke = False
        self.finished: ResponseFinished | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """What one piece adds to a choice. ``finish`` is the reason of its end, ``native_finish`` the provider's word for
    it if the reason says less."""

    choice: int
    delta: JsonObject
    finish: str | None = None
    native_finish: str | None = None
    logprobs: Tokens | None = None


class ChatWriter(Writer):
    """Writes one answer as Chat Completions. See :class:`.base.AnswerWriter`."""

    def __init__(self, context: AnswerContext) -> None:
        super().__init__(context, "call_")
        self._choices: dict[int, _Choice] = {}
        self._id = own_id("chatcmpl-", context.id)
        self._model = context.model
        self._head = b""  # the members that all chunks have, once the first is written
        self._tail = b',"usage":null}' if context.include_usage else b"}"

    @property
    def held(self) -> int:
        return self._restorer.held + sum(len(choice.thought) for choice in self._choices.values())

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        if self._failed is not None:
            return []
        if len(events) == 1 and type(events[0]) is TextDelta and self._head and not self._logprobs:
            text = events[0]  # nearly every chunk of a stream: what follows says the same in more steps
            choice = self._choices.get(text.choice)
            if choice is not None:
                choice.spoke = True
                said = (self._head, text.choice, encode(text.text), self._tail)
                return [b'%b{"index":%d,"delta":{"content":%b},"finish_reason":null}]%b' % said]
        steps = self._steps(events, media)
        if self.wants_logprobs:
            steps = self._with_logprobs(steps)
        return [*map(self._chunk, steps), *self._told_failure()]

    def finish(self, *, completed: int | None = None) -> list[bytes]:
        if self._failed is not None:
            return []
        out = [self._chunk(step) for step in self._ends()]
        failure = self._told_failure()
        if failure:
            return failure
        if self._context.include_usage and self._usage is not None:
            frame = self._frame("chat.completion.chunk")
            out.append(encode({**frame, "choices": [], "usage": chat_usage(self._usage)}))
        return [*out, b"[DONE]"]

    def write_whole(
        self, events: Sequence[ProviderEvent], media: Sequence[Media] = (), *, completed: int | None = None
    ) -> bytes:
        self._whole = True
        messages: dict[int, ChatMessage] = {}
        self._failed = first_failure(events)
        if self._failed is None:
            for step in self._with_logprobs(self._steps(without_void_calls(events), media)):
                message = messages.setdefault(step.choice, ChatMessage())
                message.add(step.delta)
                message.logprobs += step.logprobs or ()
            for step in self._ends():
                message = messages.setdefault(step.choice, ChatMessage())
                message.finish, message.native_finish = step.finish or "stop", step.native_finish
        if self._failed is not None:
            return self._error(self._failed)
        body = self._frame("chat.completion")
        body["choices"] = [messages[number].choice(number, self._context.created) for number in sorted(messages)]
        if self._usage is not None:
            body["usage"] = chat_usage(self._usage)
        return encode(body)

    # -- the frame ----------------------------------------------------------------------------------------------

    def _frame(self, kind: str) -> JsonObject:
        return {"id": self._id, "object": kind, "created": self._context.created, "model": self._model}

    def _chunk(self, step: _Step) -> bytes:
        """One chunk. The id and the model are those known when the first is written."""
        if not self._head:
            self._head = encode(self._frame("chat.completion.chunk"))[:-1] + b',"choices":['
        choice: JsonObject = {"index": step.choice, "delta": step.delta, "finish_reason": step.finish}
        if step.logprobs is not None:
            choice["logprobs"] = {"content": step.logprobs, "refusal": None}
        if step.native_finish is not None:
            choice["native_finish_reason"] = step.native_finish
        return self._head + encode(choice) + b"]" + self._tail

    def _told_failure(self) -> list[bytes]:
        return [] if self._failed is None else [self._error(self._failed)]

    def _error(self, failed: ResponseFailed) -> bytes:
        return encode(error_body("openai-chat", failed))

    # -- what pieces add ----------------------------------------------------------------------------------------

    def _steps(self, events: Sequence[ProviderEvent], media: Sequence[Media]) -> Iterator[_Step]:
        for event in with_media(events, media):
            for piece in self._restorer.read(event):
                yield from self._read(piece)
                if self._failed is not None:
                    return

    def _with_logprobs(self, steps: Iterator[_Step]) -> Iterator[_Step]:
        """``steps``, with the tokens of each choice at its next text, or behind all of them."""
        for step in steps:
            tokens = self._logprobs.pop(step.choice, None) if step.delta.get("content") else None
            yield step if tokens is None else replace(step, logprobs=tokens)
        for choice in sorted(self._logprobs.keys() & self._choices.keys()):
            yield _Step(choice, {}, logprobs=self._logprobs.pop(choice))
        if self._logprobs:
            self._losses.dropped("logprobs", "they are of a choice that says nothing")
            self._logprobs.clear()

    def _read(self, piece: Piece) -> Iterator[_Step]:
        if type(piece) is TextDelta:
            yield from self._say(piece.choice, {"content": piece.text})
        elif type(piece) is UsageReported:
            self._usage = piece
        elif type(piece) is ResponseFailed:
            self._failed = piece
        elif type(piece) is ResponseStarted:
            if not self._choices:
                self._model = piece.model or self._model
                if piece.id is not None and piece.id.startswith("chatcmpl-"):
                    self._id = piece.id
            yield from self._begin(0)
        elif type(piece) is Unrecognised:
            self._losses.dropped("unrecognised", f"the provider sent something unknown: {piece.what}")
        else:
            yield from self._read_rest(piece)

    def _begin(self, number: int) -> Iterator[_Step]:
        if number not in self._choices:
            self._choices[number] = _Choice()
            yield _Step(number, {"role": "assistant", "content": "", "refusal": None})

    def _say(self, number: int, delta: JsonObject) -> Iterator[_Step]:
        """``delta`` for a choice, after its head."""
        yield from self._begin(number)
        self._choices[number].spoke = True
        yield _Step(number, delta)

    def _read_rest(self, piece: Piece) -> Iterator[_Step]:
        if type(piece) is ToolCallDelta:
            yield from self._read_arguments(piece)
        elif type(piece) is ToolCallStarted:
            yield from self._read_call(piece)
        elif type(piece) is ReasoningDelta:
            yield from self._read_reasoning(piece)
        elif type(piece) is ResponseFinished:
            yield from self._begin(piece.choice)
            choice = self._choices[piece.choice]
            choice.finished = choice.finished or piece
        elif type(piece) is RefusalDelta:
            yield from self._say(piece.choice, {"refusal": piece.text})
        elif type(piece) is Citation:
            yield from self._read_citation(piece)
        elif type(piece) is Audio:
            yield from self._read_audio(piece)
        elif type(piece) is Image:
            yield from self._read_image(piece)

    def _read_call(self, call: ToolCallStarted) -> Iterator[_Step]:
        if call.kind == "provider" or call.kind == "approval":
            self._losses.dropped("tool_call.started", f"Chat Completions have no call of kind {call.kind}")
            return
        yield from self._begin(call.choice)
        calls = self._choices[call.choice].calls
        member, empty = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
        index = len(calls)
        calls[call.call] = (index, member)
        told: JsonObject = {
            "index": index,
            "id": self._tool_ids.give(call.call, call.id),
            "type": member,
            member: {"name": call.name or "", empty: ""},
        }
        if call.signature is not None:
            told["extra_content"] = {"google": {"thought_signature": call.signature}}
        yield from self._say(call.choice, {"tool_calls": [told]})

    def _read_arguments(self, more: ToolCallDelta) -> Iterator[_Step]:
        choice = self._choices.get(more.choice)
        found = choice.calls.get(more.call) if choice is not None else None
        if found is not None:
            index, member = found
            piece = {"input": more.arguments} if member == "custom" else {"arguments": more.arguments}
            yield from self._say(more.choice, {"tool_calls": [{"index": index, member: piece}]})

    def _read_reasoning(self, thought: ReasoningDelta) -> Iterator[_Step]:
        yield from self._begin(thought.choice)
        choice = self._choices[thought.choice]
        delta: JsonObject = {}
        if thought.text:
            delta["reasoning_content"] = thought.text
            choice.thought.add(thought.text)
        if thought.signature:
            maker = self._context.maker
            if thought.redacted:
                block = {"type": "redacted_thinking", "data": seal("anthropic", maker, "redacted", thought.signature)}
            else:
                sealed = seal("anthropic", maker, "signature", thought.signature)
                block = {"type": "thinking", "thinking": choice.thought.take(), "signature": sealed}
            delta["thinking_blocks"] = [{"index": choice.blocks, **block}]
            choice.blocks += 1
        if delta:
            yield from self._say(thought.choice, delta)

    def _read_citation(self, cited: Citation) -> Iterator[_Step]:
        self._note_citation(cited, "Chat Completions")
        if not cited.url and not cited.title:
            return
        yield from self._begin(cited.choice)
        choice = self._choices[cited.choice]
        source: JsonObject = {"url": cited.url or "", "title": cited.title or "", "start_index": 0, "end_index": 0}
        if cited.start is not None and cited.end is not None:
            source.update(start_index=cited.start, end_index=cited.end)
        annotation = {"index": choice.annotations, "type": "url_citation", "url_citation": source}
        choice.annotations += 1
        yield from self._say(cited.choice, {"annotations": [annotation]})

    def _read_audio(self, audio: Audio) -> Iterator[_Step]:
        yield from self._begin(audio.choice)
        choice = self._choices[audio.choice]
        spoken: JsonObject = {}
        if not choice.audio:
            choice.audio = True
            spoken["id"] = make_id("audio_", self._id, audio.choice)
        if audio.media.content:
            spoken["data"] = audio.media.content
        if audio.transcript:
            spoken["transcript"] = audio.transcript
        yield from self._say(audio.choice, {"audio": spoken})

    def _read_image(self, image: Image) -> Iterator[_Step]:
        if image.media.preview:
            return  # the image itself follows
        if not image.media.url:
            self._losses.dropped("image.delta", "the image was not found in the provider's chunk")
            return
        yield from self._begin(image.choice)
        choice = self._choices[image.choice]
        shown = {"index": choice.images, "type": "image_url", "image_url": {"url": image.media.url}}
        choice.images += 1
        yield from self._say(image.choice, {"images": [shown]})

    def _ends(self) -> list[_Step]:
        """The finish of each choice. If one is no finish, or is missing, the response has failed."""
        steps: list[_Step] = []
        for number, choice in sorted(self._choices.items()):
            finished = choice.finished
            if finished is None:
                finished = ResponseFinished("stop" if self._whole and choice.spoke else "unknown")
                self._failed = self._failed or why_failed(finished)
            self._failed = self._failed or why_failed(finished, whole=self._whole)
            reason = CHAT_REASONS.get(finished.reason, "stop")
            if reason == "tool_calls" and not choice.calls:
                reason = "stop"  # the calls that it means have no place here, and a client would wait for them
            native = finished.raw_reason if finished.reason in ("pause", "unknown") else None
            steps.append(_Step(number, {}, finish=reason, native_finish=native))
        if not steps:
            self._failed = NO_ANSWER if self._whole else NO_FINISH
        return steps
