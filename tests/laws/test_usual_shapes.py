"""The law of usual shapes: what is read and written in the short way means what the general way makes of it.

Readers and writers of requests look first whether a message or a turn has a usual shape, and then need not look at what
only unusual ones have. Here they are made to find nothing usual, and must give the same values, with the same notes.
"""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.reading.any_json import mutate
from tests.reading.turn_soups import turn_soups
from tests.rigs.usual_shapes import nothing_usual

from aigw_sansio.prompt import JsonObject, Opaque, Part, Prompt, Text, ToolCall, ToolCallResponse, Turn
from aigw_sansio.testing import prompts
from aigw_sansio.translate import CLIENT_FORMATS, REQUEST_FORMATS, Refused, read_request, write_request

MODELS: Final = ("claude-sonnet-4-5", "gpt-5", "gemini-3-pro", "gemma-3", "anthropic.claude-3-5-sonnet-20240620-v1:0")
MAKERS: Final = ("", "openai", "anthropic", "google")
MEMBERS: Final[tuple[JsonObject, ...]] = ({"citations": [1]}, {"id": "msg_1"}, {"role": "developer"})
quick = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@st.composite
def decorated(draw: st.DrawFn) -> Prompt:
    """A prompt in which some parts and turns have members that few have."""
    prompt = draw(prompts(most=5) | turn_soups(MODELS))
    model, maker = draw(st.sampled_from(MODELS)), draw(st.sampled_from(MAKERS))
    prompt = msgspec.structs.replace(prompt, model=model, maker=maker)
    if draw(st.booleans()):
        return prompt
    return msgspec.structs.replace(prompt, turns=tuple(_decorated_turn(draw, turn) for turn in prompt.turns))


def _decorated_turn(draw: st.DrawFn, turn: Turn) -> Turn:
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return msgspec.structs.replace(turn, name="Bo")
    if kind == 1:
        return msgspec.structs.replace(turn, extra=MEMBERS[0])
    if kind == 2:
        return msgspec.structs.replace(turn, parts=tuple(_decorated_part(draw, part) for part in turn.parts))
    return turn


def _decorated_part(draw: st.DrawFn, part: Part) -> Part:
    kind, members = draw(st.integers(0, 3)), draw(st.sampled_from(MEMBERS))
    if not isinstance(part, Text | ToolCall | ToolCallResponse) or kind == 0:
        return part
    if kind == 1:
        return msgspec.structs.replace(part, extra=members)
    if kind == 2 or isinstance(part, ToolCallResponse):
        return msgspec.structs.replace(part, item=members)
    return msgspec.structs.replace(part, opaque=Opaque("google", "c2ln"))


@pytest.mark.parametrize("target", REQUEST_FORMATS)
@quick
@given(prompt=decorated())
def test_a_usual_turn_is_written_as_any_other(target: str, prompt: Prompt) -> None:
    short = write_request(prompt, target)
    event("refused" if isinstance(short, Refused) else "written")
    with nothing_usual():
        assert write_request(prompt, target) == short


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@quick
@given(data=st.data())
def test_a_usual_message_is_read_as_any_other(source: str, data: st.DataObject) -> None:
    written = write_request(data.draw(decorated()), source)
    if isinstance(written, Refused):
        event("refused")
        return
    body: Any = msgspec.json.decode(msgspec.json.encode(written[0].body))
    names = ("input" if source == "openai-responses" else "messages", "tools")
    for name in data.draw(st.lists(st.sampled_from([name for name in names if name in body]), max_size=3)):
        body = {**body, name: mutate(body[name], data.draw)}
    short = read_request(body, source)
    event("not read" if isinstance(short, Refused) else "read")
    with nothing_usual():
        assert read_request(body, source) == short
