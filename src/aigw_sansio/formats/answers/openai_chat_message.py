"""Puts the deltas of one choice together to the message of a whole ``chat.completion``.

Decides: which members of a delta are added up, as a client of the stream does it. Must not know: events.
"""

import base64
from collections.abc import Sequence

from ..logprobs import Tokens
from ..values import JsonObject, arr, count, obj, text, unbase64

#: Members of a message whose pieces are joined.
_TEXTS = ("content", "refusal", "reasoning_content")
_LISTS = ("thinking_blocks", "annotations", "images")


class ChatMessage:
    """The message of one choice. Call :meth:`add` for each delta, set the reason, then call :meth:`choice`."""

    def __init__(self) -> None:
        self.finish = "stop"
        self.native_finish: str | None = None
        self.logprobs: Tokens = []
        self._texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._lists: dict[str, list[JsonObject]] = {name: [] for name in _LISTS}
        self._calls: list[JsonObject] = []
        self._arguments: list[list[str]] = []
        self._audio: dict[str, list[str]] = {}

    def add(self, delta: JsonObject) -> None:
        """One delta of the choice."""
        for name in _TEXTS:
            if delta.get(name):
                self._texts[name].append(text(delta[name]))
        for name in _LISTS:
            for item in arr(delta.get(name)):
                self._lists[name].append({key: part for key, part in obj(item).items() if key != "index"})
        for call in arr(delta.get("tool_calls")):
            self._add_call(obj(call))
        for name, piece in obj(delta.get("audio")).items():
            self._audio.setdefault(name, []).append(text(piece))

    def choice(self, index: int, created: int) -> JsonObject:
        """The choice with its message. Audio cannot be asked for later, so it has expired when it was made."""
        message: JsonObject = {"role": "assistant", "content": "".join(self._texts["content"])}
        message["refusal"] = "".join(self._texts["refusal"]) or None
        if self._texts["reasoning_content"]:
            message["reasoning_content"] = "".join(self._texts["reasoning_content"])
        message.update({name: items for name, items in self._lists.items() if items})
        if self._calls:
            message["tool_calls"] = [self._call(number) for number in range(len(self._calls))]
        if self._audio:
            message["audio"] = {
                "id": "".join(self._audio.get("id", ())),
                "data": _joined(self._audio.get("data", ())),
                "transcript": "".join(self._audio.get("transcript", ())),
                "expires_at": created,
            }
        if not message["content"] and (self._calls or self._audio or message["refusal"]):
            message["content"] = None
        told = {"content": self.logprobs, "refusal": None} if self.logprobs else None
        choice: JsonObject = {"index": index, "message": message, "logprobs": told, "finish_reason": self.finish}
        if self.native_finish is not None:
            choice["native_finish_reason"] = self.native_finish
        return choice

    def _add_call(self, call: JsonObject) -> None:
        index = count(call.get("index")) or 0
        if index == len(self._calls):
            self._calls.append({name: part for name, part in call.items() if name != "index"})
            self._arguments.append([])
        given = obj(call.get("function")) or obj(call.get("custom"))
        self._arguments[index].append(text(given.get("arguments")) or text(given.get("input")))

    def _call(self, number: int) -> JsonObject:
        call, written = self._calls[number], "".join(self._arguments[number])
        if call["type"] == "custom":
            return {**call, "custom": {**obj(call["custom"]), "input": written}}
        return {**call, "function": {**obj(call["function"]), "arguments": written}}


def _joined(pieces: Sequence[str]) -> str:
    """Base64 of all that ``pieces`` hold. Each has its own padding, so they cannot simply be joined."""
    if len(pieces) == 1:
        return pieces[0]
    return base64.b64encode(b"".join(unbase64(piece) or b"" for piece in pieces)).decode()
