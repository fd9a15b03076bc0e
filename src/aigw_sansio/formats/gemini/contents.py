"""Turns, written as the contents of a Gemini request.

Decides: which contents and parts a turn becomes, where a thought signature goes, and what Gemini cannot be told. Must
not know: the settings of the request.

Source: Gemini API reference, ``Content``, ``Part``; "Function calling"; "Thought signatures". The rules that shape this
module: a content of calls is followed by one content with as many responses; a response is an object and names the
tool; a signature goes back in the part it came in. Gemini 3 refuses a step whose first call has none, unless a word of
Google's stands in its place.
"""

from typing import Final

from ...prompt import (
    Audio,
    File,
    Image,
    JsonObject,
    Native,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    Video,
)
from ..plain.conversation import Plain
from ..refusing import refusal
from ..request_tools import NameMap, arguments_object, drop_names, dropped, mapped, own_data, place_of
from ..translation import Note
from ..usual import Calls, Looked
from ..values import parse_text
from .models import GeminiModel
from .plain import NO_SIGNATURE, output_of, write_plain
from .sources import media_part

_WITH_MARKS: Final = (Text, Image, Audio, Video, File)
#: Media types of a URL that tells none.
_USUAL: Final[dict[type, str]] = {
    Image: "image/jpeg", Audio: "audio/mpeg", Video: "video/mp4", File: "application/pdf"
}  # fmt: skip


class ContentWriter:
    """Writes the contents of one request. Call :meth:`write` once."""

    __slots__ = (
        "_contents",
        "_fetches",
        "_looked",
        "_model",
        "_names",
        "_notes",
        "_own",
        "_parts",
        "_prompt",
        "_role",
        "_tool_of",
        "_unsigned",
        "_vertex",
        "_waiting",
    )

    def __init__(
        self, prompt: Prompt, looked: Looked, notes: list[Note], names: NameMap, model: GeminiModel, *, vertex: bool
    ) -> None:
        self._prompt = prompt
        self._looked = looked
        self._notes = notes
        self._names = names
        self._model = model
        self._vertex = vertex
        self._fetches = vertex or model.is_three
        self._own = prompt.maker == "google"
        self._contents: list[JsonObject] = []
        #: The role and the parts of the last one.
        self._role = ""
        self._parts: list[JsonObject] = []
        #: By the id of a call: the name of its tool. All calls so far, for responses far behind.
        self._tool_of: dict[str, str] = {}
        #: The ids of the calls in the last content, in their order.
        self._waiting: list[str] = []
        #: Whether a call had to be sent without a signature of Google's.
        self._unsigned = False

    def write(self, plain: Plain | None = None) -> list[JsonObject]:
        """The contents, in order. ``plain``: the conversation, if it is plain and not in the prompt."""
        if plain is not None:
            self._unsigned = self._model.is_three and bool(plain.ids)
            write_plain(plain, self._names, self._model, self._contents, vertex=self._vertex)
        drop_names(self._looked, self._notes, "Gemini")
        turns, shapes = self._prompt.turns, self._looked.shapes
        behind = 0  # the turns of tools so far
        for at, shape in enumerate(shapes):
            turn = turns[at]
            if type(shape) is str:
                role = "model" if turn.role == "assistant" else "user"
                if self._role == role:
                    self._put(role, [{"text": shape}])
                    continue
                if role == "model":
                    self._waiting = []  # the calls before it are no longer in the last content of the model
                self._begin(role, [{"text": shape}])
            elif turn.role == "tool":
                if at >= behind:
                    behind = self._responses(at)
            elif type(shape) is tuple and not self._model.gemma:
                self._usual_calls(shape, at)
            else:
                self._put_turn(turn, f"turns[{at}]")
        if self._unsigned:
            mapped(self._notes, "turns", "Calls without Google's signature are sent with a word that stands for one.")
        return self._contents

    def _put_turn(self, turn: Turn, field: str) -> None:
        self._extra(turn.extra, field)
        if turn.role == "assistant":
            self._put("model", self._assistant(turn, field))
            return
        if turn.role == "system":
            mapped(self._notes, field, "Gemini takes instructions in front only; it is sent as a user's text.")
        self._put("user", self._user(turn, field))

    def _usual_calls(self, shape: Calls, at: int) -> None:
        (text, calls), names = shape, self._names
        written: list[JsonObject] = [{"text": text}] if text else []
        waiting: list[str] = []
        for number, call in enumerate(calls, len(written)):
            call_id, given = call.id, parse_text(call.arguments)
            waiting.append(call_id)
            self._tool_of[call_id] = call.name
            name = names.sent.get(call.name) or names.fit(call.name, place_of(at, number))
            if type(given) is not dict:
                given = arguments_object(call, self._notes, place_of(at, number))
            if self._vertex:
                written.append({"functionCall": {"name": name, "args": given}})
            else:
                written.append({"functionCall": {"id": call_id, "name": name, "args": given}})
        if self._model.is_three:
            written[-len(calls)]["thoughtSignature"] = NO_SIGNATURE
            self._unsigned = True
        self._wait_for(waiting)
        if self._role == "model":
            self._put("model", written)
        else:
            self._begin("model", written)

    def _put(self, role: str, parts: list[JsonObject]) -> None:
        """Add ``parts`` to the last content, or as one. A content of responses stays alone."""
        if not parts:
            return
        if self._role == role and "functionResponse" not in self._parts[0]:
            self._parts.extend(parts)
        else:
            self._begin(role, parts)

    def _begin(self, role: str, parts: list[JsonObject]) -> None:
        """Add ``parts`` as a content of their own."""
        self._role, self._parts = role, parts
        self._contents.append({"role": role, "parts": parts})

    # -- the user's turns ----------------------------------------------------------------------------------------------

    def _user(self, turn: Turn, field: str) -> list[JsonObject]:
        written: list[JsonObject] = []
        for number, part in enumerate(turn.parts):
            written += self._content(part, f"{field}.parts[{number}]")
        return written

    def _content(self, part: Part, field: str) -> list[JsonObject]:
        """Text, media, and blocks of Google's own."""
        if isinstance(part, _WITH_MARKS) and part.cache is not None:
            dropped(self._notes, f"{field}.cache", "Gemini caches by itself.")
        if isinstance(part, Text):
            if not part.text:
                return []
            return [self._with_extra({"text": part.text}, part.extra, field)]
        if isinstance(part, Image):
            if part.detail not in (None, "auto"):
                dropped(self._notes, f"{field}.detail", "Gemini has no such setting for one picture.")
            return [self._with_extra(self._media(part, field), part.extra, field)]
        if isinstance(part, File):
            return [self._with_extra(self._file(part, field), part.extra, field)]
        if isinstance(part, Audio | Video):
            return [self._media(part, field)]
        if isinstance(part, Refusal):
            mapped(self._notes, field, "A refusal is sent as text.")
            return [{"text": part.text}] if part.text else []
        if isinstance(part, Native):
            return self._native(part, field)
        dropped(self._notes, field, "Gemini takes no such part here.")
        return []

    def _media(self, part: Image | Audio | Video | File, field: str) -> JsonObject:
        return media_part(part.source, _USUAL[type(part)], self._notes, field, fetches=self._fetches)

    def _file(self, part: File, field: str) -> JsonObject:
        for name, value in (("name", part.name), ("context", part.context), ("citations", part.citations or None)):
            if value is not None:
                dropped(self._notes, f"{field}.{name}", "Gemini has no place for it beside a file.")
        return self._media(part, field)

    def _native(self, part: Native, field: str) -> list[JsonObject]:
        if part.maker == "google":
            return [part.value]
        dropped(self._notes, field, "Only its own vendor understands this block.")
        return []

    def _with_extra(self, written: JsonObject, extra: JsonObject, field: str) -> JsonObject:
        if self._own:
            return {**extra, **written} if extra else written
        self._extra(extra, field)
        return written

    def _extra(self, extra: JsonObject, field: str) -> None:
        for name in extra if not self._own else ():
            dropped(self._notes, f"{field}.extra.{name[:60]}", "Gemini does not define it.")

    # -- the assistant's turns -----------------------------------------------------------------------------------------

    def _assistant(self, turn: Turn, field: str) -> list[JsonObject]:
        written: list[JsonObject] = []
        pending: str | None = None  # a signature that came with reasoning and belongs to a part that follows
        calls: list[str] = []
        for number, part in enumerate(turn.parts):
            at = f"{field}.parts[{number}]"
            if isinstance(part, Reasoning):
                signature = own_data(part.opaque, "google")
                if signature is None:
                    dropped(self._notes, at, "Gemini takes back no reasoning but Google's.")
                    continue
                if pending is not None:
                    _sign_last(written, pending)
                pending = signature
                if part.text:
                    written.append({"text": part.text, "thought": True})
            elif isinstance(part, ToolCall):
                call = self._call(part, at)
                signature = self._signature(part, at)
                if signature is None and pending is not None:
                    signature, pending = pending, None
                if signature is None and not calls and self._model.is_three:
                    signature = NO_SIGNATURE
                    self._unsigned = True
                written.append(call if signature is None else {**call, "thoughtSignature": signature})
                calls.append(part.id)
            else:
                content = self._content(part, at)
                if isinstance(part, Text):
                    signature = self._signature(part, at)
                    if signature is not None:
                        content = [{**one, "thoughtSignature": signature} for one in content or [{"text": ""}]]
                written += content
        if pending is not None:
            _sign_last(written, pending)
        if written:
            self._wait_for(calls)
        return written

    def _wait_for(self, calls: list[str]) -> None:
        """Remember the ids of the calls in what is put next."""
        if self._role != "model":
            self._waiting = calls
        elif calls:
            self._waiting += calls

    def _signature(self, part: Text | ToolCall, field: str) -> str | None:
        signature = own_data(part.opaque, "google")
        if signature is None and part.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "It is another vendor's signature.")
        return signature

    def _call(self, part: ToolCall, field: str) -> JsonObject:
        if self._model.gemma:
            raise refusal(field, "Gemma takes no tools.")
        self._tool_of[part.id] = part.name
        call: JsonObject = {} if self._vertex else {"id": part.id}
        call["name"] = self._names.fit(part.name, field)
        call["args"] = arguments_object(part, self._notes, field)
        if part.cache is not None:
            dropped(self._notes, f"{field}.cache", "Gemini caches by itself.")
        return self._with_extra({"functionCall": call}, part.extra, field)

    # -- responses of tools --------------------------------------------------------------------------------------------

    def _responses(self, at: int) -> int:
        """Write the responses in all tool turns from ``at`` on as one content; return the position behind them."""
        turns = self._prompt.turns
        found: list[tuple[ToolCallResponse, str]] = []
        if self._usual_responses(at):
            return at + 1
        while at < len(turns) and turns[at].role == "tool":
            self._extra(turns[at].extra, f"turns[{at}]")
            for number, part in enumerate(turns[at].parts):
                if isinstance(part, ToolCallResponse):
                    found.append((part, f"turns[{at}].parts[{number}]"))
            at += 1
        order = {call_id: number for number, call_id in enumerate(self._waiting)}
        if found and len({part.id for part, _ in found} & order.keys()) < len(order):
            raise refusal(found[0][1], "Gemini wants a response to each call of the turn before.")
        # Without ids, as at Vertex, the order alone tells which response belongs to which call.
        found.sort(key=lambda one: order.get(one[0].id, len(order)))
        beside: list[JsonObject] = []
        responses = [self._response(part, field, beside) for part, field in found]
        if responses:
            self._begin("user", responses)
            self._put("user", beside)
        self._waiting = []
        return at

    def _usual_responses(self, at: int) -> bool:
        """Write turn ``at``, alone, if it has usual responses to the calls before, in their order; returns whether it
        does."""
        turns = self._prompt.turns
        if at + 1 < len(turns) and turns[at + 1].role == "tool":
            return False
        results, waiting = self._looked.shapes[at], self._waiting
        if type(results) is not list or len(results) != len(waiting):
            return False
        for number, call_id in enumerate(waiting):
            if results[number][0].id != call_id:
                return False
        responses: list[JsonObject] = []
        names = self._names
        for number, (result, text) in enumerate(results):
            tool = self._tool_of[result.id]
            name = names.sent.get(tool) or names.fit(tool, place_of(at, number))
            given = output_of(text)
            if self._vertex:
                responses.append({"functionResponse": {"name": name, "response": given}})
            else:
                responses.append({"functionResponse": {"id": result.id, "name": name, "response": given}})
        self._begin("user", responses)
        self._waiting = []
        return True

    def _response(self, part: ToolCallResponse, field: str, beside: list[JsonObject]) -> JsonObject:
        """The part for one response. Media that cannot be in it go to ``beside``."""
        name = self._tool_of.get(part.id, part.name)
        if not name:
            raise refusal(field, "Gemini wants the name of the tool, and there is no call with this id.")
        texts: list[str] = []
        media: list[JsonObject] = []
        away: list[JsonObject] = []
        for number, given in enumerate(part.response):
            at = f"{field}.response[{number}]"
            if isinstance(given, Text):
                texts += [given.text] if given.text else []
                self._extra(given.extra, at)
            elif isinstance(given, File) and isinstance(given.source, PlainText):
                texts.append(given.source.text)
            elif self._model.is_three and isinstance(given, Image | File):
                media += self._content(given, at)
            elif written := self._content(given, at):
                mapped(self._notes, at, "Gemini takes it beside the response of a tool, not in it.")
                away += written
        if part.cache is not None:
            dropped(self._notes, f"{field}.cache", "Gemini caches by itself.")
        if away:
            beside += [{"text": f"From the tool {name}:"}, *away]
        response: JsonObject = {} if self._vertex else {"id": part.id}
        response["name"] = self._names.fit(name, field)
        response["response"] = _as_object(texts, is_error=part.is_error, has_media=bool(media or away))
        if media:
            response["parts"] = media
        return self._with_extra({"functionResponse": response}, part.extra, field)


def _sign_last(written: list[JsonObject], signature: str) -> None:
    """Put ``signature`` where Gemini sends it: into the last text, else into a part without text."""
    last = written[-1] if written else {}
    if "text" in last and "thought" not in last and "thoughtSignature" not in last:
        written[-1] = {**last, "thoughtSignature": signature}
    else:
        written.append({"text": "", "thoughtSignature": signature})


def _as_object(texts: list[str], *, is_error: bool, has_media: bool) -> JsonObject:
    """What a tool gave, as the object that Gemini wants: an object stays, text is its ``output`` or ``error``."""
    if is_error:
        return {"error": "\n".join(texts)}
    if len(texts) == 1:
        return output_of(texts[0])
    if not texts and has_media:
        return {}
    return {"output": "\n".join(texts)}
