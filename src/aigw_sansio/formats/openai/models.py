"""What OpenAI's models take, told from their names.

Decides: which models reason, which words for effort each takes, and which members they refuse. Must not know: requests.

Only what a name tells: a deployment of Azure may have any, and then nothing is left out. Source: OpenAI API reference
and the errors of its Chat Completions; the fact sheet of the AI SDK's provider for OpenAI.
"""

import re
from typing import Final

from ...prompt import EFFORTS, Effort
from ..by_name import by_name

_SERIES: Final = r"gpt-(\d{1,4})(?:\.(\d{1,4}))?"
_O_SERIES: Final = r"o[1-9]\d?(?:-|$)"  #: Models that refuse a word for effort.
_WITHOUT_REASONING: Final = ("gpt-3", "gpt-4", "chatgpt-4o", "chatgpt-3")
_LOW_TO_HIGH: Final[tuple[Effort, ...]] = ("low", "medium", "high")


def _bare(model: str) -> str:
    """The name of the model itself: behind a vendor (``openai/gpt-5``) or ``ft:``."""
    return model.rpartition("/")[2].removeprefix("ft:").lower()


@by_name
def version_of(model: str) -> tuple[int, int] | None:
    """``(5, 1)`` for ``gpt-5.1-mini``; ``None`` if it is none of that series."""
    found = re.match(_SERIES, _bare(model))
    return (int(found[1]), int(found[2] or 0)) if found else None


@by_name
def reasons(model: str) -> bool:
    """Whether the model reasons before it answers: the o-series, GPT-5 and later, but not their chat variants."""
    name = _bare(model)
    if re.match(_O_SERIES, name):
        return True
    version = version_of(model)
    return version is not None and version >= (5, 0) and "-chat" not in name


def refuses_effort(model: str) -> bool:
    """Whether the model is known not to reason."""
    return _bare(model).startswith(_WITHOUT_REASONING)


def efforts_of(model: str) -> tuple[Effort, ...]:
    """The words for effort that the model takes, from the least to the most."""
    if re.match(_O_SERIES, _bare(model)):
        return _LOW_TO_HIGH
    version = version_of(model)
    if version is None or version > (5, 6):
        return EFFORTS
    if version == (5, 0):
        return ("minimal", *_LOW_TO_HIGH)
    if version == (5, 1):
        return ("none", *_LOW_TO_HIGH)
    if version < (5, 6):
        return ("none", *_LOW_TO_HIGH, "xhigh")
    return ("none", *_LOW_TO_HIGH, "xhigh", "max")


def takes_sampling(model: str, effort: Effort | None) -> bool:
    """Whether the model takes temperature, penalties, stop sequences and the like: those that reason do not, unless
    their reasoning is off."""
    if not reasons(model):
        return True
    return effort == "none" and "none" in efforts_of(model)


def takes_stops(model: str, effort: Effort | None) -> bool:
    """Whether the model takes stop sequences: of those that reason, only the oldest do."""
    return takes_sampling(model, effort) or _bare(model).startswith(("o1", "o3-mini"))


def reasons_without_tools(model: str) -> bool:
    """Whether in Chat Completions the model takes functions only with its reasoning off (GPT-5.4 and later: "Function
    tools with reasoning_effort are not supported ... in /v1/chat/completions")."""
    version = version_of(model)
    return reasons(model) and version is not None and version >= (5, 4)


def reasons_unasked(model: str) -> bool:
    """Whether the model reasons if the request says nothing: of those whose reasoning can be off, GPT-5.5 and later."""
    version = version_of(model)
    return reasons(model) and (version is None or version == (5, 0) or version >= (5, 5))


def takes_cache_marks(model: str) -> bool:
    """Whether the request may say what is to be cached: GPT-5.6 and later. The others do it by themselves."""
    version = version_of(model)
    return version is not None and version >= (5, 6)
