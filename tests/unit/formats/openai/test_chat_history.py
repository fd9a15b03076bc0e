"""Turns become messages: a second round with tools works with every target."""

import pytest

from aigw_sansio.formats.mistral import MISTRAL
from aigw_sansio.formats.openai.chat_history import HistoryWriter
from aigw_sansio.formats.openai.like import Quirks
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_tools import NameMap
from aigw_sansio.formats.translation import Note
from aigw_sansio.formats.usual import look_at
from aigw_sansio.formats.workers_ai_request import WORKERS_AI
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    JsonObject,
    Native,
    Opaque,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
)

TARGETS = {"openai": OPENAI, "mistral": MISTRAL, "workers-ai": WORKERS_AI, **LOOK_ALIKES}
IMAGE = Image(Blob("AAAA", "image/png"))


def write(prompt: Prompt, quirks: Quirks = OPENAI) -> tuple[list[JsonObject], list[str]]:
    notes: list[Note] = []
    written = HistoryWriter(prompt, look_at(prompt.turns), quirks, NameMap(quirks.names, notes), notes, None).write()
    return written, [f"{note.kind} {note.field}" for note in notes]


def assistant(*parts: Text | Reasoning | ToolCall | Refusal | Audio | Native | Image) -> Prompt:
    return Prompt(turns=(Turn("assistant", parts),))


def two_rounds(*thoughts: Reasoning) -> Prompt:
    """A conversation as it stands after two rounds with tools, ids and names as another vendor gives them."""
    long, dotted = "toolu_" + "x" * 60, "functions.g:1"
    return Prompt(
        model="m",
        instructions=(Text("s"),),
        turns=(
            Turn("user", (Text("q"),)),
            Turn("assistant", (*thoughts, Text("t"), ToolCall(long, "f", '{"a": 1}'), ToolCall(dotted, "mcp.g", ""))),
            Turn("tool", (ToolCallResponse(dotted, (Text("2"),), "mcp.g"), ToolCallResponse(long, (), "f"))),
            Turn("assistant", (*thoughts, ToolCall("c3", "f", "{}"))),
            Turn("tool", (ToolCallResponse("c3", (Text("no"),), "f", is_error=True),)),
            Turn("assistant", (*thoughts, Text("done"))),
            Turn("user", (Text("next"),)),
        ),
    )


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "perplexity"])
def test_two_rounds_with_every_target(name: str) -> None:
    messages, _ = write(two_rounds(Reasoning("hm", Opaque("anthropic", "sig"))), TARGETS[name])
    assert [message["role"] for message in messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip
    waiting: set[object] = set()
    for message in messages:
        assert None not in message.values()
        for call in message.get("tool_calls", []):  # type: ignore[attr-defined]
            waiting.add(call["id"])
            assert call["function"]["arguments"] in (
                '{"a": 1}',
                "{}",
                "" if name in ("openai", "azure-openai") else "{}",
            )
            assert len(call["id"]) <= 40 or TARGETS[name].ids is None
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
        elif message["role"] == "user":
            assert not waiting


@pytest.mark.parametrize(
    ("name", "model", "member", "told"),
    [
        ("deepseek", "deepseek-v4-pro", "reasoning_content", ["hm", "hm", "hm"]),
        ("groq", "m", "reasoning", ["hm", "hm", "hm"]),
        ("workers-ai", "m", "reasoning", ["hm", "hm", "hm"]),
        ("vllm", "m", "reasoning", ["hm", "hm", "hm"]),
        ("llamacpp", "m", "reasoning_content", ["hm", "hm", "hm"]),
        ("fireworks", "m", "reasoning_content", ["hm", "hm", "hm"]),
    ],
)
def test_reasoning_goes_back_as_text(name: str, model: str, member: str, told: list[str]) -> None:
    prompt = two_rounds(Reasoning("hm"))
    messages, _ = write(Prompt(model=model, turns=prompt.turns), TARGETS[name])
    assert [message.get(member) for message in messages if message["role"] == "assistant"] == told


def test_deepseek_needs_reasoning_at_every_message_while_it_thinks() -> None:
    deepseek = LOOK_ALIKES["deepseek"]
    turns = two_rounds().turns
    messages, _ = write(Prompt(model="deepseek-v4-flash", turns=turns), deepseek)
    assert [message["reasoning_content"] for message in messages if message["role"] == "assistant"] == ["", "", ""]
    off = Prompt(
        model="deepseek-v4-flash", turns=two_rounds(Reasoning("hm")).turns, reasoning=ReasoningSettings("none")
    )
    messages, notes = write(off, deepseek)
    assert not any("reasoning_content" in message for message in messages)
    assert notes.count("dropped turns[1].parts[0]") == 1


def test_openrouter_gets_details_with_their_data() -> None:
    messages, notes = write(
        Prompt(
            turns=(
                Turn(
                    "assistant",
                    (
                        Reasoning("hm", Opaque("anthropic", "sig")),
                        Reasoning("", Opaque("anthropic", "x"), redacted=True),
                        ToolCall("c1", "f", "{}", opaque=Opaque("google", "g")),
                    ),
                ),
            )
        ),
        LOOK_ALIKES["openrouter"],
    )
    assert notes == []
    assert messages[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "g", "id": "c1", "format": "google-gemini-v1", "index": 1},
    ]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((Text("a", opaque=Opaque("google", "s")),), False),
        ((Reasoning("hm", Opaque("google", "s")), Text("a")), True),
        ((Text("a", opaque=Opaque("google", "s")), Text("b", opaque=Opaque("google", "t"))), True),
        ((Text("a", opaque=Opaque("google", "s")), ToolCall("c1", "f", "{}")), True),
    ],
)
def test_openrouter_is_told_of_googles_signatures_only_which_call_they_are_of(
    parts: tuple[Part, ...], told: bool
) -> None:
    messages, notes = write(Prompt(turns=(Turn("assistant", parts),)), LOOK_ALIKES["openrouter"])
    assert notes == (["mapped turns[0].parts"] if told else [])
    details = [one.get("data") for one in messages[0]["reasoning_details"] if one["type"] == "reasoning.encrypted"]
    assert details == [part.opaque.data for part in parts if isinstance(part, Text | Reasoning) and part.opaque]


def test_mistral_gets_reasoning_in_the_content() -> None:
    messages, notes = write(assistant(Reasoning("hm", Opaque("openai", "x")), Text("a")), MISTRAL)
    assert messages[0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
        {"type": "text", "text": "a"},
    ]
    assert notes == ["dropped turns[0].parts[0].opaque"]
    messages, _ = write(assistant(Reasoning("hm"), ToolCall("c", "f")), MISTRAL)
    assert messages[0]["content"] == [messages[0]["content"][0]]  # type: ignore[index]


def test_a_target_without_reasoning_drops_it() -> None:
    assert write(assistant(Reasoning("hm"), Text("a"))) == (
        [{"role": "assistant", "content": "a"}],
        ["dropped turns[0].parts[0]"],
    )
    assert write(assistant(Reasoning("hm"))) == ([], ["dropped turns[0].parts[0]"])
    signed = ToolCall("c1", "f", opaque=Opaque("google", "s"), cache=CacheMark())
    assert write(assistant(signed))[1] == ["dropped turns[0].parts[0].opaque", "dropped turns[0].parts[0].cache"]
    hidden = Reasoning("", Opaque("anthropic", "x"), redacted=True)
    assert write(assistant(hidden, Text("a")), LOOK_ALIKES["groq"])[1] == ["dropped turns[0].parts[0]"]


def test_content_beside_calls() -> None:
    call = ToolCall("c1", "f", "{}")
    assert "content" not in write(assistant(call))[0][0]
    assert write(assistant(call), MISTRAL)[0][0]["content"] == ""
    assert write(assistant(call), LOOK_ALIKES["deepseek"])[0][0]["content"] == ""
    messages, notes = write(assistant(call, Text("behind")))
    assert messages[0]["content"] == "behind"
    assert notes == ["mapped turns[0].parts[1]"]


def test_refusals_and_sound() -> None:
    assert write(assistant(Refusal("no")))[0] == [{"role": "assistant", "content": None, "refusal": "no"}]
    assert write(assistant(Text("a"), Refusal("no")))[0][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "refusal", "refusal": "no"},
    ]
    assert write(assistant(Refusal("no")), LOOK_ALIKES["groq"])[0] == [{"role": "assistant", "content": "no"}]
    assert write(assistant(Audio(UploadedFile("a1", "openai"))))[0] == [{"role": "assistant", "audio": {"id": "a1"}}]
    for part in (Audio(UploadedFile("a1", "google")), IMAGE):
        with pytest.raises(RequestRefused):
            write(assistant(part))


def test_free_input() -> None:
    turns = (
        Turn("assistant", (ToolCall("c1", "f", 'say "a"', custom=True),)),
        Turn("tool", (ToolCallResponse("c1", (Text("r"),), "f", custom=True),)),
    )
    messages, _ = write(Prompt(turns=turns))
    assert messages[0]["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "f", "input": 'say "a"'}},
    ]
    messages, _ = write(Prompt(turns=turns), LOOK_ALIKES["groq"])
    assert messages[0]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"input":"say \\"a\\""}'}}
    ]


def test_media_of_results_follow_behind_all_results() -> None:
    turns = (
        Turn("assistant", (ToolCall("c1", "f"), ToolCall("c2", "f"))),
        Turn("tool", (ToolCallResponse("c1", (Text("a"), IMAGE)), ToolCallResponse("c2", (Image(Uri("https://a")),)))),
        Turn("user", (Text("q"),)),
    )
    messages, notes = write(Prompt(turns=turns))
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user", "user"]
    assert [message["content"] for message in messages[1:3]] == ["a", ""]
    content = messages[3]["content"]
    assert isinstance(content, list)
    assert [part["type"] for part in content] == ["text", "image_url"] * 2
    assert notes == ["mapped turns[1].parts[0]", "mapped turns[1].parts[1]"]


def test_files_of_text_are_texts_of_a_result() -> None:
    response = (Text("a"), File(PlainText("b"), "n.txt"))
    messages, notes = write(Prompt(turns=(Turn("tool", (ToolCallResponse("c", response),)),)), LOOK_ALIKES["groq"])
    assert messages[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "n.txt\n\nb"}]
    assert notes == ["mapped turns[0].parts[0].response[1]"]


def test_marks_of_errors_and_caches_of_results() -> None:
    def result(*response: Text, **more: object) -> Prompt:
        return Prompt(turns=(Turn("tool", (ToolCallResponse("c", response, "f", **more),)),))  # type: ignore[arg-type]

    assert write(result(Text("no"), is_error=True)) == (
        [{"role": "tool", "tool_call_id": "c", "content": "no"}],
        ["mapped turns[0].parts[0].is_error"],
    )
    assert write(result(cache=CacheMark()))[1] == ["dropped turns[0].parts[0].cache"]
    assert write(result(Text("a"), cache=CacheMark()))[1] == ["dropped turns[0].parts[0].response[0].cache"]
    assert write(result(Text("a")), MISTRAL)[0][0]["name"] == "f"


def test_who_gives_instructions() -> None:
    turns = (Turn("user", (Text("a"),)), Turn("system", (Text("b"),)))
    roles = {
        model: [message["role"] for message in write(Prompt(model=model, instructions=(Text("i"),), turns=turns))[0]]
        for model in ("gpt-4o", "gpt-5")
    }
    assert roles == {"gpt-4o": ["system", "user", "system"], "gpt-5": ["developer", "user", "developer"]}
    with pytest.raises(RequestRefused):
        write(Prompt(turns=(Turn("system", (IMAGE,)),)))


def test_perplexity_takes_turns() -> None:
    turns = (
        Turn("user", (Text("a"),)),
        Turn("user", (Text("b"),)),
        Turn("assistant", (Text("c"),)),
        Turn("system", (Text("d"),)),
    )
    messages, notes = write(Prompt(instructions=(Text("i"),), turns=turns), LOOK_ALIKES["perplexity"])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert notes == ["mapped turns[3]"]


def test_names_of_participants() -> None:
    turns = (Turn("user", (Text("a"),), "ann"), Turn("assistant", (Text("b"),), "bob"))
    assert [message["name"] for message in write(Prompt(turns=turns))[0]] == ["ann", "bob"]
    messages, notes = write(Prompt(turns=turns), LOOK_ALIKES["groq"])
    assert not any("name" in message for message in messages)
    assert notes == ["dropped turns[0].name", "dropped turns[1].name"]


@pytest.mark.parametrize("name", ["mistral", "deepseek"])
def test_a_message_at_the_end_is_to_be_continued(name: str) -> None:
    messages, _ = write(assistant(Text("a")), TARGETS[name])
    assert messages[-1]["prefix"] is True
    messages, _ = write(assistant(ToolCall("c", "f")), TARGETS[name])
    assert "prefix" not in messages[-1]
    messages, _ = write(Prompt(turns=(Turn("user", (Text("q"),)), *assistant(Native("x", {})).turns)), TARGETS[name])
    assert "prefix" not in messages[-1]


def test_members_that_only_one_vendor_defines_are_noted() -> None:
    more: JsonObject = {"citations": []}
    turns = (
        Turn("user", (Text("a", extra=more),), extra=more),
        Turn("assistant", (ToolCall("c", "f", extra=more, item={"id": "fc_1"}),)),
        Turn("tool", (ToolCallResponse("c", (Text("r", extra=more),), "f", extra=more),)),
    )
    _, notes = write(Prompt(instructions=(Text("i", extra=more),), turns=turns))
    fields = [
        "turns[0]",
        "turns[0].parts[0]",
        "turns[1].parts[0]",
        "turns[2].parts[0]",
        "turns[2].parts[0].response[0]",
    ]
    assert notes == [f"dropped {field}.extra.citations" for field in [*fields, "instructions[0]"]]


def test_blocks_of_other_vendors_leave_no_empty_message() -> None:
    native = Native("anthropic", {"type": "server_tool_use"})
    prompt = Prompt(turns=(Turn("user", (native,)), Turn("assistant", (native,)), Turn("user", (Text("a"), native))))
    messages, notes = write(prompt)
    assert messages == [{"role": "user", "content": "a"}]
    assert notes == ["dropped turns[0].parts[0]", "dropped turns[1].parts[0]", "dropped turns[2].parts[1]"]
