"""How much a model is to think, as Chat Completions and its look-alikes say it.

Decides: the members that ask for reasoning, both ways, and which word a target gets for one that it does not take. Must
not know: the rest of a request.

Sources: OpenAI API reference (``reasoning_effort``); OpenRouter (``reasoning``); DeepSeek, "Thinking Mode"
(``thinking``); Groq, "Reasoning"; the documentation of each server named.
"""

from collections.abc import Sequence
from typing import Final

from ...prompt import EFFORTS, Effort, JsonObject, Prompt, ReasoningSettings
from ..client_values import as_effort, get_flag, get_integer, get_object, get_text, need_effort
from ..request_tools import dropped, effort_of, mapped
from ..translation import Note
from .models import efforts_of, reasons_unasked, reasons_without_tools, refuses_effort

_OPENROUTER_MEMBERS: Final = frozenset({"effort", "max_tokens", "enabled", "exclude", "summary"})
_THINKING_MEMBERS: Final = frozenset({"type", "budget_tokens"})


# -- reading ----------------------------------------------------------------------------------------------------------


def read_settings(body: JsonObject, notes: list[Note], extra: JsonObject) -> ReasoningSettings | None:
    """What the request says of reasoning: OpenAI's member, and those that clients of other servers write.

    A word that is not known goes to ``extra``, for a server that knows it.
    """
    effort: Effort | None = None
    told = get_text(body, "reasoning_effort")
    if told:
        effort = as_effort(told)
        if effort is None:
            extra["reasoning_effort"] = told
    budget: int | None = None
    adaptive = False
    summary: str | None = None
    visible: bool | None = None
    thinking = get_object(body, "thinking")
    if thinking is not None:
        kind = get_text(thinking, "type", "thinking.")
        budget = get_integer(thinking, "budget_tokens", "thinking.", least=0)
        if kind == "disabled":
            effort = effort or "none"
        else:
            adaptive = budget is None
        _drop_unknown(thinking, _THINKING_MEMBERS, "thinking.", notes)
    settings = get_object(body, "reasoning")
    if settings is not None:
        word = get_text(settings, "effort", "reasoning.")
        if word:
            wanted = need_effort(word, "reasoning.effort")
            effort = effort or wanted
        budget = budget or get_integer(settings, "max_tokens", "reasoning.", least=0)
        enabled = get_flag(settings, "enabled", "reasoning.")
        if enabled is False:
            effort = effort or "none"
        adaptive = adaptive or bool(enabled)
        summary = get_text(settings, "summary", "reasoning.")
        exclude = get_flag(settings, "exclude", "reasoning.")
        visible = None if exclude is None else not exclude
        _drop_unknown(settings, _OPENROUTER_MEMBERS, "reasoning.", notes)
    found = ReasoningSettings(effort, budget, adaptive=adaptive, summary=summary, visible=visible)
    return None if found == ReasoningSettings() else found


def _drop_unknown(value: JsonObject, known: frozenset[str], at: str, notes: list[Note]) -> None:
    for name, told in value.items():
        if name not in known and told is not None:
            dropped(notes, at + name[:60], "It is no member that is known here.")


# -- writing ----------------------------------------------------------------------------------------------------------


def word_for(
    settings: ReasoningSettings, words: Sequence[Effort], notes: list[Note], target: str, *, shows: bool = False
) -> Effort | None:
    """The one of ``words``, from the least to the most, that says ``settings``: the same, else the nearest below, else
    the least. ``None`` if they name no amount. What cannot be said is noted; ``shows``: the target does as told with
    what is shown."""
    if not shows:
        _drop_showing(settings, notes, target)
    effort = settings.effort
    if effort is None and settings.budget_tokens is not None:
        effort = effort_of(settings.budget_tokens)
        mapped(notes, "reasoning.budget_tokens", f"{target} takes a word in place of a number of tokens.")
    if effort is None or effort in words:
        return effort
    below = [word for word in words if EFFORTS.index(word) <= EFFORTS.index(effort)]
    mapped(notes, "reasoning.effort", f"{target} does not take this word for this model; the nearest is sent.")
    return below[-1] if below else words[0]


def _drop_showing(settings: ReasoningSettings, notes: list[Note], target: str) -> None:
    if settings.summary is not None:
        dropped(notes, "reasoning.summary", f"{target} gives no summaries of reasoning.")
    if settings.visible is not None:
        dropped(notes, "reasoning.visible", f"{target} is not told whether to show its reasoning.")


def openai_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """``reasoning_effort`` for OpenAI and Azure. Newer models take functions only with their reasoning off."""
    settings, model = prompt.reasoning, prompt.model
    word: Effort | None = None
    if settings is not None and refuses_effort(model):
        dropped(notes, "reasoning", "The model does not reason.")
    elif settings is not None:
        word = word_for(settings, efforts_of(model), notes, "OpenAI")
    if prompt.tools and reasons_without_tools(model) and word != "none":
        if word is not None or reasons_unasked(model):
            mapped(notes, "reasoning", "In Chat Completions this model takes tools only with its reasoning off.")
        word = "none"
    return {} if word is None else {"reasoning_effort": word}


def plain_members(
    prompt: Prompt, notes: list[Note], *, target: str, words: Sequence[Effort], models: Sequence[str] = ()
) -> JsonObject:
    """For a server that takes ``reasoning_effort``, and only ``words`` in it. ``models``: words in the names of those
    that reason; empty for all."""
    if prompt.reasoning is None:
        return {}
    if models and not any(word in prompt.model.lower() for word in models):
        dropped(notes, "reasoning", f"{target} takes it for other models only.")
        return {}
    word = word_for(prompt.reasoning, words, notes, target)
    return {} if word is None else {"reasoning_effort": word}


def no_members(prompt: Prompt, notes: list[Note], *, target: str) -> JsonObject:
    """For a server that cannot be told."""
    if prompt.reasoning is not None:
        dropped(notes, "reasoning", f"{target} is not told how much to think.")
    return {}


def groq_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """Groq: Qwen takes ``none`` and ``default``, GPT-OSS takes ``low`` to ``high``, others nothing."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    members: JsonObject = {}
    if settings.visible is not None and "reasoning_format" not in prompt.extra:
        # GPT-OSS refuses reasoning_format and has include_reasoning in its place
        if "gpt-oss" in prompt.model:
            members["include_reasoning"] = settings.visible
        else:
            members["reasoning_format"] = "parsed" if settings.visible else "hidden"
    if settings.summary is not None:
        dropped(notes, "reasoning.summary", "Groq gives no summaries of reasoning.")
    if "gpt-oss" in prompt.model:
        word = word_for(settings, ("low", "medium", "high"), notes, "Groq", shows=True)
        return members if word is None else {**members, "reasoning_effort": word}
    if "qwen" in prompt.model.lower():
        if settings.effort == "none" or settings.budget_tokens == 0:
            return {**members, "reasoning_effort": "none"}
        if settings.effort is not None or settings.budget_tokens is not None:
            mapped(notes, "reasoning.effort", "Groq takes no amount for this model, only on and off.")
        return {**members, "reasoning_effort": "default"}
    if settings.effort is not None or settings.budget_tokens is not None:
        dropped(notes, "reasoning.effort", "Groq takes it for other models only.")
    return members


def deepseek_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """DeepSeek: ``thinking`` and ``reasoning_effort``, which is ``low``, ``high`` or ``max``."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    if settings.effort == "none" or settings.budget_tokens == 0:
        return {"thinking": {"type": "disabled"}}
    members: JsonObject = {"thinking": {"type": "enabled"}}
    asked = settings
    if settings.effort in ("medium", "xhigh"):
        # the provider's own table: medium means high, and xhigh the most
        more: Effort = "high" if settings.effort == "medium" else "max"
        mapped(notes, "reasoning.effort", "DeepSeek takes low, high and max.")
        asked = ReasoningSettings(more, summary=settings.summary, visible=settings.visible)
    word = word_for(asked, ("low", "high", "max"), notes, "DeepSeek")
    return members if word is None else {**members, "reasoning_effort": word}


def deepseek_thinks(prompt: Prompt) -> bool:
    """Whether the model will think, and so needs the reasoning of earlier turns: all since V4, if it is not off."""
    if prompt.reasoning is not None:
        return prompt.reasoning.effort != "none" and prompt.reasoning.budget_tokens != 0
    return "deepseek-chat" not in prompt.model


def openrouter_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """OpenRouter: an object ``reasoning`` for all models."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    told: JsonObject = {}
    if settings.effort is not None:
        told["effort"] = settings.effort
        if settings.effort == "max":
            mapped(notes, "reasoning.effort", "OpenRouter takes xhigh as the most.")
            told["effort"] = "xhigh"
        if settings.budget_tokens is not None:
            dropped(notes, "reasoning.budget_tokens", "OpenRouter takes a word or a number, not both.")
    elif settings.budget_tokens is not None:
        told["max_tokens"] = settings.budget_tokens
    elif settings.adaptive:
        told["enabled"] = True
    if settings.summary is not None:
        told["summary"] = settings.summary
    if settings.visible is not None:
        told["exclude"] = not settings.visible
    return {"reasoning": told} if told else {}


def fireworks_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """Fireworks: ``reasoning_effort`` is a word or a number of tokens."""
    settings = prompt.reasoning
    if settings is not None and settings.effort is None and settings.budget_tokens:
        _drop_showing(settings, notes, "Fireworks")
        return {"reasoning_effort": settings.budget_tokens}
    return plain_members(prompt, notes, target="Fireworks", words=("none", "low", "medium", "high"))


def template_members(prompt: Prompt, notes: list[Note]) -> JsonObject:
    """vLLM and llama.cpp: what the chat template of the model is given."""
    settings = prompt.reasoning
    if settings is None:
        return {}
    own = prompt.extra.get("chat_template_kwargs")
    given: JsonObject = dict(own) if type(own) is dict else {}
    if settings.effort == "none" or settings.budget_tokens == 0:
        _drop_showing(settings, notes, "The server")
        return {"chat_template_kwargs": {"enable_thinking": False, **given}}
    word = word_for(settings, ("minimal", "low", "medium", "high"), notes, "The server")
    members: JsonObject = {"chat_template_kwargs": {"enable_thinking": True, **given}}
    return members if word is None else {**members, "reasoning_effort": word}
