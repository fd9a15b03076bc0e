"""The look-alikes of OpenAI's Chat Completions: what each takes, and the writer of each.

Decides: which provider has which quirk. Must not know: how a request is written (``formats.openai.chat_write``).

Sources: each provider's API reference; the parameter lists of LiteLLM and the AI SDK; the errors that the providers
give. What is not known of a provider is sent: its own refusal is honest.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from ...prompt import Effort, JsonObject, Prompt
from ..request_functions import WriteRequest
from .chat_write import write_like
from .like import NOT_IN_CHAT, OPENAI_IDS, OPENAI_MEMBERS, OPENAI_ONLY, Quirks
from .models import takes_sampling, takes_stops
from .reasoning_settings import (
    deepseek_members,
    deepseek_thinks,
    fireworks_members,
    groq_members,
    no_members,
    openai_members,
    openrouter_members,
    plain_members,
    template_members,
)

_LACKS: Final = NOT_IN_CHAT | OPENAI_ONLY
_PENALTIES: Final = frozenset({"presence_penalty", "frequency_penalty"})
_OPEN_SAMPLING: Final = frozenset({"top_k", "min_p", "repetition_penalty"})
_LOW_TO_HIGH: Final[tuple[Effort, ...]] = ("low", "medium", "high")


def _openai_lacks(prompt: Prompt, reasoning: JsonObject) -> frozenset[str]:
    """What OpenAI's models that reason refuse."""
    effort: Effort | None = "none" if reasoning.get("reasoning_effort") == "none" else None
    lacks: frozenset[str] = frozenset()
    if not takes_sampling(prompt.model, effort):
        lacks = _PENALTIES | {"temperature", "top_p", "logit_bias", "logprobs"}
    return lacks if takes_stops(prompt.model, effort) else lacks | {"stop_sequences"}


def _grok_lacks(prompt: Prompt, _: JsonObject) -> frozenset[str]:
    """What xAI's models that reason refuse."""
    if any(word in prompt.model for word in ("grok-4", "grok-5", "grok-code", "grok-build")):
        return _PENALTIES | {"stop_sequences"}
    return frozenset()


OPENAI: Final = Quirks(
    name="OpenAI",
    write_reasoning=openai_members,
    maker="openai",
    lacks=NOT_IN_CHAT,
    model_lacks=_openai_lacks,
    unknown_members=frozenset(),
    limit="max_completion_tokens",
    most_stops=4,
    metadata_needs_store=True,
    text_parts=True,
    audio=True,
    files=True,
    cache_marks="breakpoint",
    custom_tools=True,
    allowed_tools=True,
    ids=OPENAI_IDS,
)

#: By the name of the format.
LOOK_ALIKES: Final[dict[str, Quirks]] = {
    "azure-openai": replace(
        OPENAI, name="Azure OpenAI", unknown_members=frozenset({"moderation", "web_search_options"})
    ),
    "groq": Quirks(
        # console.groq.com/docs/openai: logprobs, logit_bias, top_logprobs, messages[].name and n > 1 are refused
        name="Groq",
        write_reasoning=groq_members,
        lacks=(_LACKS - {"service_tier"}) | {"logit_bias", "logprobs", "choice_count"},
        tiers=frozenset({"auto", "on_demand", "flex", "performance"}),
        most_stops=4,
        participants=False,
        text_parts=True,
        replay="reasoning",
        tool_types=frozenset({"browser_search", "code_interpreter"}),
    ),
    "deepseek": Quirks(
        # api-docs.deepseek.com, "Thinking Mode", "Chat Prefix Completion (Beta)", "JSON Output"
        name="DeepSeek",
        write_reasoning=deepseek_members,
        maker="deepseek",
        lacks=_LACKS | {"seed", "logit_bias", "choice_count", "parallel_tool_calls", "end_user"},
        most_stops=16,
        images=False,
        content_of_calls="",
        prefix_path="beta/chat/completions",
        replay="reasoning_content",
        replay_needed=deepseek_thinks,
        strict_tools=False,
        json_schema=False,
    ),
    "xai": Quirks(
        name="xAI",
        write_reasoning=partial(
            plain_members, target="xAI", words=("low", "high"), models=("grok-3-mini", "grok-4.", "grok-5")
        ),
        maker="xai",
        lacks=_LACKS | {"logit_bias"},
        model_lacks=_grok_lacks,
        participants=False,
        text_parts=True,
        strict_tools=False,
        tool_types=frozenset({"live_search"}),
    ),
    "perplexity": Quirks(
        # docs.perplexity.ai: messages alternate behind the instructions; the usage is in every chunk
        name="Perplexity",
        write_reasoning=partial(
            plain_members,
            target="Perplexity",
            words=("minimal", *_LOW_TO_HIGH),
            models=("reasoning", "deep-research"),
        ),
        lacks=(_LACKS - {"top_k"})
        | {"tools", "tool_choice", "parallel_tool_calls", "stop_sequences", "choice_count", "seed", "logit_bias"}
        | {"logprobs", "end_user"},
        unknown_members=OPENAI_MEMBERS - {"web_search_options"},
        usage_on_request=False,
        participants=False,
        text_parts=True,
        files=True,
        file_urls=True,
        alternates=True,
        json_object=False,
    ),
    "cerebras": Quirks(
        # inference-docs.cerebras.ai; its chunks end without a terminator
        name="Cerebras",
        write_reasoning=partial(
            plain_members, target="Cerebras", words=_LOW_TO_HIGH, models=("gpt-oss", "zai-glm", "glm-")
        ),
        lacks=(_LACKS - {"service_tier"})
        | _PENALTIES
        | {"logit_bias", "logprobs", "choice_count", "parallel_tool_calls"},
        tiers=frozenset({"auto", "default", "flex", "priority"}),
        limit="max_completion_tokens",
        hottest=1.5,
        most_stops=4,
    ),
    "openrouter": Quirks(
        # openrouter.ai/docs: what the chosen model lacks is ignored there
        name="OpenRouter",
        write_reasoning=openrouter_members,
        lacks=frozenset({"previous_response_id", "store", "metadata", "cache", "choice_count", "cache_key"}),
        unknown_members=frozenset({"moderation", "stream_options"}),
        tiers=frozenset({"auto", "default", "flex", "priority"}),
        text_parts=True,
        audio=True,
        files=True,
        video=True,
        file_urls=True,
        replay="details",
        cache_marks="cache_control",
    ),
    "fireworks": Quirks(
        name="Fireworks",
        write_reasoning=fireworks_members,
        lacks=(_LACKS - _OPEN_SAMPLING) - {"cache_key", "service_tier"},
        tiers=frozenset({"priority"}),
        text_parts=True,
        replay="reasoning_content",
    ),
    "huggingface": Quirks(
        # huggingface.co/docs/inference-providers: the rest depends on the server behind it
        name="Hugging Face",
        write_reasoning=partial(plain_members, target="Hugging Face", words=("none", "minimal", *_LOW_TO_HIGH)),
        path="{model}/v1/chat/completions",
        text_parts=True,
        replay="reasoning_content",
    ),
    "baseten": Quirks(
        name="Baseten",
        write_reasoning=partial(plain_members, target="Baseten", words=("none", *_LOW_TO_HIGH)),
        lacks=_LACKS | _PENALTIES | {"logit_bias", "logprobs", "choice_count", "parallel_tool_calls"},
        text_parts=True,
    ),
    "vllm": Quirks(
        # docs.vllm.ai, "OpenAI-Compatible Server"
        name="vLLM",
        write_reasoning=template_members,
        path="v1/chat/completions",
        lacks=_LACKS - _OPEN_SAMPLING,
        hottest=100.0,
        text_parts=True,
        audio=True,
        video=True,
        replay="reasoning",
        strict_tools=False,
    ),
    "llamacpp": Quirks(
        # github.com/ggml-org/llama.cpp, tools/server/README.md
        name="llama.cpp",
        write_reasoning=template_members,
        path="v1/chat/completions",
        lacks=_LACKS - _OPEN_SAMPLING,
        repetition_penalty="repeat_penalty",
        hottest=100.0,
        text_parts=True,
        audio=True,
        content_of_calls="",
        replay="reasoning_content",
        strict_tools=False,
    ),
    #: A server that nothing is known of.
    "openai-like": Quirks(name="The server", write_reasoning=partial(no_members, target="The server")),
}

#: The writers of all look-alikes, by the name of the format.
WRITERS: Final[dict[str, WriteRequest]] = {
    name: partial(write_like, quirks=quirks) for name, quirks in LOOK_ALIKES.items()
}
