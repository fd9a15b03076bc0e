"""Mistral's chat completions: requests, written for Mistral.

Decides: in what they differ from OpenAI's. Must not know: how a request is written (``formats.openai.chat_write``).

Source: Mistral API reference and the recordings of its errors. A member that Mistral does not know is refused
(``extra_forbidden``), the ids of calls are nine letters or digits, reasoning is a part of the content, and a message of
the assistant at the end says that it is a prefix.
"""

from typing import Final

from ..prompt import EFFORTS, JsonObject, Prompt
from .openai.chat_write import write_like
from .openai.like import NOT_IN_CHAT, OPENAI_MEMBERS, Quirks
from .openai.reasoning_settings import word_for
from .plain.conversation import Plain
from .request_tools import MISTRAL_IDS, dropped
from .translation import Note, Refused, WireRequest

#: The members of a request that only Mistral defines, or that mean with it what they mean with OpenAI.
_MEMBERS: Final = frozenset(
    {
        "document_image_limit", "document_page_limit", "guardrails", "min_tokens", "prediction", "prompt_mode",
        "random_seed", "safe_prompt",
    }
)  # fmt: skip


def _reasoning(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """Magistral is asked by ``prompt_mode``, newer models by ``reasoning_effort``."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    if "magistral" in prompt.model.lower():
        off = settings.effort == "none" or settings.budget_tokens == 0
        if settings.effort is not None or settings.budget_tokens is not None:
            dropped(notes, "reasoning.effort", "Mistral takes no amount of reasoning for this model.")
        return {} if off else {"prompt_mode": "reasoning"}
    word = word_for(settings, EFFORTS, notes, "Mistral")
    return {} if word is None else {"reasoning_effort": word}


MISTRAL: Final = Quirks(
    name="Mistral",
    write_reasoning=_reasoning,
    maker="mistral",
    path="v1/chat/completions",
    lacks=(NOT_IN_CHAT - {"top_k", "repetition_penalty"})
    | {"logit_bias", "modalities", "verbosity", "store", "cache", "end_user", "service_tier"},
    unknown_members=OPENAI_MEMBERS,
    only_members=_MEMBERS,
    seed="random_seed",
    hottest=1.5,
    usage_on_request=False,
    participants=False,
    text_parts=True,
    content_of_calls="",
    audio=True,
    files=True,
    file_urls=True,
    document_urls=True,
    prefix_path="v1/chat/completions",
    replay="content",
    required="any",
    result_names=True,
    ids=MISTRAL_IDS,
)


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for Mistral."""
    return write_like(prompt, notes, plain, quirks=MISTRAL)
