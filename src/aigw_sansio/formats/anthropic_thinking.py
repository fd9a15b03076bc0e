"""How much a Claude model is asked to think, and how many tokens it may write.

Decides: the thinking, the effort and the limit of tokens of one request, by the rules of its model. Must not know: how
the rest of the request is written; Anthropic's API and Bedrock Converse take the same values.

Source: Anthropic API reference, "Extended thinking", "Adaptive thinking", "Effort". Older models are given a budget of
at least 1024 tokens, below the limit of the response; newer ones decide for themselves, by an effort.
"""

from typing import Final

import msgspec

from ..prompt import Effort, JsonObject, Prompt, ReasoningSettings
from .claude_models import MAKER, ClaudeModel
from .request_tools import EFFORT_TOKENS, clamped, dropped, effort_of, mapped
from .translation import Note

_LEAST_BUDGET: Final = 1024
#: What a response may have beside the thinking of a model whose limit nobody knows.
_UNKNOWN_LIMIT: Final = 4096
#: What is taken in place of an effort that a model does not know, the first that it does.
_NEAREST: Final[dict[Effort, tuple[str, ...]]] = {
    "none": (), "minimal": ("low",), "low": (), "medium": (), "high": (), "xhigh": ("max", "high"), "max": ("high",),
}  # fmt: skip


class Thinking(msgspec.Struct, frozen=True):
    """``config`` is the member ``thinking``, ``effort`` that of ``output_config``; ``None`` if it is not said."""

    config: JsonObject | None = None
    effort: str | None = None

    @property
    def budget(self) -> int | None:
        """Tokens of thinking, if they are counted."""
        tokens = (self.config or {}).get("budget_tokens")
        return tokens if type(tokens) is int else None

    @property
    def on(self) -> bool:
        """Whether the model is told to think."""
        return (self.config or {}).get("type") in ("enabled", "adaptive")


def plan_thinking(prompt: Prompt, notes: list[Note], model: ClaudeModel, *, blocked: str = "") -> Thinking:
    """What the reasoning settings of ``prompt`` are for ``model``.

    ``blocked``: why a budget of thinking cannot be given with this request, in one sentence; empty if it can. A prompt
    that came from Anthropic says ``adaptive`` if it means it; an effort of any other asks for thinking.
    """
    settings = prompt.reasoning
    if settings is None:
        return Thinking()
    own = prompt.maker == MAKER
    if settings.summary not in (None, "auto"):
        mapped(notes, "reasoning.summary", "Claude models sum up their thoughts in one way.")
    if settings.effort == "none" or settings.budget_tokens == 0:
        return _off(notes, model)
    if not settings.adaptive and settings.budget_tokens is None:
        if settings.effort is None:
            dropped(notes, "reasoning", "It says neither an effort nor a budget, so thinking is not asked for.")
            return Thinking()
        if own:
            return Thinking(None, _effort(settings.effort, notes, model))
    if model.thinking == "never":
        dropped(notes, "reasoning", "This model does not think.")
        return Thinking()
    if model.thinking == "budget" or (
        model.thinking == "either" and settings.budget_tokens is not None and not blocked
    ):
        if blocked:
            dropped(notes, "reasoning", blocked)
            return Thinking()
        return _budget(settings, notes, model, own=own)
    return _adaptive(settings, notes, model, own=own)


def _off(notes: list[Note], model: ClaudeModel) -> Thinking:
    if model.thinking == "never":
        return Thinking()
    if model.off == "low_effort":
        mapped(notes, "reasoning.effort", "This model always thinks; it is asked for its lowest effort.")
        return Thinking(None, "low")
    if model.off == "between_tools":
        mapped(notes, "reasoning.effort", "This model is told to think between calls of tools only.")
    return Thinking({"type": model.off})


def _adaptive(settings: ReasoningSettings, notes: list[Note], model: ClaudeModel, *, own: bool) -> Thinking:
    config: JsonObject = {"type": "adaptive"}
    if settings.visible is not None or not own:
        config["display"] = "omitted" if settings.visible is False else "summarized"
    effort = settings.effort
    if settings.budget_tokens is not None:
        effort = effort or effort_of(settings.budget_tokens)
        mapped(notes, "reasoning.budget_tokens", "This model takes an effort in place of a budget.")
    elif not settings.adaptive:
        mapped(notes, "reasoning.effort", "The model is told to think as it sees fit, with this effort.")
    return Thinking(config, None if effort is None else _effort(effort, notes, model))


def _budget(settings: ReasoningSettings, notes: list[Note], model: ClaudeModel, *, own: bool) -> Thinking:
    effort: str | None = None
    if settings.budget_tokens is None:
        budget = EFFORT_TOKENS[settings.effort or "high"]
        mapped(notes, "reasoning.effort", "This model takes a budget in place of an effort.")
    else:
        budget = settings.budget_tokens
        if settings.effort is not None:
            effort = _effort(settings.effort, notes, model)
    if budget < _LEAST_BUDGET:
        budget = _LEAST_BUDGET
        clamped(notes, "reasoning.budget_tokens", f"Claude models take {_LEAST_BUDGET} tokens of thinking or more.")
    config: JsonObject = {"type": "enabled", "budget_tokens": budget}
    if own and settings.visible is not None:
        config["display"] = "summarized" if settings.visible else "omitted"
    elif settings.visible is False:
        dropped(notes, "reasoning.visible", "This model always shows a summary of its thoughts.")
    return Thinking(config, effort)


def _effort(effort: Effort, notes: list[Note], model: ClaudeModel) -> str | None:
    """The word for ``effort`` that ``model`` knows, ``None`` if it knows none."""
    if effort in model.efforts:
        return effort
    found = next((word for word in _NEAREST[effort] if word in model.efforts), None)
    if found is None:
        dropped(notes, "reasoning.effort", "This model takes no effort.")
    else:
        clamped(notes, "reasoning.effort", f"This model takes {', '.join(model.efforts)}.")
    return found


def fit_tokens(
    prompt: Prompt, notes: list[Note], model: ClaudeModel, thinking: Thinking, *, required: bool
) -> tuple[int | None, Thinking]:
    """The limit of tokens for the response, thoughts included, and ``thinking`` with a budget below it.

    ``required``: there must be a limit (Anthropic); it is then the most that the model can, or 4096 if the model is not
    known. Otherwise it is ``None`` if the prompt has none and there is no budget either.
    """
    budget = thinking.budget
    limit = prompt.max_tokens
    if limit is None:
        if not required and budget is None:
            return None, thinking
        limit = model.max_tokens if model.known else _UNKNOWN_LIMIT + (budget or 0)
        why = "the most that this model writes" if model.known else "as much as any model writes"
        mapped(notes, "max_tokens", f"The target needs a limit; it is {why}.")
    if limit < 1:
        limit = 1
        clamped(notes, "max_tokens", "It must be 1 or more.")
    elif model.known and limit > model.max_tokens:
        limit = model.max_tokens
        clamped(notes, "max_tokens", f"This model writes {model.max_tokens} tokens at most.")
    if budget is None or budget < limit:
        return limit, thinking
    if limit <= _LEAST_BUDGET:
        dropped(notes, "reasoning", "The limit of tokens leaves no room for thinking.")
        return limit, msgspec.structs.replace(thinking, config=None)
    clamped(notes, "reasoning.budget_tokens", "It must be below the limit of tokens; half of that is for thinking.")
    config: JsonObject = {**(thinking.config or {}), "budget_tokens": max(_LEAST_BUDGET, limit // 2)}
    return limit, msgspec.structs.replace(thinking, config=config)


def fit_sampling(
    prompt: Prompt, notes: list[Note], model: ClaudeModel, thinking: Thinking
) -> tuple[float | None, float | None, int | None]:
    """Temperature, top_p and top_k as ``model`` takes them, each ``None`` if it is not to be sent."""
    temperature, top_p, top_k = _in_range(prompt.temperature, "temperature", notes), prompt.top_p, prompt.top_k
    top_p = _in_range(top_p, "top_p", notes)
    if model.sampling == "none":
        why = "This model samples in its own way."
        keep_temperature = keep_top_p = keep_top_k = False
    elif thinking.on:
        why = "It cannot be set while the model thinks."
        keep_temperature, keep_top_p, keep_top_k = temperature == 1, (top_p or 0) >= 0.95, False
    else:
        why = "This model takes it only without a temperature."
        keep_temperature = keep_top_k = True
        keep_top_p = model.sampling == "all" or temperature is None
    if temperature is not None and not keep_temperature:
        dropped(notes, "temperature", why)
        temperature = None
    if top_p is not None and not keep_top_p:
        dropped(notes, "top_p", why)
        top_p = None
    if top_k is not None and (top_k < 0 or not keep_top_k):
        dropped(notes, "top_k", "It must be 0 or more." if keep_top_k else why)
        top_k = None
    return temperature, top_p, top_k


def _in_range(value: float | None, field: str, notes: list[Note]) -> float | None:
    if value is None or 0 <= value <= 1:
        return value
    clamped(notes, field, "The model takes 0 to 1.")
    return 0.0 if value < 0 else 1.0
