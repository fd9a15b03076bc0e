"""What Google's models take, told from their names: thinking, signatures, URLs, system instructions.

Decides: the rules of a model. Must not know: how a request says them.

Source: Gemini API documentation, "Gemini thinking", "Thought signatures", "Function calling" and "Gemma". A name
that is not known is taken for one of the newest models.
"""

import re
from typing import Final, Literal, TypeAlias

import msgspec

from ..by_name import by_name

#: Words of ``thinkingLevel``, from the least to the most.
Level: TypeAlias = Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"]

_PREFIXES: Final = r"(?:.*/)?(?:models/|google/)"
_GEMINI: Final = r"gemini-(\d{1,3})(?:\.(\d{1,3}))?"


class GeminiModel(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one model.

    ``version``: ``(2, 5)``. ``thinking``: how its thinking is told: by a ``budget`` of tokens from ``least`` to
    ``most`` (and 0 if it ``can_be_off``), by a level out of ``levels``, or not at all. ``minimal`` is the budget for
    the effort of that name. ``gemma``: neither instructions of the system nor tools.
    """

    version: tuple[int, int]
    thinking: Literal["none", "budget", "level"]
    least: int = 0
    most: int = 24_576
    minimal: int = 1
    can_be_off: bool = True
    levels: tuple[Level, ...] = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
    gemma: bool = False

    @property
    def is_three(self) -> bool:
        """It wants signatures of calls back, takes media in responses of tools, and fetches URLs."""
        return self.version >= (3, 0)


_GEMMA: Final = GeminiModel(version=(0, 0), thinking="none", gemma=True)
_NEWEST: Final = GeminiModel(version=(3, 0), thinking="level")
_PRO_2_5: Final = GeminiModel(version=(2, 5), thinking="budget", least=128, most=32_768, minimal=128, can_be_off=False)
_FLASH_2_5: Final = GeminiModel(version=(2, 5), thinking="budget")
_LITE_2_5: Final = GeminiModel(version=(2, 5), thinking="budget", least=512, minimal=512)


@by_name
def rules_of(name: str) -> GeminiModel:
    """The rules of the model ``name``, with or without ``models/`` or ``google/`` in front of it."""
    bare = re.sub(_PREFIXES, "", name[:300].lower())
    if bare.startswith("gemma"):
        return _GEMMA
    found = re.match(_GEMINI, bare)
    if found is None:
        return _NEWEST
    version = (int(found[1]), int(found[2] or 0))
    if version < (2, 5):
        return GeminiModel(version=version, thinking="none")
    if version < (3, 0):
        if "image" in bare or "tts" in bare or "live" in bare:
            return GeminiModel(version=version, thinking="none")
        return _PRO_2_5 if "pro" in bare else _LITE_2_5 if "lite" in bare else _FLASH_2_5
    levels: tuple[Level, ...] = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
    if "pro" in bare:
        levels = ("LOW", "HIGH") if version == (3, 0) else ("LOW", "MEDIUM", "HIGH")
    return GeminiModel(version=version, thinking="level", levels=levels)
