"""Puts the events of a stream of Anthropic Messages together to a whole message.

Decides: how deltas fill a block, as a client of the stream does it. Must not know: the events of providers.
"""

from ..values import JsonObject, arr, obj, parse, text

#: The member of a block that a delta fills, and the delta's member that holds it.
_FILLS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}


class AnthropicMessage:
    """One message. Call :meth:`add` for each event, then :meth:`value`."""

    def __init__(self) -> None:
        self._message: JsonObject = {}
        self._blocks: list[JsonObject] = []
        self._pieces: list[dict[str, list[str]]] = []

    def add(self, event: JsonObject) -> None:
        """One event of the stream."""
        kind = event["type"]
        if kind == "content_block_delta":
            self._fill(obj(event["delta"]))
        elif kind == "content_block_start":
            self._blocks.append(dict(obj(event["content_block"])))
            self._pieces.append({})
        elif kind == "message_start":
            self._message = dict(obj(event["message"]))
        elif kind == "message_delta":
            self._message.update(obj(event["delta"]), usage=event["usage"])

    def value(self) -> JsonObject:
        """The message."""
        content = [self._block(block, pieces) for block, pieces in zip(self._blocks, self._pieces, strict=True)]
        return {**self._message, "content": content}

    def _fill(self, delta: JsonObject) -> None:
        kind = text(delta["type"])
        block, pieces = self._blocks[-1], self._pieces[-1]
        if kind in _FILLS:
            member, name = _FILLS[kind]
            pieces.setdefault(member, []).append(text(delta[name]))
        elif kind == "input_json_delta":
            pieces.setdefault("input", []).append(text(delta["partial_json"]))
        elif kind == "citations_delta":
            arr(block.setdefault("citations", [])).append(delta["citation"])

    def _block(self, block: JsonObject, pieces: dict[str, list[str]]) -> JsonObject:
        filled: JsonObject = {member: "".join(texts) for member, texts in pieces.items()}
        if "input" in filled:
            filled["input"] = _input(text(filled["input"]))
        return {**block, **filled}


def _input(written: str) -> JsonObject:
    """The arguments of a call as an object. Text that is no object is kept in one."""
    if not written.strip():
        return {}
    value = parse(written.encode("utf-8", "replace"))
    return value if type(value) is dict else {"input": written}
