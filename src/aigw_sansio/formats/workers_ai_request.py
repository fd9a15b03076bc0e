"""Workers AI: requests, written for its path that is OpenAI's.

Decides: in what they differ from OpenAI's Chat Completions. Must not know: how a request is written
(``formats.openai.chat_write``).

Source: developers.cloudflare.com/workers-ai, "Text generation" and "OpenAI compatible API endpoints"; the provider for
the AI SDK that Cloudflare publishes. Images are data URLs only.
"""

from typing import Final

from ..prompt import Effort, JsonObject, Prompt
from .openai.chat_write import write_like
from .openai.like import NOT_IN_CHAT, OPENAI_ONLY, Quirks
from .openai.reasoning_settings import word_for
from .plain.conversation import Plain
from .request_tools import dropped
from .translation import Note, Refused, WireRequest

_LOW_TO_HIGH: Final[tuple[Effort, ...]] = ("low", "medium", "high")


def _reasoning(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """GPT-OSS takes a word, the others are told through their chat template whether to think."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    if "gpt-oss" in prompt.model:
        word = word_for(settings, _LOW_TO_HIGH, notes, "Workers AI")
        return {} if word is None else {"reasoning_effort": word}
    if settings.effort not in (None, "none") or settings.budget_tokens:
        dropped(notes, "reasoning.effort", "Workers AI takes no amount of reasoning for this model, only on and off.")
    off = settings.effort == "none" or settings.budget_tokens == 0
    return {"chat_template_kwargs": {"enable_thinking": not off}}


WORKERS_AI: Final = Quirks(
    name="Workers AI",
    write_reasoning=_reasoning,
    path="v1/chat/completions",
    lacks=(NOT_IN_CHAT - {"top_k", "repetition_penalty"})
    | OPENAI_ONLY
    | {"logit_bias", "logprobs", "choice_count", "parallel_tool_calls", "end_user"},
    hottest=5.0,
    image_urls=False,
    participants=False,
    text_parts=True,
    content_of_calls="",
    result_names=True,
    replay="reasoning",
    strict_tools=False,
)


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for ``ai/v1/chat/completions``: the same body as OpenAI's, with the quirks of Workers AI. Refused if
    an image is given by its address: Workers AI fetches none."""
    return write_like(prompt, notes, plain, quirks=WORKERS_AI)
