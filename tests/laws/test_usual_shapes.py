"""The law of usual shapes: what is read and written in the short way means what the general way makes of it.

Readers and writers of requests look first whether a message or a turn has a usual shape, and then need not look at what
only unusual ones have. Here they are made to find nothing usual, and must give the same values, with the same notes. So
it is with plain conversations, which go from the reader to the writer without turns.
"""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.reading.any_json import mutate
from tests.reading.turn_soups import turn_soups
from tests.rigs.asked import MODELS as ASKED
from tests.rigs.asked import request
from tests.rigs.usual_shapes import nothing_plain, nothing_usual

from aigw_sansio.prompt import (
    FunctionTool,
    JsonObject,
    Opaque,
    Part,
    Prompt,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
)
from aigw_sansio.testing import prompts
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    Refused,
    Translated,
    WireRequest,
    read_request,
    translate_request,
    write_request,
)

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
    plain = read_request(body, source)
    with nothing_plain():
        short = read_request(body, source)
        assert plain == short
    event("not read" if isinstance(short, Refused) else "read")
    with nothing_usual():
        assert read_request(body, source) == short


IDS: Final = ("call_1", "a", "b", "call 1", "a\nb", "x" * 50, "x" * 90, "tooluse:1.2", "abc123XYZ", "a__thought__c")
ARGUMENTS: Final = ('{"a": 1}', "{}", "", " ", "x", "[1]", '{"a":[1', '{"a":1},{"b":2}')
SAID: Final = ("a", "b \n", " ", '{"c": 2}', "{", "x" * 400)


@st.composite
def plain_prompts(draw: st.DrawFn) -> Prompt:
    """Conversations that are plain, or nearly so: each call has a result, in most of them in its order."""
    few = draw(st.integers(1, 8))  # so many of the strange things that the lists end with are left out
    texts = st.sampled_from(SAID[: max(1, 7 - few)]).map(Text)
    calls = st.builds(ToolCall, st.sampled_from(IDS[: 11 - few]), st.sampled_from(("f", "g_1", "a.b")[: 1 + few % 3]),
                      st.sampled_from(ARGUMENTS[: 9 - few]))  # fmt: skip
    turns: list[Turn] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 7))
        if kind != 1:
            turns.append(Turn("user", (draw(texts),)))
        if kind > 3:
            made = draw(st.lists(calls, min_size=1, max_size=2, unique_by=lambda call: call.id))
            turns.append(Turn("assistant", (*draw(st.lists(texts, max_size=1)), *made)))
            results = [ToolCallResponse(call.id, (draw(texts),), call.name) for call in made]
            turns.append(Turn("tool", tuple(results[::-1] if kind == 7 and few == 8 else results)))
        if kind != 2:
            turns.append(Turn("assistant", (draw(texts),)))
    tools = (FunctionTool("f", "", {"type": "object"}), FunctionTool("a.b"))[: draw(st.integers(0, 2))]
    instructions = (Text("Be brief."),)[: draw(st.integers(0, 1))]
    return Prompt(model="m", max_tokens=9, turns=tuple(turns), tools=tools, instructions=instructions)


def told(
    result: Translated | Refused,
) -> tuple[WireRequest, Prompt, Prompt, tuple[object, ...]] | Refused:
    return result if isinstance(result, Refused) else (result.request, result.prompt, result.settings, result.notes)


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@quick
@given(data=st.data())
def test_a_plain_conversation_is_translated_as_any_other(source: str, data: st.DataObject) -> None:
    written = write_request(data.draw(plain_prompts() | decorated()), source)
    if isinstance(written, Refused):
        event("refused")
        return
    body: Any = msgspec.json.decode(msgspec.json.encode(written[0].body))
    name = "input" if source == "openai-responses" else "messages"
    if data.draw(st.integers(0, 3)) == 0:
        body = {**body, name: mutate(body[name], data.draw)}
    model = data.draw(st.sampled_from(MODELS))
    for target in REQUEST_FORMATS:
        plain = translate_request(body, source=source, target=target, model=model)
        with nothing_plain():
            general = translate_request(body, source=source, target=target, model=model)
        text = translate_request(msgspec.json.encode(body), source=source, target=target, model=model)
        assert told(text) == told(general), target
        event(f"plain: {isinstance(plain, Translated) and plain._plain is not None}")
        assert told(plain) == told(general), target


@pytest.mark.parametrize("source", CLIENT_FORMATS)
def test_most_conversations_are_plain(source: str) -> None:
    for target, model in ASKED.items():
        result = translate_request(request(source, 4096), source=source, target=target, model=model)
        assert isinstance(result, Translated)
        # the ids of Mistral are short, and each that is replaced is noted
        assert (result._plain is None) is (target == "mistral"), target
