"""What the families of models on Bedrock's Converse take.

Decides: the rules of a model, by its id. Must not know: how a request says them.

Source: Amazon Bedrock user guide, "Supported models and model features", "Converse API", "Prompt caching", and the
errors that the models give. An id is that of a model, with or without a region (``us.``, ``global.``), or an ARN.
"""

from typing import Final, Literal

import msgspec

from ..by_name import by_name
from ..claude_models import ClaudeModel, claude_model, is_claude
from ..request_tools import BEDROCK_IDS, MISTRAL_IDS, Alphabet

_replace = msgspec.structs.replace


class BedrockModel(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one model.

    ``maker``: whose reasoning it can read. ``rules``: those that Claude models have, too. ``reasoning``: how it is
    asked to think. ``sampling``: the settings that it takes. ``films`` and ``sounds``: it takes these media.
    ``files_inside``: the response of a tool may hold documents. ``caches``: a prefix may be marked, with ``ttl`` or
    not. ``system``: it takes instructions.
    """

    maker: str
    rules: ClaudeModel
    reasoning: Literal["claude", "nova", "effort", "never"] = "never"
    sampling: frozenset[str] = frozenset({"temperature", "top_p", "stop_sequences"})
    films: bool = False
    sounds: bool = False
    files_inside: bool = False
    caches: bool = False
    ttl: bool = False
    system: bool = True
    ids: Alphabet = BEDROCK_IDS


_FREE: Final = ClaudeModel(known=False, thinking="never", forced_tools=False)
_FORCED: Final = _replace(_FREE, forced_tools=True)
_NOVA: Final = BedrockModel(
    maker="amazon",
    rules=_FORCED,
    sampling=frozenset({"temperature", "top_p", "top_k", "stop_sequences"}),
    films=True,
    sounds=True,
    caches=True,
)
_GPT: Final = BedrockModel(maker="openai", rules=_FREE, reasoning="effort", sampling=frozenset())
_MISTRAL: Final = BedrockModel(maker="mistral", rules=_FORCED, ids=MISTRAL_IDS)
_NO_SYSTEM: Final = BedrockModel(maker="", rules=_FREE, system=False)

#: By a part of the id. The first that fits holds.
_FAMILIES: Final[tuple[tuple[str, BedrockModel], ...]] = (
    ("nova-2", _replace(_NOVA, reasoning="nova")),
    ("nova", _NOVA),
    ("gpt-oss", _replace(_GPT, sampling=frozenset({"temperature", "top_p"}))),
    ("openai.", _GPT),
    ("mistral-7b", _replace(_NO_SYSTEM, maker="mistral", ids=MISTRAL_IDS)),
    ("mixtral", _replace(_NO_SYSTEM, maker="mistral", ids=MISTRAL_IDS)),
    ("voxtral", _replace(_MISTRAL, sounds=True)),
    ("mistral", _MISTRAL),
    ("titan", _replace(_NO_SYSTEM, maker="amazon")),
    ("cohere.command-text", _NO_SYSTEM),
    ("cohere.command-light", _NO_SYSTEM),
    ("ai21.j2", _NO_SYSTEM),
)
_OTHER: Final = BedrockModel(maker="", rules=_FREE)
#: Claude models that Converse does not hold to a schema.
_UNHELD: Final = ("opus-4-7", "opus-4-8", "fable-5", "sonnet-5")


@by_name
def bedrock_model(name: str) -> BedrockModel:
    """The rules of the model whose id is ``name``."""
    lowered = name.lower()
    if is_claude(lowered):
        rules = claude_model(lowered)
        if any(f"claude-{start}" in lowered for start in _UNHELD):
            rules = _replace(rules, structured=False)
        return BedrockModel(
            maker="anthropic",
            rules=rules,
            reasoning="claude",
            sampling=frozenset({"temperature", "top_p", "top_k", "stop_sequences"}),
            files_inside=True,
            caches=True,
            ttl=True,
        )
    return next((model for part, model in _FAMILIES if part in lowered), _OTHER)
