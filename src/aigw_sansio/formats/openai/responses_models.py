"""What the models of OpenAI Responses take: sampling, encrypted reasoning, marks for the cache.

Decides: the rules of a model, by its name. Must not know: how a request says them.

Source: OpenAI's documentation of reasoning models and of prompt caching, with the errors that the models give.
"""

import re
from typing import Final

_VERSION: Final = re.compile(r"(?:.*/)?gpt-(\d+)(?:\.(\d+))?(?![\d.])")
_O_SERIES: Final = re.compile(r"(?:.*/)?(?:o\d|codex)")
_PLAIN: Final = re.compile(r"(?:.*/)?(?:gpt-3|gpt-4|chatgpt-)")


def _version(model: str) -> tuple[int, int]:
    """Of ``gpt-5.6-mini``: 5 and 6; zeros for a name of another form."""
    found = _VERSION.match(model[:200])
    return (int(found[1][:4]), int((found[2] or "0")[:4])) if found else (0, 0)


def reasons(model: str) -> bool:
    """Whether ``model`` is known to think before it answers, and so gives encrypted reasoning."""
    if _O_SERIES.match(model[:200]):
        return True
    return _version(model) >= (5, 0) and "-chat" not in model


def never_reasons(model: str) -> bool:
    """Whether ``model`` is known to refuse settings of reasoning. A name that is not known may be a deployment's."""
    return _PLAIN.match(model[:200]) is not None


def takes_sampling(model: str, effort: str | None) -> bool:
    """Whether ``model`` takes temperature, top_p and log probabilities. Those that reason do so from 5.1 on, and only
    if reasoning is switched off."""
    return not reasons(model) or (effort == "none" and _version(model) >= (5, 1))


def takes_cache_marks(model: str) -> bool:
    """Whether ``model`` takes marks and options of the cache: from 5.6 on."""
    return _version(model) >= (5, 6)
