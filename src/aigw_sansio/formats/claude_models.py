"""What the Claude models take: sampling, thinking, forced tools, structured output, and how much they write.

Decides: the rules of a model, by its name at any provider. Must not know: how a request says them.

Source: Anthropic's model overview, "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs" and "Tool
use", with the errors that the models give.
"""

from typing import Final, Literal

import msgspec

from .by_name import by_name

#: The vendor of the models, as in :attr:`aigw_sansio.prompt.Opaque.maker`.
MAKER: Final = "anthropic"
_MOST_EFFORTS: Final = ("low", "medium", "high", "max")
_ALL_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")


class ClaudeModel(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one model.

    ``max_tokens``: the most tokens that a response may have. ``thinking``: the model thinks by ``budget`` of tokens, by
    its own measure (``adaptive``), by ``either``, or ``never``. ``off``: how thinking is switched off: a ``type`` of
    thinking, or ``low_effort`` if it cannot be. ``efforts``: the words that it takes. ``sampling``: it takes ``all``
    settings, ``one`` of temperature and top_p, or ``none``. ``structured``: it can be held to a schema, in its output
    and in strict tools. ``forced_tools``: it can be told that it must call a tool. ``system_turns``: instructions may
    come in the middle of a conversation. ``known``: the name is in the table.
    """

    max_tokens: int = 4096
    thinking: Literal["never", "budget", "either", "adaptive"] = "budget"
    off: Literal["disabled", "between_tools", "low_effort"] = "disabled"
    efforts: tuple[str, ...] = ()
    sampling: Literal["all", "one", "none"] = "all"
    structured: bool = False
    forced_tools: bool = True
    system_turns: bool = False
    known: bool = True


_FIVE: Final = ClaudeModel(
    max_tokens=128_000,
    thinking="adaptive",
    efforts=_ALL_EFFORTS,
    sampling="none",
    structured=True,
    system_turns=True,
)
_replace = msgspec.structs.replace
_FIVE_FIVE: Final = _replace(_FIVE, off="low_effort", forced_tools=False)
_FOUR_SIX: Final = ClaudeModel(
    max_tokens=128_000, thinking="either", efforts=_MOST_EFFORTS, sampling="one", structured=True
)
_FOUR_FIVE: Final = ClaudeModel(max_tokens=64_000, sampling="one", structured=True)
_OLD: Final = ClaudeModel(thinking="never")

#: By what the name begins with, behind ``claude-``. The first that fits holds.
_MODELS: Final[tuple[tuple[str, ClaudeModel], ...]] = (
    ("opus-5-5", _FIVE_FIVE),
    ("sonnet-5-5", _replace(_FIVE_FIVE, off="between_tools")),
    ("fable-5-1", _FIVE_FIVE),
    ("mythos", _FIVE_FIVE),
    ("opus-5", _FIVE),
    ("sonnet-5", _FIVE),
    ("haiku-5", _FIVE),
    ("fable-5", _FIVE),
    ("opus-4-8", _FIVE),
    ("opus-4-7", _replace(_FIVE, system_turns=False)),
    ("opus-4-6", _FOUR_SIX),
    ("sonnet-4-6", _FOUR_SIX),
    ("opus-4-5", _replace(_FOUR_FIVE, efforts=("low", "medium", "high"))),
    ("sonnet-4-5", _FOUR_FIVE),
    ("haiku-4-5", _FOUR_FIVE),
    ("opus-4-1", _replace(_FOUR_FIVE, max_tokens=32_000)),
    ("opus-4", ClaudeModel(max_tokens=32_000)),
    ("sonnet-4", ClaudeModel(max_tokens=64_000)),
    ("3-7-sonnet", ClaudeModel(max_tokens=64_000)),
    ("3-5", _replace(_OLD, max_tokens=8192)),
    ("3", _OLD),
    ("2", _OLD),
    ("v2", _OLD),
    ("instant", _OLD),
)
#: A Claude model that is not in the table is newer than the table, but nobody knows how much it may write.
_NEWER: Final = _replace(_FIVE, max_tokens=4096, known=False)
#: A model of another vendor behind the same API.
_OTHER: Final = ClaudeModel(known=False)


@by_name
def claude_model(name: str) -> ClaudeModel:
    """The rules of the model ``name``, spelled as any provider does: ``claude-opus-4-1-20250805``,
    ``us.anthropic.claude-opus-4-1-20250805-v1:0``, ``claude-opus-4-1@20250805``, ``anthropic/claude-opus-4.1``."""
    _, claude, version = name.lower().replace(".", "-").rpartition("claude-")
    if not claude:
        return _OTHER
    return next((model for start, model in _MODELS if version.startswith(start)), _NEWER)


def is_claude(name: str) -> bool:
    """Whether ``name`` is that of a Claude model, at any provider."""
    return "claude" in name.lower()
