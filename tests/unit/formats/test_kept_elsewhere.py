"""What a client leaves out of its request because OpenAI keeps it."""

from typing import Any

import pytest

from aigw_sansio.formats.kept_elsewhere import kept_elsewhere
from aigw_sansio.formats.translation import Refused
from aigw_sansio.formats.usual import look_at
from aigw_sansio.prompt import JsonObject, Native, Prompt, Text, Turn

HELLO = Turn("user", (Text("Hello"),))


def refused(prompt: Prompt) -> Refused | None:
    return kept_elsewhere(prompt, look_at(prompt.turns))


@pytest.mark.parametrize("name", ["conversation", "prompt"])
def test_members_that_stand_for_a_conversation(name: str) -> None:
    extra: JsonObject = {name: {"id": "x"}}
    found = refused(Prompt(turns=(HELLO,), maker="openai", extra=extra))
    assert found is not None
    assert found.field == f"extra.{name}"
    assert refused(Prompt(turns=(HELLO,), maker="openai", extra={name: None})) is None
    assert refused(Prompt(turns=(HELLO,), maker="anthropic", extra=extra)) is None


@pytest.mark.parametrize(
    ("maker", "item", "found"),
    [
        ("openai", {"type": "item_reference", "id": "x"}, True),
        ("openai", {"type": None, "id": "x"}, True),
        ("openai", {"id": "x"}, True),
        ("openai", {"type": "compaction", "id": "x"}, False),
        ("google", {"id": "x"}, False),
    ],
)
def test_items_that_stand_for_others(maker: str, item: dict[str, Any], found: bool) -> None:
    told = refused(Prompt(turns=(HELLO, Turn("assistant", (Native(maker, item),))), maker="openai"))
    assert (told is not None and told.field == "turns[1].parts[0]") is found
