"""Maps the finish reasons of all providers to one closed set.

Decides: which :data:`aigw_sansio.events.FinishReason` a provider's reason means. Must not know: when a response ends. A
reason that is not in the table means ``unknown``; the event always has the provider's own reason too.
"""

from typing import Final

from ..events import FinishReason

#: The providers' reasons in lower case, with underscores. No reason has different meanings for two providers.
WORDS: Final[dict[str, FinishReason]] = {
    # OpenAI and compatible providers
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",  # MAI-DS-R1 on Azure, Cohere in upper case
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtering": "content_filter",
    "sensitive": "content_filter",  # Z.ai
    "error": "error",  # OpenRouter
    "abort": "error",  # vLLM, SGLang
    "aborted": "error",
    "network_error": "error",  # Z.ai
    "server_error": "error",
    "internal_error": "error",
    "engine_error": "error",
    "model_error": "error",
    "insufficient_system_resource": "error",  # DeepSeek
    "eos": "stop",  # Together
    "eos_token": "stop",  # TGI, watsonx
    "completed": "stop",
    "complete": "stop",  # Cohere
    "finish": "stop",  # Titan
    "done": "stop",
    "load": "stop",  # Ollama: an empty prompt only loads the model
    "unload": "stop",
    "maximum_tokens": "length",  # Aleph Alpha
    "max_output_tokens": "length",  # OpenAI Responses
    "max_completion_tokens": "length",
    "max_length": "length",
    "max_new_tokens": "length",
    "context_length": "length",
    "context_length_exceeded": "length",
    "context_window": "length",
    "context_window_exceeded": "length",
    "limit": "length",  # llama.cpp
    "model_length": "length",  # Mistral
    "token_limit": "length",  # watsonx
    "time_limit": "length",  # watsonx
    "cancelled": "error",  # watsonx, Responses
    "canceled": "error",
    "cancel": "error",
    "not_finished": "unknown",
    # Anthropic, Bedrock
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    # Gemini
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "image_prohibited_content": "content_filter",
    "image_recitation": "content_filter",
    "model_armor": "content_filter",
    "language": "content_filter",
    "jailbreak": "content_filter",
    "malformed_function_call": "error",
    "unexpected_tool_call": "error",
    "too_many_tool_calls": "error",
    "missing_thought_signature": "error",
    "malformed_response": "error",
    "other": "error",
    "no_image": "error",
    "image_other": "error",
    "requires_action": "tool_calls",  # Gemini Interactions, Assistants
    # Cohere
    "error_toxic": "content_filter",
    "error_limit": "length",
    "user_cancel": "error",
    "timeout": "error",
    "endoftext": "stop",  # AI21
    "stop_criteria_met": "stop",  # Titan
    # Assistants
    "expired": "error",
    "failed": "error",
    "incomplete": "length",
}


#: What stands where a reason would stand while the response goes on (DashScope, watsonx, Gemini).
NOT_FINISHED: Final = frozenset({"null", "none", "not_finished", "finish_reason_unspecified", "unspecified"})


def map_reason(raw: str | None) -> FinishReason:
    """The finish reason for a provider's own; ``unknown`` for one that is not in the table and for ``None``. Hyphens
    count as underscores."""
    return WORDS.get(raw.lower().replace("-", "_"), "unknown") if raw else "unknown"


def is_finish(raw: str | None) -> bool:
    """Whether ``raw`` says that the response has finished, even if nobody knows why."""
    return raw is None or raw.lower() not in NOT_FINISHED
