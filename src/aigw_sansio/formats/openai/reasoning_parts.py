"""Reasoning beside the messages of Chat Completions: the members in which servers and gateways carry it.

Decides: which of those members say the same, what each one's data belongs to, and how OpenRouter wants it back. Must
not know: what the rest of a message means.

The API has no member for reasoning. Clients send back what they were given: ``reasoning_content`` (DeepSeek),
``reasoning`` (OpenRouter, Groq), ``thinking_blocks`` (Anthropic's blocks, as LiteLLM and Envoy write them),
``reasoning_details`` (OpenRouter). Source: OpenRouter's documentation of reasoning tokens; recordings.
"""

from collections.abc import Sequence
from typing import Final

from ...prompt import JsonObject, Opaque, Part, Reasoning, Text, ToolCall
from ..client_values import as_object, get_array, get_text
from ..foreign_reasoning import opaque
from ..request_tools import dropped
from ..translation import Note

#: The ``format`` of OpenRouter's details, and who made their data.
_MAKERS: Final = {
    "anthropic-claude-v1": "anthropic",
    "openai-responses-v1": "openai",
    "azure-openai-responses-v1": "openai",
    "google-gemini-v1": "google",
    "xai-responses-v1": "xai",
}
_FORMATS: Final = {
    "anthropic": "anthropic-claude-v1",
    "openai": "openai-responses-v1",
    "google": "google-gemini-v1",
    "xai": "xai-responses-v1",
}
UNKNOWN: Final = "unknown"
#: Members of an assistant's message that hold its reasoning as plain text.
PLAIN_MEMBERS: Final = ("reasoning_content", "reasoning", "reasoning_text")


def read_reasoning(message: JsonObject, at: str, notes: list[Note]) -> tuple[list[Reasoning], dict[str, Opaque]]:
    """The reasoning of an assistant's ``message``, and Google's signatures of its calls, by the id of the call; ``""``
    if the detail names none.

    Members with data count before plain text, which says the same once more.
    """
    signatures: dict[str, Opaque] = {}
    parts: list[Reasoning] = []
    blocks: list[str] = []
    if message.get("reasoning_details"):
        for number, one in enumerate(get_array(message, "reasoning_details", at)):
            field = f"{at}reasoning_details[{number}]"
            _read_detail(as_object(one, field), field, parts, blocks, signatures, notes)
    elif message.get("thinking_blocks"):
        for number, one in enumerate(get_array(message, "thinking_blocks", at)):
            field = f"{at}thinking_blocks[{number}]"
            parts += _read_block(as_object(one, field), field + ".", notes)
    plain = [(name, told) for name in PLAIN_MEMBERS if (told := get_text(message, name, at))]
    if plain:
        _add_plain(*plain[0], parts, at, notes)
    return parts, signatures


def _add_plain(name: str, plain: str, parts: list[Reasoning], at: str, notes: list[Note]) -> None:
    """Add what ``plain`` says beyond ``parts``: a stream's last words may have no signature."""
    told = "".join(part.text for part in parts)
    if not told:
        parts.insert(0, Reasoning(plain))
    elif plain.startswith(told):
        if len(plain) > len(told):
            parts.append(Reasoning(plain[len(told) :]))
    elif plain.split() != told.split():
        dropped(notes, at + name, "Other members of the message tell its reasoning in other words.")


def _read_block(block: JsonObject, at: str, notes: list[Note]) -> list[Reasoning]:
    """One of Anthropic's blocks. Its data may be another vendor's, packed."""
    kind = block.get("type")
    if kind == "thinking":
        signature = get_text(block, "signature", at)
        thought = get_text(block, "thinking", at) or ""
        if thought or signature:
            return [Reasoning(thought, opaque("anthropic", signature) if signature else None)]
    elif kind == "redacted_thinking":
        hidden = get_text(block, "data", at)
        if hidden:
            return [Reasoning("", opaque("anthropic", hidden), redacted=True)]
    dropped(notes, at[:-1], "It is no block of reasoning that is known, or an empty one.")
    return []


def _read_detail(
    detail: JsonObject,
    field: str,
    parts: list[Reasoning],
    blocks: list[str],
    signatures: dict[str, Opaque],
    notes: list[Note],
) -> None:
    """Add one of OpenRouter's details to ``parts``. ``blocks`` says for each part which block it is of: a summary of
    OpenAI's and its encrypted form are two details of one block, and one part."""
    at = field + "."
    kind = detail.get("type")
    form = get_text(detail, "format", at) or UNKNOWN
    maker = _MAKERS.get(form, UNKNOWN)
    own_id = get_text(detail, "id", at) or None
    if kind == "reasoning.text":
        text, data = get_text(detail, "text", at) or "", get_text(detail, "signature", at)
    elif kind == "reasoning.summary":
        text, data = get_text(detail, "summary", at) or "", None
    elif kind == "reasoning.encrypted":
        text, data = "", get_text(detail, "data", at)
        if maker == "google" and data:
            signatures.setdefault(own_id or "", Opaque(maker, data))
            return
    else:
        text, data = "", None
    if not text and not data:
        dropped(notes, field, "It is no reasoning that is known, or an empty one.")
        return
    made = Opaque(maker, data) if data else None
    number = detail.get("index")
    block = f"{maker} {number if type(number) is int and 0 <= number < 2**31 else len(blocks)}"
    encrypted = kind == "reasoning.encrypted"
    if encrypted and blocks and blocks[-1] == block and parts[-1].summary and parts[-1].opaque is None:
        parts[-1] = Reasoning(parts[-1].text, made, summary=True, id=own_id or parts[-1].id)
        return
    summary, redacted = kind == "reasoning.summary", encrypted and maker == "anthropic"
    parts.append(Reasoning(text, made, summary=summary, redacted=redacted, id=own_id))
    blocks.append(block)


def write_details(parts: Sequence[Part], call_ids: dict[str, str]) -> list[JsonObject]:
    """``reasoning_details`` of an assistant's message: what OpenRouter wants back, unchanged and in order.

    ``call_ids``: by the id of a call, the id that is sent.
    """
    details: list[JsonObject] = []
    block = -1
    for part in parts:
        if type(part) is Reasoning:
            block += 1
            details += _details_of(part, block)
        elif isinstance(part, ToolCall | Text) and part.opaque is not None and part.opaque.maker == "google":
            detail: JsonObject = {"type": "reasoning.encrypted", "data": part.opaque.data}
            if type(part) is ToolCall:
                detail["id"] = call_ids.get(part.id, part.id)
            details.append({**detail, "format": _FORMATS["google"], "index": max(block, 0)})
    return details


def _details_of(part: Reasoning, block: int) -> list[JsonObject]:
    maker = part.opaque.maker if part.opaque is not None else UNKNOWN
    rest: JsonObject = {"format": _FORMATS.get(maker, UNKNOWN), "index": block}
    own_id: JsonObject = {"id": part.id} if part.id else {}
    details: list[JsonObject] = []
    if part.text and part.summary:
        if part.opaque is None:
            rest = {**rest, **own_id}
        details.append({"type": "reasoning.summary", "summary": part.text, **rest})
    elif part.text and (part.opaque is None or maker in ("anthropic", UNKNOWN)):
        signature: JsonObject = {"signature": part.opaque.data} if part.opaque is not None else {}
        return [{"type": "reasoning.text", "text": part.text, **signature, **own_id, **rest}]
    elif part.text:
        details.append({"type": "reasoning.text", "text": part.text, **rest})
    if part.opaque is not None:
        details.append({"type": "reasoning.encrypted", "data": part.opaque.data, **own_id, **rest})
    return details
