"""The items of an OpenAI Responses answer, each with the events of its life.

Decides: which events begin, fill and end an item, and what the item is at its end. Must not know: the order of items,
and the events of providers.

Source: OpenAI API reference, Responses, "Streaming events"; Open Responses specification. Events have no
``sequence_number`` yet. An item is begun once, then filled, then closed once.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ..logprobs import Tokens
from ..values import JsonObject, arr, obj, parse, text
from .encoding import encode
from .kept import ITEM, OBJECT, KeptText

Status: TypeAlias = Literal["completed", "incomplete"]


class Item:
    """Base of all items. ``type`` and the ids are in ``value``, which is the item as it stands."""

    def __init__(self, index: int, value: JsonObject) -> None:
        self.index = index
        self.value = value
        self._text = KeptText()  # of the open part, or all of it
        self._kept = ITEM

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return self._kept + len(self._text)

    def begin(self) -> list[JsonObject]:
        """The events that begin the item."""
        return [{"type": "response.output_item.added", "output_index": self.index, "item": dict(self.value)}]

    def close(self, status: Status) -> list[JsonObject]:
        """The events that end the item. ``incomplete``: the response ended inside it."""
        out = self.complete(status)
        return [*out, {"type": "response.output_item.done", "output_index": self.index, "item": self.value}]

    def complete(self, status: Status) -> list[JsonObject]:
        """Give ``value`` its last form; the events that tell what filled it."""
        return []

    def _take_text(self) -> str:
        """The text, which goes from here on into ``value``."""
        whole = self._text.take()
        self._kept += len(whole)
        return whole

    def event(self, type: str, **members: object) -> JsonObject:
        """An event about the item."""
        return {"type": f"response.{type}", "item_id": self.value["id"], "output_index": self.index, **members}


class ReasoningItem(Item):
    """What the model thought, as a summary, and what its maker must get back."""

    def __init__(self, index: int, id_: str) -> None:
        super().__init__(index, {"id": id_, "type": "reasoning", "summary": []})

    def say(self, piece: str) -> list[JsonObject]:
        """More of it."""
        out: list[JsonObject] = []
        if not self._text:
            part = {"type": "summary_text", "text": ""}
            out.append(self.event("reasoning_summary_part.added", summary_index=0, part=part))
        self._text.add(piece)
        return [*out, self.event("reasoning_summary_text.delta", summary_index=0, delta=piece)]

    def seal(self, data: str) -> None:
        """``data`` is told when the item ends, and comes back in the client's next request."""
        self.value["encrypted_content"] = data
        self._kept += len(data)

    def complete(self, status: Status) -> list[JsonObject]:
        whole = self._take_text()
        if not whole:
            return []
        part = {"type": "summary_text", "text": whole}
        self.value["summary"] = [part]
        return [
            self.event("reasoning_summary_text.done", summary_index=0, text=whole),
            self.event("reasoning_summary_part.done", summary_index=0, part=part),
        ]


class MessageItem(Item):
    """A message: parts of text and of refusal."""

    def __init__(self, index: int, id_: str) -> None:
        super().__init__(
            index, {"id": id_, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        )
        self._done: list[JsonObject] = []
        self._kind = ""  # of the open part
        self._place = b""  # where the open part is, as its events tell it
        self._annotations: list[JsonObject] = []
        self._logprobs: Tokens = []
        #: The characters of text in the parts that ended.
        self.text_before = 0

    def place_of(self, start: int | None, end: int | None, before: int) -> tuple[int, int] | None:
        """A place in the text of the whole response, as one in the open part, or in that which begins now. ``before``:
        the characters of the items before. ``None`` if it is not known, or in an earlier part."""
        first = before + self.text_before
        return None if start is None or end is None or start < first else (start - first, end - first)

    def say(self, piece: str, logprobs: Sequence[JsonObject] = ()) -> list[JsonObject]:
        """More text, with the tokens that are known of it."""
        out = self._open("output_text")
        self._text.add(piece)
        self._logprobs += logprobs
        self._kept += kept_tokens(logprobs)
        return [*out, self._event("output_text.delta", delta=piece, logprobs=list(logprobs))]

    @property
    def says_text(self) -> bool:
        """Whether a part of text is open."""
        return self._kind == "output_text"

    def say_more(self, piece: str) -> bytes:
        """More text of the open part. Returns the members of its event that tell the place, as JSON."""
        self._text.add(piece)
        if not self._place:
            self._place = encode(self._event(""))[len(b'{"type":"response.",') : -1]
        return self._place

    def refuse(self, piece: str) -> list[JsonObject]:
        """More of the text in which the model declines."""
        out = self._open("refusal")
        self._text.add(piece)
        return [*out, self._event("refusal.delta", delta=piece)]

    def cite(self, annotation: JsonObject) -> list[JsonObject]:
        """A source of the text."""
        out = self._open("output_text")
        self._annotations.append(annotation)
        self._kept += 2 * OBJECT + sum(len(member) for member in annotation.values() if type(member) is str)
        number = len(self._annotations) - 1
        return [*out, self._event("output_text.annotation.added", annotation_index=number, annotation=annotation)]

    def complete(self, status: Status) -> list[JsonObject]:
        out = self._end_part()
        self.value.update(status=status, content=self._done)
        return out

    def _event(self, type: str, **members: object) -> JsonObject:
        return self.event(type, content_index=len(self._done), **members)

    def _open(self, kind: str) -> list[JsonObject]:
        """Begin a part of ``kind``, unless it is open."""
        if kind == self._kind:
            return []
        out = self._end_part()
        self._kind, self._place = kind, b""
        return [*out, self._event("content_part.added", part=self._as_part(""))]

    def _end_part(self) -> list[JsonObject]:
        if not self._kind:
            return []
        whole = self._take_text()
        part = self._as_part(whole)
        if self._kind == "refusal":
            out = [self._event("refusal.done", refusal=whole), self._event("content_part.done", part=part)]
        else:
            self.text_before += len(whole)
            told = self._event("output_text.done", text=whole, logprobs=part["logprobs"])
            out = [told, self._event("content_part.done", part=part)]
        self._done.append(part)
        self._kept += 2 * OBJECT
        self._kind, self._annotations, self._logprobs = "", [], []
        return out

    def _as_part(self, whole: str) -> JsonObject:
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": whole}
        told: JsonObject = {"type": "output_text", "text": whole, "annotations": list(self._annotations)}
        told["logprobs"] = list(self._logprobs)
        return told


def kept_tokens(tokens: Sequence[JsonObject]) -> int:
    """What log probabilities take in memory: each token is an object with a list, and so are its alternatives."""
    return sum(3 * OBJECT * (1 + len(arr(token.get("top_logprobs")))) for token in tokens)


class CallItem(Item):
    """A call that the client answers: of a function, or of a tool with free text."""

    def __init__(self, index: int, id_: str, call_id: str, name: str, *, custom: bool) -> None:
        self._member = "input" if custom else "arguments"
        self._events = "custom_tool_call_input" if custom else "function_call_arguments"
        type_ = "custom_tool_call" if custom else "function_call"
        value: JsonObject = {"id": id_, "type": type_, "status": "in_progress", "call_id": call_id, "name": name}
        super().__init__(index, {**value, self._member: ""})

    def more(self, piece: str) -> list[JsonObject]:
        """More of its arguments."""
        self._text.add(piece)
        return [self.event(f"{self._events}.delta", delta=piece)]

    def complete(self, status: Status) -> list[JsonObject]:
        whole: JsonObject = {self._member: self._take_text()}
        self.value.update(status=status, **whole)
        return [self.event(f"{self._events}.done", **whole)]


class ProviderItem(Item):
    """A search of the web that the provider ran, or its question whether it may run a tool. It comes whole."""

    def __init__(self, index: int, value: JsonObject, *, approval: bool) -> None:
        super().__init__(index, value)
        self._approval = approval

    def more(self, piece: str) -> list[JsonObject]:
        """More of its arguments, which are told at its end."""
        self._text.add(piece)
        return []

    def begin(self) -> list[JsonObject]:
        begun = super().begin()
        return begun if self._approval else [*begun, self.event("web_search_call.in_progress")]

    def complete(self, status: Status) -> list[JsonObject]:
        written = self._take_text()
        if self._approval:
            self.value["arguments"] = written
            return []
        self.value.update(status=status, action=_search(written))
        return [self.event("web_search_call.searching"), self.event("web_search_call.completed")]


class ImageItem(Item):
    """An image that the model made."""

    def __init__(self, index: int, id_: str) -> None:
        super().__init__(index, {"id": id_, "type": "image_generation_call", "status": "in_progress", "result": None})

    def preview(self, content: str, number: int) -> list[JsonObject]:
        """An early form of it. ``content`` is base64."""
        return [
            self.event("image_generation_call.partial_image", partial_image_index=number, partial_image_b64=content)
        ]

    def show(self, content: str, mime_type: str) -> None:
        """The image itself. ``content`` is base64."""
        self.value["result"] = content
        if mime_type:
            self.value["output_format"] = mime_type.removeprefix("image/")
        self._kept += len(content)

    def complete(self, status: Status) -> list[JsonObject]:
        self.value["status"] = status
        return [self.event("image_generation_call.completed")]


def _search(written: str) -> JsonObject:
    """The action of a search with these arguments, whatever a provider calls the words that it looks for."""
    given = obj(parse(written.encode("utf-8", "replace")))
    if given.get("type"):
        return given
    queries = [text(query) for query in [given.get("query"), given.get("q"), *arr(given.get("queries"))]]
    return {"type": "search", "query": next(filter(None, queries), "")}
