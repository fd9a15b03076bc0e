"""The ``generationConfig`` of a Gemini request: sampling, limits, thinking, the form of the response.

Decides: how these settings are said to Gemini, and what a model does not take. Must not know: turns and tools.

Source: Gemini API reference, ``GenerationConfig``; "Gemini thinking"; "Structured output".
"""

from typing import Final

from ...prompt import Effort, JsonObject, Prompt
from ..refusing import refusal
from ..request_tools import EFFORT_TOKENS, clamp, clamp_list, clamped, dropped, effort_of, mapped
from ..translation import Note
from .declarations import fit_schema
from .models import GeminiModel, Level

_MODALITIES: Final = {"text": "TEXT", "image": "IMAGE", "audio": "AUDIO"}
_LEVELS: Final[dict[Effort, Level]] = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_MOST_CHOICES: Final = 8
_MOST_SEED: Final = 2**31 - 1


def write_settings(prompt: Prompt, notes: list[Note], model: GeminiModel, *, vertex: bool) -> JsonObject:
    """The member ``generationConfig``; it may be empty. Refused: more than 8 choices, forms of output that Gemini
    lacks, and structured output together with functions before Gemini 3."""
    config: JsonObject = {}
    _sampling(prompt, notes, model, config, vertex=vertex)
    if prompt.max_tokens is not None:
        config["maxOutputTokens"] = prompt.max_tokens
    if prompt.stop_sequences:
        config["stopSequences"] = list(clamp_list(notes, "stop_sequences", prompt.stop_sequences, 5, "Gemini"))
    if prompt.choice_count is not None and prompt.choice_count != 1:
        if not 1 <= prompt.choice_count <= _MOST_CHOICES:
            raise refusal("choice_count", "Gemini gives 1 to 8 choices.")
        config["candidateCount"] = prompt.choice_count
    if prompt.logprobs is not None:
        config["responseLogprobs"] = True
        if prompt.logprobs:
            config["logprobs"] = clamp(notes, "logprobs", prompt.logprobs, 0, 20, "Gemini")
    if prompt.modalities and prompt.modalities != ("text",):
        words = [_MODALITIES.get(word.lower()) for word in prompt.modalities]
        if None in words:
            raise refusal("modalities", "Gemini gives text, image and audio.")
        config["responseModalities"] = words
    _form(prompt, notes, model, config)
    if thinking := _thinking(prompt, notes, model):
        config["thinkingConfig"] = thinking
    return config


def _sampling(prompt: Prompt, notes: list[Note], model: GeminiModel, config: JsonObject, *, vertex: bool) -> None:
    if prompt.temperature is not None:
        config["temperature"] = clamp(notes, "temperature", prompt.temperature, 0, 2, "Gemini")
    if prompt.top_p is not None:
        config["topP"] = clamp(notes, "top_p", prompt.top_p, 0, 1, "Gemini")
    if prompt.top_k is not None:
        config["topK"] = prompt.top_k
    if prompt.seed is not None:
        if -_MOST_SEED <= prompt.seed <= _MOST_SEED:
            config["seed"] = prompt.seed
        else:
            dropped(notes, "seed", "Gemini takes a seed of 32 bits.")
    for name, member, value in (
        ("presence_penalty", "presencePenalty", prompt.presence_penalty),
        ("frequency_penalty", "frequencyPenalty", prompt.frequency_penalty),
    ):
        if value is None:
            continue
        if model.version == (2, 5) and not vertex:
            if value:
                dropped(notes, name, "Gemini 2.5 takes no penalties at AI Studio.")
        else:
            config[member] = clamp(notes, name, value, -2, 2, "Gemini")


def _form(prompt: Prompt, notes: list[Note], model: GeminiModel, config: JsonObject) -> None:
    output = prompt.output
    if output is None:
        return
    none = prompt.tool_choice is not None and prompt.tool_choice.mode == "none"
    if prompt.tools and not model.is_three and not none:
        raise refusal("output", "Before Gemini 3 a form of the response does not go together with tools.")
    config["responseMimeType"] = "application/json"
    if output.schema is not None:
        config["responseJsonSchema"] = fit_schema(output.schema, "output.schema")
    for name in ("name", "description"):
        if getattr(output, name) is not None:
            dropped(notes, f"output.{name}", "Gemini takes the schema alone.")
    if output.strict is False and output.schema is not None:
        mapped(notes, "output.strict", "Gemini always holds its response to the schema.")


def _thinking(prompt: Prompt, notes: list[Note], model: GeminiModel) -> JsonObject:
    settings = prompt.reasoning
    if settings is None:
        return {}
    if model.thinking == "none":
        if settings.effort != "none" and settings.budget_tokens != 0:
            dropped(notes, "reasoning", "This model does not think.")
        return {}
    config: JsonObject = {}
    if model.thinking == "budget":
        budget = _budget(prompt, notes, model)
        if budget is not None:
            config["thinkingBudget"] = budget
    else:
        level = _level(prompt, notes, model)
        if level is not None:
            config["thinkingLevel"] = level
    if settings.visible is not None:
        config["includeThoughts"] = settings.visible
    elif settings.summary is not None:
        config["includeThoughts"] = True
    if settings.summary not in (None, "auto"):
        mapped(notes, "reasoning.summary", "Gemini takes no word for how long a summary is.")
    return config


def _budget(prompt: Prompt, notes: list[Note], model: GeminiModel) -> int | None:
    settings = prompt.reasoning
    if settings is None:
        return None
    effort, tokens = settings.effort, settings.budget_tokens
    field = "reasoning.budget_tokens"
    if effort == "none" or tokens is None:
        field = "reasoning.effort"
        if effort is None:
            return -1 if settings.adaptive else None  # -1: the model decides
        tokens = model.minimal if effort == "minimal" else EFFORT_TOKENS[effort]
        if effort != "none":
            mapped(notes, field, "This model takes a budget in place of an effort.")
    elif effort is not None:
        dropped(notes, "reasoning.effort", "Gemini 2.5 takes the number of tokens alone.")
    if tokens <= 0 and model.can_be_off:
        return 0
    fitted = min(max(tokens, model.least), model.most)
    if fitted != tokens:
        clamped(notes, field, f"This model thinks with {model.least} to {model.most} tokens.")
    return fitted


def _level(prompt: Prompt, notes: list[Note], model: GeminiModel) -> Level | None:
    settings = prompt.reasoning
    if settings is None:
        return None
    effort = settings.effort
    if settings.budget_tokens is not None:
        if effort is None:
            effort = effort_of(settings.budget_tokens)
            mapped(notes, "reasoning.budget_tokens", "Gemini 3 takes a level; the nearest one is sent.")
        else:
            dropped(notes, "reasoning.budget_tokens", "Gemini 3 takes a level alone.")
    if effort is None:
        if settings.adaptive:
            mapped(notes, "reasoning.adaptive", "Gemini 3 decides by itself if no level is told.")
        return None
    if effort == "none":
        clamped(notes, "reasoning.effort", "This model always thinks; the lowest level is sent.")
        return model.levels[0]
    level = _LEVELS.get(effort, "HIGH")
    if level not in model.levels:
        # one that is not there is between two, or below all
        level = "LOW" if level == "MINIMAL" else "HIGH"
    if effort != level.lower():
        clamped(notes, "reasoning.effort", "This model has no such level; the nearest one is sent.")
    return level
