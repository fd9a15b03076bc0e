"""Usage with OpenAI's names: of chat, Responses, audio, Assistants and realtime.

Decides: what the numbers of a ``usage`` object count. Must not know: where the object stood.
"""

from ...events import UsageReported
from ..values import JsonObject, count, obj


def openai_usage(usage: JsonObject) -> UsageReported:
    """Read ``usage`` with OpenAI's names: those of chat, Responses, audio and realtime.

    The input count includes cached tokens, the output count includes reasoning. Where a provider counts them beside
    (xAI's chat: reasoning), its total shows that.
    """
    read = obj(_first(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details"))
    written = obj(_first(usage, "completion_tokens_details", "output_tokens_details", "output_token_details"))
    cached = count(read.get("cached_tokens"))
    if cached is None:
        cached = count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    if cached is None:
        cached = count(usage.get("cached_tokens"))  # Moonshot
    created = count(read.get("cache_write_tokens"))
    if created is None:
        created = count(read.get("cache_creation_tokens"))
    prompt = count(usage.get("prompt_tokens"))
    if prompt is None:
        prompt = count(usage.get("input_tokens"))
    completion = count(usage.get("completion_tokens"))
    if completion is None:
        completion = count(usage.get("output_tokens"))
    reasoning = count(written.get("reasoning_tokens"))
    if reasoning is None:
        reasoning = count(usage.get("reasoning_tokens"))  # Perplexity
    beside = (count(usage.get("total_tokens")) or 0) - (prompt or 0) - (completion or 0)
    if beside > 0:
        stored = (cached or 0) + (created or 0)
        if reasoning and beside in (reasoning, reasoning + stored):
            completion = (completion or 0) + reasoning
            beside -= reasoning
        if stored and beside == stored:
            prompt = (prompt or 0) + stored
    return UsageReported(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=created,
        reasoning_output_tokens=reasoning,
        input_audio_tokens=count(read.get("audio_tokens")),
        output_audio_tokens=count(written.get("audio_tokens")),
        cache_read_input_audio_tokens=count(obj(read.get("cached_tokens_details")).get("audio_tokens")),
    )


def _first(holder: JsonObject, *names: str) -> object:
    for name in names:
        if name in holder:
            return holder[name]
    return None
