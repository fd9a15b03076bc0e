"""The parts of a chat message's content: text, reasoning, images, refusals, references.

Decides: what a part means, whoever's type it has: OpenAI's, Mistral's, Anthropic's (Databricks, LiteLLM), OpenRouter's.
Must not know: streams and choices.
"""

from ...events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Unrecognised,
)
from ..values import JsonObject, arr, base64_size, count, obj, text, word

_TEXTS = frozenset({"text", "output_text"})
_THOUGHTS = frozenset({"thinking", "reasoning", "redacted_thinking", "reasoning_text", "summary_text", "thought"})


def read_parts(content: object, index: int, out: list[ProviderEvent]) -> None:
    """Read a message's ``content`` that is no string: parts in a list, or one alone."""
    for part in arr(content) or [content]:
        if type(part) is str:
            if part:
                out.append(TextDelta(part, index))
            continue
        value = obj(part)
        kind = text(value.get("type"))
        if kind in _TEXTS or (not kind and "text" in value):
            if text(value.get("text")):
                out.append(TextDelta(text(value["text"]), index))
        elif kind in _THOUGHTS:
            read_reasoning(value, index, out)
        elif kind in ("image_url", "image", "output_image"):
            read_image(value, index, out)
        elif kind == "refusal":
            if text(value.get("refusal")):
                out.append(RefusalDelta(text(value["refusal"]), index))
        elif kind in ("audio", "output_audio", "input_audio"):
            spoken = obj(value.get("audio")) or obj(value.get("input_audio")) or value
            out.append(AudioDelta(base64_size(spoken.get("data")), word(spoken.get("transcript")), index))
        elif kind == "reference":
            out.append(Citation(choice=index))
        elif value:
            out.append(Unrecognised(f"content part {kind[:40]}"))


def read_reasoning(value: object, index: int, out: list[ProviderEvent], *, with_text: bool = True) -> None:
    """Read reasoning that is no string: OpenRouter's ``reasoning_details``, Anthropic's and Mistral's blocks, Bedrock's
    ``reasoningContent``. ``with_text`` is false if its text came under another name; signatures come only here."""
    for one in arr(value) or [value]:
        holder = obj(one)
        sealed = word(holder.get("data")) or word(holder.get("redactedContent"))
        signature = word(holder.get("signature")) or word(obj(holder.get("reasoningText")).get("signature")) or sealed
        piece = _thought(one, 0) if with_text else ""
        if piece or signature:
            out.append(ReasoningDelta(piece, index, signature=signature, redacted=sealed is not None))


def _thought(value: object, depth: int) -> str:
    """The text of reasoning of any form."""
    if type(value) is str:
        return value
    if depth > 4:
        return ""
    if type(value) is list:
        return "".join([_thought(one, depth + 1) for one in value])
    holder = obj(value)
    for name in ("text", "thinking", "summary", "content", "reasoning", "reasoningText", "reasoning_content"):
        piece = _thought(holder[name], depth + 1) if holder.get(name) else ""
        if piece:
            return piece
    return ""


def read_image(image: JsonObject, index: int, out: list[ProviderEvent]) -> None:
    """Read an image: a URL, or base64 in a ``data:`` URL."""
    url = image.get("image_url")
    address = text(url) or text(obj(url).get("url"))
    if address.startswith("data:"):
        media_type, _, data = address[5:].partition(";base64,")
        out.append(ImageDelta(base64_size(data), media_type[:100] or None, index))
    elif address:
        out.append(ImageDelta(0, None, index))


def place_in_text(annotation: JsonObject) -> tuple[int | None, int | None]:
    """Where an annotation says that it stands in the text. From 0 to 0 is what servers write that do not know."""
    start, end = count(annotation.get("start_index")), count(annotation.get("end_index"))
    return (start, end) if start is not None and end is not None and end > 0 else (None, None)
