"""Carries data that only its maker can read through a client whose format has no place for it.

Decides: how such data are marked, so that the next request of the client tells whose they are. Must not know: any
provider's format.

A client of OpenAI Responses must send ``encrypted_content`` back, one of Anthropic Messages ``signature`` and
``redacted_thinking.data``, one of Chat Completions its ``thinking_blocks``. What the vendor of that format made stands
there as it is. What another vendor made stands there packed by :func:`pack`: a JSON array of marked blocks, which no
vendor's own data look like. The reader of the next request undoes it with :func:`unpack`, or :func:`opaque`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from ..prompt import Opaque
from .values import arr, obj, parse, text

#: ``signature``: it belongs to the reasoning text beside it, or before it. ``redacted``: the provider hid the text,
#: this is all. ``tool_call``: it belongs to the tool call that comes next.
Kind: TypeAlias = Literal["signature", "redacted", "tool_call"]

_MARK: Final = "foreign_reasoning"
_START: Final = f'[{{"type":"{_MARK}"'
_KINDS: Final[dict[str, Kind]] = {"signature": "signature", "redacted": "redacted", "tool_call": "tool_call"}


@dataclass(frozen=True, slots=True)
class ForeignBlock:
    """Data that ``maker`` made, as :attr:`aigw_sansio.prompt.Opaque.maker` names it."""

    maker: str
    kind: Kind
    data: str


def pack(maker: str, kind: Kind, data: str) -> str:
    """``data`` as a marked text. Data that are packed already (by another gateway) stay as they are."""
    if data.startswith(_START):
        return data
    return pack_all([ForeignBlock(maker, kind, data)])


def pack_all(blocks: Sequence[ForeignBlock]) -> str:
    """Several blocks as one marked text."""
    marked = [
        {
            "type": _MARK,
            "maker": block.maker,
            "kind": block.kind,
            "data": block.data.encode("utf-8", "replace").decode(),
        }
        for block in blocks
    ]
    return msgspec.json.encode(marked).decode()


def unpack(packed: str) -> tuple[ForeignBlock, ...]:
    """The blocks in a text that :func:`pack` made; none if it did not make it. Never raises."""
    if not packed.startswith(_START):
        return ()
    blocks = []
    for one in arr(parse(packed.encode("utf-8", "replace"))):
        block = obj(one)
        kind = _KINDS.get(text(block.get("kind")))
        if block.get("type") != _MARK or kind is None or not text(block.get("data")):
            return ()
        blocks.append(ForeignBlock(text(block.get("maker")), kind, text(block["data"])))
    return tuple(blocks)


def seal(target: str, maker: str, kind: Kind, data: str) -> str:
    """``data`` of ``maker`` for a field whose own data are made by ``target``: as they are if that is the maker, else
    packed."""
    return data if maker == target and kind != "tool_call" else pack(maker, kind, data)


def opaque(target: str, data: str) -> Opaque:
    """The opposite of :func:`seal`, for a field that holds one block: whose ``data`` they are."""
    blocks = unpack(data)
    return Opaque(blocks[0].maker, blocks[0].data) if blocks else Opaque(target, data)
