"""What an answer says, so that it can be compared after it was written in another format and read again.

Decides: which events say the same, and what each of the three formats that clients speak cannot say. Must not know: how
any of them is written.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.answers.anthropic import AnthropicWriter
from aigw_sansio.formats.answers.base import AnswerContext, AnswerWriter
from aigw_sansio.formats.answers.openai_chat import ChatWriter
from aigw_sansio.formats.answers.openai_responses import ResponsesWriter
from aigw_sansio.formats.foreign_reasoning import unpack
from aigw_sansio.formats.media import Media
from aigw_sansio.formats.registry import make_reader

WRITERS: dict[str, Callable[[AnswerContext], AnswerWriter]] = {
    "openai-chat": ChatWriter,
    "openai-responses": ResponsesWriter,
    "anthropic-messages": AnthropicWriter,
}
#: A tiny image for each image event of a test that has no other.
PIXEL = Media("AAAA", mime_type="image/png")


def media_for(events: Sequence[e.ProviderEvent]) -> list[Media]:
    """Content of the size that each audio and image event tells, if that is 3 bytes."""
    return [PIXEL for event in events if isinstance(event, e.AudioDelta | e.ImageDelta)]


def streamed(format: str, payloads: Sequence[bytes]) -> list[e.ProviderEvent]:
    """The events that a reader finds in the payloads of a stream."""
    reader = make_reader(format)
    return [event for payload in payloads for event in reader.read(Chunk(payload))] + reader.finish()


def write_stream(
    format: str, events: Sequence[e.ProviderEvent], context: AnswerContext, media: Sequence[Media] | None = None
) -> list[bytes]:
    """The payloads of a whole stream in ``format``."""
    writer = WRITERS[format](context)
    return writer.write(events, media_for(events) if media is None else media) + writer.finish()


def write_whole(
    format: str, events: Sequence[e.ProviderEvent], context: AnswerContext, media: Sequence[Media] | None = None
) -> bytes:
    """The whole body in ``format``."""
    return WRITERS[format](context).write_whole(events, media_for(events) if media is None else media)


@dataclass
class Call:
    """A call put together. ``arguments`` is a value if they are JSON; none are an empty object."""

    id: str | None
    name: str | None
    kind: str
    signature: str | None
    written: str = ""

    @property
    def arguments(self) -> object:
        if self.kind == "custom":
            return self.written
        try:
            return json.loads(self.written) if self.written else {}
        except ValueError:
            return self.written

    def told(self) -> tuple[object, ...]:
        if self.kind == "provider":
            return ("call", "provider", self.name)
        return ("call", self.kind, self.id, self.name, self.arguments, self.signature)


@dataclass
class Said:
    """What one choice says, in order. Things are tuples with their kind in front; calls stand where they began."""

    things: list[object] = field(default_factory=list)
    finish: str | None = None

    def add(self, kind: str, text: str) -> None:
        """More text of a kind: of neighbours one is made."""
        last = self.things[-1] if self.things else None
        if isinstance(last, tuple) and last[0] == kind:
            self.things[-1] = (kind, last[1] + text)
        else:
            self.things.append((kind, text))

    def told(self) -> list[object]:
        return [thing.told() if isinstance(thing, Call) else thing for thing in self.things]

    @property
    def asks(self) -> bool:
        """Whether the client must answer a call."""
        return any(isinstance(thing, Call) and thing.kind != "provider" for thing in self.things)


@dataclass
class Answer:
    """What a response says."""

    choices: dict[int, Said] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)
    failed: str | None = None

    def told(self) -> object:
        """What can be compared."""
        if self.failed is not None:
            return self.failed
        said = {number: (said.told(), said.finish) for number, said in sorted(self.choices.items())}
        return said, self.usage


_COUNTED = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
            "reasoning_output_tokens")  # fmt: skip


def put_together(events: Sequence[e.ProviderEvent]) -> Answer:
    """What ``events`` say. A count that nobody gave is 0; counts in other units than tokens are left out."""
    answer = Answer()
    calls: dict[int, Call] = {}
    pending: dict[int, str] = {}  # the signatures of the next calls, by choice
    for event in events:
        match event:
            case e.ResponseFailed(message):
                answer.failed = message
            case e.UsageReported():
                answer.usage = {name: count for name in _COUNTED if (count := getattr(event, name))}
            case e.ToolCallDelta(call, arguments):
                if call in calls:
                    calls[call].written += arguments
            case e.ResponseStarted() | e.Unrecognised():
                pass
            case _:
                _add(answer.choices.setdefault(event.choice, Said()), event, calls, pending)
    return answer


def _add(said: Said, event: e.ProviderEvent, calls: dict[int, Call], pending: dict[int, str]) -> None:
    match event:
        case e.TextDelta(text):
            said.add("text", text)
        case e.RefusalDelta(text):
            said.add("refusal", text)
        case e.ReasoningDelta(text, choice, signature, redacted):
            if text:
                said.add("reasoning", text)
            blocks = unpack(signature or "")
            if blocks and blocks[0].kind == "tool_call":
                pending[choice] = blocks[0].data
            elif blocks:
                said.things.append(("signature", blocks[0].data, blocks[0].kind == "redacted"))
            elif signature:
                said.things.append(("signature", signature, redacted))
        case e.ToolCallStarted(number, id_, name, choice, kind, signature):
            calls[number] = Call(id_, name, kind, pending.pop(choice, signature))
            said.things.append(calls[number])
        case e.AudioDelta(_, transcript):
            if transcript:
                said.add("spoken", transcript)
        case e.ImageDelta(size):
            said.things.append(("image", size))
        case e.Citation(url, title, text):
            source = (event.document, event.source_start, event.source_end, event.source_unit)
            said.things.append(("citation", url, title, text, (event.start, event.end), source))
        case e.ResponseFinished(reason):
            said.finish = reason


# -- what the formats cannot say ---------------------------------------------------------------------------------------


def _first_choice_only(answer: Answer) -> None:
    """They have one choice."""
    answer.choices = {number: said for number, said in answer.choices.items() if number == 0}


def _no_calls_of(*kinds: str) -> Callable[[Answer], None]:
    def leave_out(answer: Answer) -> None:
        """Calls of these kinds cannot be told without what only their vendor has."""
        for said in answer.choices.values():
            said.things = [thing for thing in said.things if not (isinstance(thing, Call) and thing.kind in kinds)]
            _join(said)

    return leave_out


def _only_searches(answer: Answer) -> None:
    """Of what providers run only the search of the web has an item. An image is the call that made it, too."""
    for said in answer.choices.values():
        said.things = [
            thing
            for thing in said.things
            if not (isinstance(thing, Call) and thing.kind == "provider" and thing.name != "web_search")
        ]
        _join(said)


def _citations(keep: Callable[[tuple[object, ...]], tuple[object, ...] | None]) -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        for said in answer.choices.values():
            changed = [keep(one) if isinstance(one, tuple) and one[0] == "citation" else one for one in said.things]
            said.things = [one for one in changed if one is not None]
            _join(said)

    return change


_NOWHERE = (None, None)
_NO_DOCUMENT = (None, None, None, None)


def _source_only(cited: tuple[object, ...]) -> tuple[object, ...] | None:
    """The source and the place in the text have a place, the words that are cited have none."""
    _, url, title, _, place, _ = cited
    return ("citation", url, title, None, place, _NO_DOCUMENT) if url or title else None


def _source_by_url(cited: tuple[object, ...]) -> tuple[object, ...] | None:
    """Likewise, but the place of a source without a URL has none."""
    found = _source_only(cited)
    return found if found is None or found[1] else (*found[:4], _NOWHERE, _NO_DOCUMENT)


def _as_search_result(cited: tuple[object, ...]) -> tuple[object, ...] | None:
    """Only what is found by a search can be cited without its place in a document; places in the text have none."""
    _, url, title, text, _, source = cited
    return ("citation", url, title, text, _NOWHERE, source) if url or source != _NO_DOCUMENT else None


def _as_text(*kinds: str) -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        """They are text there."""
        for said in answer.choices.values():
            said.things = [
                ("text", one[1]) if isinstance(one, tuple) and one[0] in kinds else one for one in said.things
            ]
            _join(said)

    return change


def _no_images(answer: Answer) -> None:
    """A model gives no images there."""
    for said in answer.choices.values():
        said.things = [one for one in said.things if not (isinstance(one, tuple) and one[0] == "image")]
        _join(said)


def _free_text_in_an_object(answer: Answer) -> None:
    """There are no tools with free text: it is the property of an object."""
    for said in answer.choices.values():
        for thing in said.things:
            if isinstance(thing, Call) and thing.kind == "custom":
                thing.kind, thing.written = "function", json.dumps({"input": thing.written})


def _hidden_is_empty(answer: Answer) -> None:
    """Reasoning that was hidden looks like reasoning without a text."""
    for said in answer.choices.values():
        said.things = [
            (*one[:2], None) if isinstance(one, tuple) and one[0] == "signature" else one for one in said.things
        ]


def _refusal_is_a_reason(answer: Answer) -> None:
    """That the model declined is told by the reason, not by its text."""
    for said in answer.choices.values():
        if said.finish == "stop" and any(isinstance(one, tuple) and one[0] == "refusal" for one in said.things):
            said.finish = "content_filter"


def _no_pause(answer: Answer) -> None:
    """A pause is the end."""
    for said in answer.choices.values():
        if said.finish == "pause":
            said.finish = "stop"


def _an_unknown_end_is_one(answer: Answer) -> None:
    """There is no word for an end whose reason nobody knows. (A stream that names none is a failure.)"""
    for said in answer.choices.values():
        if said.finish == "unknown":
            said.finish = "stop"


def _calls_make_the_reason(answer: Answer) -> None:
    """A call that is not there cannot be waited for; one that is there always is."""
    for said in answer.choices.values():
        if said.finish == "tool_calls" and not said.asks:
            said.finish = "stop"
        _stop_beside_calls(answer)


def _stop_beside_calls(answer: Answer) -> None:
    """A stop beside calls means that the client is to answer them: readers say so in every format."""
    for said in answer.choices.values():
        if said.finish == "stop" and said.asks:
            said.finish = "tool_calls"


#: By format, what it cannot say of an answer. Everything else must be the same behind it.
CANNOT_SAY: dict[str, tuple[Callable[[Answer], None], ...]] = {
    "openai-chat": (
        _no_calls_of("provider", "approval"), _citations(_source_only), _no_pause, _an_unknown_end_is_one, _calls_make_the_reason,
    ),
    "openai-responses": (
        _first_choice_only, _only_searches, _citations(_source_by_url), _as_text("spoken"), _hidden_is_empty, _no_pause,
        _an_unknown_end_is_one, _calls_make_the_reason,
    ),
    "anthropic-messages": (
        _first_choice_only, _an_unknown_end_is_one, _refusal_is_a_reason, _no_calls_of("provider", "approval"), _no_images,
        _citations(_as_search_result), _as_text("spoken", "refusal"), _free_text_in_an_object, _stop_beside_calls,
    ),
}  # fmt: skip


def without_order(answer: Answer) -> Answer:
    """A whole answer does not tell how far the text had come at a source, nor a refusal; a message of Chat Completions
    has members, and no order between them."""
    for said in answer.choices.values():
        kinds = ("reasoning", "signature", "text", "refusal", "citation", "spoken", "image")
        sorted_ = [one for kind in kinds for one in said.things if isinstance(one, tuple) and one[0] == kind]
        said.things = [*sorted_, *(one for one in said.things if isinstance(one, Call))]
        _join(said)
    return answer


def what_remains(format: str, events: Sequence[e.ProviderEvent]) -> Answer:
    """What ``events`` say, less what ``format`` cannot say."""
    answer = put_together(events)
    for change in CANNOT_SAY[format]:
        change(answer)
    return answer


def same_answers(
    format: str, before: Sequence[e.ProviderEvent], after: Sequence[e.ProviderEvent], *, whole: bool
) -> tuple[object, object]:
    """What remains of the events ``before`` in ``format``, and what the events ``after`` say, to be compared. A call
    without an id, or with that of another, has the one that its writer made."""
    expected, found = what_remains(format, before), what_remains(format, after)
    for number, said in expected.choices.items():
        calls = [thing for thing in said.things if isinstance(thing, Call)]
        other = found.choices.get(number, Said())
        written = [thing for thing in other.things if isinstance(thing, Call)]
        ids: set[str | None] = {None}
        for one, two in zip(calls, written, strict=False):
            if one.id in ids and two.id:
                one.id = two.id
            ids.add(one.id)
    if whole:
        expected, found = without_order(expected), without_order(found)
    return expected.told(), found.told()


def _join(said: Said) -> None:
    """Make one of texts that have become neighbours."""
    things, said.things = said.things, []
    for thing in things:
        if isinstance(thing, tuple) and thing[0] in ("text", "reasoning", "refusal", "spoken"):
            said.add(thing[0], thing[1])
        else:
            said.things.append(thing)
