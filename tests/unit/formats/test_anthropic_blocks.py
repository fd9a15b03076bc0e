"""Turns, as messages of an Anthropic request."""

import base64
from typing import Any

import pytest

from aigw_sansio.formats.alternating import OPENING
from aigw_sansio.formats.anthropic_blocks import Marks, unwrapped, wrapped
from aigw_sansio.formats.anthropic_request import write_bedrock_request, write_request, write_vertex_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    FunctionTool,
    Image,
    Native,
    Opaque,
    PlainText,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
)

HELLO = Turn("user", (Text("Hello"),))


def written(*turns: Turn, write: Any = write_request, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the notes but for the one that there must be a limit of tokens."""
    fields = {"model": "claude-sonnet-4-5", "maker": "openai", **fields}
    notes: list[Note] = []
    request = write(Prompt(turns=turns, **fields), notes)
    assert isinstance(request, WireRequest), request
    return request.body, [(note.kind, note.field) for note in notes if note.field != "max_tokens"]


def messages(*turns: Turn, **fields: Any) -> list[tuple[str, Any]]:
    body, _ = written(*turns, **fields)
    return [(message["role"], message["content"]) for message in body["messages"]]


def refused(*turns: Turn, write: Any = write_request, **fields: Any) -> Refused:
    found = write(Prompt(model="claude-sonnet-4-5", turns=turns, **fields), [])
    assert isinstance(found, Refused), found
    return found


def call(name: str = "a", arguments: str = "{}", **more: Any) -> ToolCall:
    return ToolCall(name, "f", arguments, **more)


def response(name: str = "a", *parts: Any, **more: Any) -> ToolCallResponse:
    return ToolCallResponse(name, parts, **more)


def test_responses_stand_first_in_one_message() -> None:
    found = messages(
        HELLO,
        Turn("assistant", (Text("See."), call("a"), call("b"))),
        Turn("user", (Text("Well?"),)),
        Turn("tool", (response("b", Text("2")),)),
        Turn("tool", (response("a", Text("1")),)),
    )
    assert [role for role, _ in found] == ["user", "assistant", "user"]
    assert found[2][1] == [
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
        {"type": "text", "text": "Well?"},
    ]


def test_a_second_round_of_tools() -> None:
    body, notes = written(
        HELLO,
        Turn("assistant", (Reasoning("Hm.", Opaque("anthropic", "c2lnMQ==")), call("a", '{"n":1}'))),
        Turn("tool", (response("a", Text("1")),)),
        Turn("assistant", (Reasoning("So.", Opaque("anthropic", "c2lnMg==")), call("b", '{"n":2}'))),
        Turn("tool", (response("b", Text("2"), is_error=True),)),
    )
    assert notes == []
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "c2lnMQ=="}
    assert body["messages"][3]["content"][1]["input"] == {"n": 2}
    assert body["messages"][4]["content"][0]["is_error"] is True


def test_neighbours_of_one_role_are_one_message() -> None:
    found = messages(HELLO, HELLO, Turn("assistant", (Text("a"),)), Turn("assistant", (Text("b"),)), HELLO)
    assert [(role, len(content)) for role, content in found] == [("user", 2), ("assistant", 2), ("user", 1)]


def test_thoughts_stand_first_and_calls_last_if_another_format_mixed_them() -> None:
    parts = (Text("a"), call("x"), Reasoning("t", Opaque("anthropic", "s")), Text("b"))
    turns = (HELLO, Turn("assistant", parts), Turn("tool", (response("x"),)))
    kinds = [block["type"] for block in messages(*turns)[1][1]]
    assert kinds == ["thinking", "text", "text", "tool_use"]
    kinds = [block["type"] for block in messages(*turns, maker="anthropic")[1][1]]
    assert kinds == ["text", "tool_use", "thinking", "text"]


def test_no_blank_text() -> None:
    body, notes = written(
        Turn("user", (Text("Hello"), Text("  "))),
        Turn("assistant", (Text("\n"),)),
        Turn("user", (Text("Again"),)),
        instructions=(Text(" "),),
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "Again"}]}
    ]
    assert "system" not in body
    assert notes == [("dropped", "instructions[0]"), ("dropped", "turns[0].parts[1]"), ("dropped", "turns[1].parts[0]")]
    assert len(messages(Turn("user", (Text("a"), Text(" "), Text("b"))), maker="anthropic")[0][1]) == 3


def test_the_text_that_is_to_be_continued_is_trimmed() -> None:
    body, notes = written(HELLO, Turn("assistant", (Text("It is \n"),)))
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "It is"}]
    assert notes == [("mapped", "turns")]
    assert messages(HELLO, Turn("assistant", (Text("It is "),)), HELLO)[1][1][0]["text"] == "It is "


@pytest.mark.parametrize("turns", [(), (Turn("assistant", (Text("Hi!"),)), HELLO), (Turn("system", (Text("Go."),)),)])
def test_the_user_begins(turns: tuple[Turn, ...]) -> None:
    body, notes = written(*turns)
    assert body["messages"][0] == {"role": "user", "content": [{"type": "text", "text": OPENING}]}
    assert notes == [("mapped", "turns")]


def test_instructions() -> None:
    body, _ = written(Turn("system", (Text("b"),)), HELLO, instructions=(Text("a", CacheMark("1h")),))
    assert body["system"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b"},
    ]


def test_an_instruction_in_the_middle() -> None:
    middle = Turn("system", (Text("Now in French."),))
    body, notes = written(HELLO, middle, model="claude-opus-4-8")
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
    assert notes == []
    # an older model takes none, and none stands behind the assistant
    for turns, model in (
        ((HELLO, middle), "claude-opus-4-7"),
        ((HELLO, Turn("assistant", (Text("a"),)), middle), "claude-opus-5"),
    ):
        body, notes = written(*turns, model=model)
        assert body["messages"][-1]["role"] == "user"
        assert body["messages"][-1]["content"][-1]["text"] == "Now in French."
        assert notes == [("mapped", f"turns[{len(turns) - 1}]")]


def test_ids_are_letters_and_digits_and_each_is_there_once() -> None:
    turns = (
        HELLO,
        Turn("assistant", (call("call 1"),)),
        Turn("tool", (response("call 1", Text("1")),)),
        Turn("assistant", (call("call 1"), call("toolu_1"))),
        Turn("tool", (response("toolu_1"), response("call 1", Text("2")))),
        Turn("assistant", (call("toolu_1"),)),
        Turn("tool", (response("toolu_1"),)),
    )
    found = messages(*turns)
    ids = [[block["id"] for block in content if block["type"] == "tool_use"] for _, content in found]
    answered = [[block.get("tool_use_id") for block in content] for _, content in found]
    assert answered[2] == ids[1]
    assert sorted(answered[4]) == sorted(ids[3])
    assert answered[6] == ids[5]
    every = [one for some in ids for one in some]
    assert len(set(every)) == 4
    assert all(one.replace("_", "").isalnum() for one in every)
    assert found[4][1][1]["content"][0]["text"] == "2"


def test_arguments() -> None:
    calls = (call("a", ""), call("b", '{"n": 1}'), call("c", "not JSON"), call("d", "free", custom=True))
    responses = Turn("tool", tuple(response(name) for name in "abcd"))
    body, notes = written(HELLO, Turn("assistant", calls), responses)
    assert [block["input"] for block in body["messages"][1]["content"]] == [
        {},
        {"n": 1},
        {"input": "not JSON"},
        {"input": "free"},
    ]
    assert notes == [("mapped", "turns[1].parts[2].arguments")]


def test_names_of_tools_fit_alike_everywhere() -> None:
    name = "mcp.server/tool"
    body, notes = written(
        HELLO,
        Turn("assistant", (ToolCall("a", name),)),
        Turn("tool", (response("a"),)),
        tools=(FunctionTool(name),),
    )
    assert body["messages"][1]["content"][0]["name"] == body["tools"][0]["name"]
    assert body["tools"][0]["name"] != name
    assert notes == [("mapped", "tools[0].name")]


@pytest.mark.parametrize(
    "turns",
    [
        (HELLO, Turn("assistant", (call("a"),)), HELLO),
        (HELLO, Turn("assistant", (call("a"),))),
        (HELLO, Turn("tool", (response("a"),))),
        (HELLO, Turn("assistant", (call("a"),)), Turn("tool", (response("a"), response("b")))),
    ],
)
def test_calls_and_responses_are_pairs(turns: tuple[Turn, ...]) -> None:
    assert refused(*turns).field == "turns"


# -- reasoning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", [Reasoning("Hm."), Reasoning("Hm.", Opaque("openai", "x")), Reasoning("", Opaque("google", "x"))]
)
def test_foreign_thoughts_are_dropped(part: Reasoning) -> None:
    body, notes = written(HELLO, Turn("assistant", (part, Text("a"))), HELLO)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "a"}]
    assert notes == [("dropped", "turns[1].parts[0]")]


def test_own_thoughts_go_back_byte_for_byte() -> None:
    signature = "EqQBCkYIARgCKkA/+é=="
    parts = (Reasoning("", Opaque("anthropic", signature)), Reasoning("", Opaque("anthropic", "ZGE="), redacted=True))
    assert messages(HELLO, Turn("assistant", (*parts, Text("a"))), HELLO)[1][1][:2] == [
        {"type": "thinking", "thinking": "", "signature": signature},
        {"type": "redacted_thinking", "data": "ZGE="},
    ]


def test_hidden_thoughts_have_one_more_layer_on_converse() -> None:
    data = base64.b64encode(b"\x12\x0b\x01\x02\xff").decode()
    assert wrapped(data) == base64.b64encode(data.encode()).decode()
    assert wrapped(wrapped(data)) == wrapped(data)
    assert unwrapped(wrapped(data)) == data
    assert unwrapped(data) == data
    assert (wrapped("no base64!"), unwrapped("no base64!")) == (base64.b64encode(b"no base64!").decode(), "no base64!")


# -- media -------------------------------------------------------------------------------------------------------------


def block_of(part: Any, **fields: Any) -> dict[str, Any]:
    (block,) = messages(Turn("user", (part,)), **fields)[0][1]
    assert isinstance(block, dict)
    return block


def test_images() -> None:
    assert block_of(Image(Blob("aGk=", "image/jpg")))["source"] == {
        "type": "base64",
        "media_type": "image/jpeg",
        "data": "aGk=",
    }
    assert block_of(Image(Uri("https://a.test/b")))["source"] == {"type": "url", "url": "https://a.test/b"}
    assert block_of(Image(UploadedFile("f", "anthropic")))["source"] == {"type": "file", "file_id": "f"}
    assert block_of(File(Blob("aGk=", "image/png")))["type"] == "image"
    assert written(Turn("user", (Image(Uri("https://a.test/b"), "low"),)))[1] == [
        ("dropped", "turns[0].parts[0].detail")
    ]


@pytest.mark.parametrize(
    "part",
    [
        Image(Blob("aGk=", "image/heic")),
        Image(Uri("http://a.test/b")),
        Image(Uri("gs://a/b")),
        Image(UploadedFile("f", "openai")),
        File(Blob("aGk=", "application/msword")),
        File(Blob("no base64!", "text/plain")),
        File(Blob("/w==", "text/plain")),
        Audio(Blob("aGk=", "audio/wav")),
    ],
)
def test_media_that_claude_cannot_see_are_refused(part: Any) -> None:
    assert refused(Turn("user", (Text("a"), part))).field == "turns[0].parts[1]"
    calls = (HELLO, Turn("assistant", (call("a"),)))
    assert refused(*calls, Turn("tool", (response("a", part),))).field == "turns[2].parts[0].response[0]"


@pytest.mark.parametrize("write", [write_vertex_request, write_bedrock_request])
def test_clouds_fetch_no_media(write: Any) -> None:
    assert refused(Turn("user", (Image(Uri("https://a.test/b")),)), write=write).field == "turns[0].parts[0]"


def test_documents() -> None:
    pdf = File(Blob("aGk=", "application/pdf"), "a.pdf", "A page", citations=True, cache=CacheMark())
    assert block_of(pdf) == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
        "title": "a.pdf",
        "context": "A page",
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }
    text = {"type": "text", "media_type": "text/plain", "data": "hi"}
    assert block_of(File(PlainText("hi")))["source"] == text
    assert block_of(File(Blob("aGk=", "text/csv")))["source"] == text
    assert block_of(File(Uri("https://a.test/b.pdf")))["source"] == {"type": "url", "url": "https://a.test/b.pdf"}


def test_a_response_holds_media() -> None:
    found = messages(
        HELLO,
        Turn("assistant", (call("a"),)),
        Turn("tool", (response("a", Text("x"), Image(Blob("aGk=", "image/png")), cache=CacheMark()),)),
    )
    (block,) = found[2][1]
    assert [inner["type"] for inner in block["content"]] == ["text", "image"]
    assert block["cache_control"] == {"type": "ephemeral"}


def test_blocks_of_another_vendor_are_dropped() -> None:
    own, foreign = Native("anthropic", {"type": "compaction"}), Native("google", {"executableCode": {}})
    body, notes = written(HELLO, Turn("assistant", (own, foreign, Text("a"))), HELLO)
    assert body["messages"][1]["content"] == [{"type": "compaction"}, {"type": "text", "text": "a"}]
    assert notes == [("dropped", "turns[1].parts[1]")]


def test_what_has_no_place() -> None:
    body, notes = written(
        Turn("user", (Text("a", opaque=Opaque("google", "x"), extra={"phase": 1}),), "Bo"),
        Turn("assistant", (Refusal("I cannot."),), extra={"y": 1}),
        HELLO,
    )
    assert body["messages"][1]["content"] == [{"type": "text", "text": "I cannot."}]
    assert notes == [
        ("dropped", "turns[0].name"),
        ("dropped", "turns[0].parts[0].opaque"),
        ("dropped", "turns[0].parts[0].extra.phase"),
        ("mapped", "turns[1].parts[0]"),
        ("dropped", "turns[1].extra.y"),
    ]


# -- marks for the cache -----------------------------------------------------------------------------------------------


def test_the_last_four_marks_are_kept() -> None:
    texts = tuple(Text(str(number), CacheMark()) for number in range(5))
    body, notes = written(Turn("user", texts), instructions=(Text("s", CacheMark()),))
    marked = ["cache_control" in block for block in [*body["system"], *body["messages"][0]["content"]]]
    assert marked == [False, False, True, True, True, True]
    assert notes == [("dropped", "instructions[0].cache"), ("dropped", "turns[0].parts[0].cache")]
    body, _ = written(Turn("user", texts), cache=CacheMark("30m"))
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sum("cache_control" in block for block in body["messages"][0]["content"]) == 3


def test_a_block_that_came_with_its_mark_counts() -> None:
    block: dict[str, Any] = {"type": "container_upload", "cache_control": {"type": "ephemeral"}}
    texts = tuple(Text(str(number), CacheMark()) for number in range(4))
    body, notes = written(Turn("user", (Native("anthropic", block), *texts)))
    assert "cache_control" not in body["messages"][0]["content"][0]
    assert "cache_control" in block, "what the client wrote is not changed"
    assert notes == [("dropped", "turns[0].parts[0].cache")]


def test_a_long_life_does_not_stand_behind_a_short_one() -> None:
    notes: list[Note] = []
    marks = Marks(notes, 0)
    blocks: list[dict[str, Any]] = [{}, {}, {}]
    for block, ttl in zip(blocks, ("1h", None, "1h")):
        marks.put(block, CacheMark(ttl), "f")
    marks.finish()
    assert [block["cache_control"].get("ttl") for block in blocks] == ["1h", None, "5m"]
    assert [note.kind for note in notes] == ["clamped"]


def test_responses_stand_first_also_if_a_message_before_them_was_empty() -> None:
    found = messages(
        HELLO,
        Turn("assistant", (call("a"),)),
        Turn("user", (Text("Well?"),)),
        Turn("assistant", (Reasoning("not signed"),)),
        Turn("tool", (response("a", Text("1")),)),
    )
    assert [block["type"] for block in found[2][1]] == ["tool_result", "text"]
