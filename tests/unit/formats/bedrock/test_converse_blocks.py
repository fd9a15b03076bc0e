"""Turns, as messages of Bedrock's Converse. What is written fits the service model of botocore."""

import base64
from typing import Any

import pytest
from tests.reading.claude_rules import check_converse_request

from aigw_sansio.formats.alternating import OPENING
from aigw_sansio.formats.bedrock.converse_request import write_request
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
    Video,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
HELLO = Turn("user", (Text("Hello"),))
TOOLS = (FunctionTool("f"),)


def written(*turns: Turn, model: str = CLAUDE, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    notes: list[Note] = []
    request = write_request(Prompt(model=model, turns=turns, **fields), notes)
    assert isinstance(request, WireRequest), request
    check_converse_request(request.body)
    return request.body, [(note.kind, note.field) for note in notes]


def contents(*turns: Turn, **fields: Any) -> list[Any]:
    return [message["content"] for message in written(*turns, **fields)[0]["messages"]]


def refused(*turns: Turn, model: str = CLAUDE) -> str:
    found = write_request(Prompt(model=model, turns=turns), [])
    assert isinstance(found, Refused), found
    return found.field


def test_a_round_of_tools() -> None:
    body, notes = written(
        HELLO,
        Turn("assistant", (ToolCall("a", "f", '{"n":1}'), Text("See."), ToolCall("b", "f"))),
        Turn("user", (Text("Well?"),)),
        Turn("tool", (ToolCallResponse("b", (), is_error=True), ToolCallResponse("a", (Text("1"),)))),
        tools=TOOLS,
    )
    assert body["messages"][1]["content"] == [
        {"text": "See."},
        {"toolUse": {"toolUseId": "a", "name": "f", "input": {"n": 1}}},
        {"toolUse": {"toolUseId": "b", "name": "f", "input": {}}},
    ]
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "b", "content": [{"text": "(no output)"}], "status": "error"}},
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}], "status": "success"}},
        {"text": "Well?"},
    ]
    assert notes == [("mapped", "turns[3].parts[0].response")]


@pytest.mark.parametrize(("model", "size"), [(CLAUDE, None), ("mistral.mistral-large-2407-v1:0", 9)])
def test_ids_fit_the_model(model: str, size: int | None) -> None:
    turns = []
    for _ in range(2):
        turns += [Turn("assistant", (ToolCall("call|1", "f"),)), Turn("tool", (ToolCallResponse("call|1"),))]
    found = contents(HELLO, *turns, tools=TOOLS, model=model)
    ids = [found[at][0]["toolUse"]["toolUseId"] for at in (1, 3)]
    assert [found[at][0]["toolResult"]["toolUseId"] for at in (2, 4)] == ids
    assert ids[0] != ids[1]
    assert size is None or all(len(one) == size for one in ids)


def test_the_user_begins_and_roles_alternate() -> None:
    body, notes = written(Turn("assistant", (Text("a"),)), Turn("assistant", (Text("b "),)))
    assert body["messages"] == [
        {"role": "user", "content": [{"text": OPENING}]},
        {"role": "assistant", "content": [{"text": "a"}, {"text": "b"}]},
    ]
    assert notes == [("mapped", "turns"), ("mapped", "turns")]


def test_no_blank_text() -> None:
    body, notes = written(HELLO, Turn("assistant", (Text(" "),)), HELLO, instructions=(Text("\n"),))
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hello"}, {"text": "Hello"}]}]
    assert "system" not in body
    assert notes == [("dropped", "instructions[0]"), ("dropped", "turns[1].parts[0]")]


def test_instructions() -> None:
    body, notes = written(
        Turn("system", (Text("b"),)), HELLO, Turn("system", (Text("c"),)), instructions=(Text("a", CacheMark("1h")),)
    )
    assert body["system"] == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "b"}]
    assert body["messages"][0]["content"] == [{"text": "Hello"}, {"text": "c"}]
    assert notes == [("mapped", "turns[2]")]


def test_a_model_without_instructions() -> None:
    body, notes = written(HELLO, model="amazon.titan-text-express-v1", instructions=(Text("a"),))
    assert "system" not in body
    assert body["messages"][0]["content"] == [{"text": "a"}, {"text": "Hello"}]
    assert notes == [("mapped", "instructions")]


def test_reasoning() -> None:
    data = base64.b64encode(b"\x12\xff").decode()
    signed = (Reasoning("Hm.", Opaque("anthropic", "c2ln")), Reasoning("", Opaque("anthropic", data), redacted=True))
    foreign = Reasoning("x", Opaque("openai", "x"))
    body, notes = written(HELLO, Turn("assistant", (Text("a"), *signed, foreign)), HELLO)
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(data.encode()).decode()}},
        {"text": "a"},
    ]
    assert notes == [("dropped", "turns[1].parts[3]")]
    body, notes = written(HELLO, Turn("assistant", (*signed, Text("a"))), HELLO, model="openai.gpt-oss-20b-1:0")
    assert body["messages"][1]["content"] == [{"text": "a"}]
    assert len(notes) == 2


# -- media -------------------------------------------------------------------------------------------------------------


def test_images() -> None:
    (blocks,) = contents(
        Turn(
            "user",
            (Image(Blob("aGk=", "image/jpg")), Image(Uri("s3://bucket/a.webp")), File(Blob("aGk=", "image/png"))),
        )
    )
    assert blocks == [
        {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}},
        {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}},
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Image(Uri("https://a.test/b.png")),
        Image(Blob("aGk=", "image/heic")),
        Image(Blob("", "image/png")),
        Image(UploadedFile("f", "anthropic")),
        Image(Uri("s3://bucket/a")),
        File(Uri("https://a.test/b.pdf")),
        File(Blob("aGk=", "application/zip")),
        File(PlainText("")),
        Audio(Blob("aGk=", "audio/wav")),
        Video(Blob("aGk=", "video/mp4")),
    ],
)
def test_media_that_cannot_be_sent_are_refused(part: Any) -> None:
    assert refused(Turn("user", (Text("a"), part))) == "turns[0].parts[1]"


def test_documents_have_names_of_their_own_and_a_text_beside_them() -> None:
    pdf = Blob("aGk=", "application/pdf")
    files = (
        File(pdf, "Q1 / report.v2.pdf", "C", citations=True),
        File(pdf, "Q1 report v2.pdf"),
        File(pdf),
        File(PlainText("hi")),
    )
    body, notes = written(Turn("user", files))
    documents = [block["document"] for block in body["messages"][0]["content"][:4]]
    assert [document["name"] for document in documents] == [
        "Q1 report v2",
        "Q1 report v2 (2)",
        "Document 3",
        "Document 4",
    ]
    assert documents[0]["context"] == "C"
    assert documents[0]["citations"] == {"enabled": True}
    assert documents[3] == {"name": "Document 4", "format": "txt", "source": {"bytes": "aGk="}}
    assert "text" in body["messages"][0]["content"][4]
    assert ("mapped", "turns") in notes
    _, notes = written(Turn("user", (Text("a"), files[0])), model=NOVA)
    assert ("dropped", "turns[0].parts[1].citations") in notes


@pytest.mark.parametrize(
    ("mime_type", "format"),
    [("text/csv", "csv"), ("text/x-python", "txt"), ("application/json", "txt"), ("text/html", "html")],
)
def test_formats_of_documents(mime_type: str, format: str) -> None:
    (blocks,) = contents(Turn("user", (Text("a"), File(Blob("aGk=", mime_type)))))
    assert blocks[1]["document"]["format"] == format


def test_films_and_sounds_of_a_model_that_takes_them() -> None:
    parts = (Video(Blob("aGk=", "video/mp4")), Audio(Blob("aGk=", "audio/mpeg")))
    (blocks,) = contents(Turn("user", parts), model=NOVA)
    assert [next(iter(block)) for block in blocks] == ["video", "audio"]


def test_what_a_response_cannot_hold_stands_beside_it() -> None:
    image, pdf = Image(Blob("aGk=", "image/png")), File(Blob("aGk=", "application/pdf"), "a.pdf")
    film = Video(Blob("aGk=", "video/mp4"))
    turns = (
        HELLO,
        Turn("assistant", (ToolCall("a", "f"), ToolCall("b", "f"))),
        Turn(
            "tool", (ToolCallResponse("a", (Text("x", CacheMark()), image, pdf)), ToolCallResponse("b", (Text("y"),)))
        ),
    )
    inside = contents(*turns, tools=TOOLS)[2]
    assert [next(iter(block)) for block in inside[0]["toolResult"]["content"]] == ["text", "image", "document"]
    body, notes = written(*turns, tools=TOOLS, model=NOVA)
    beside = body["messages"][2]["content"]
    assert [next(iter(block)) for block in beside] == ["toolResult", "toolResult", "document", "text"]
    assert ("mapped", "turns[2].parts[0].response[2]") in notes
    assert ("dropped", "turns[2].parts[0].response[0].cache") in notes
    only = (*turns[:2], Turn("tool", (ToolCallResponse("a", (film,)), ToolCallResponse("b"))))
    assert [next(iter(block)) for block in contents(*only, tools=TOOLS, model=NOVA)[2]] == [
        "toolResult",
        "toolResult",
        "video",
    ]


def test_marks_for_the_cache() -> None:
    marked = tuple(Text(str(number), CacheMark("1h" if number < 2 else None)) for number in range(5))
    body, notes = written(Turn("user", marked), tools=(FunctionTool("f", cache=CacheMark("1h")),))
    points = [block["cachePoint"] for block in body["messages"][0]["content"] if "cachePoint" in block]
    assert points == [{"type": "default", "ttl": "1h"}, *[{"type": "default"}] * 3]
    assert [field for _, field in notes] == ["tools[0].cache", "turns[0].parts[0].cache"]
    body, _ = written(HELLO, tools=(FunctionTool("f", cache=CacheMark("1h")),), model=NOVA)
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default"}}
    body, notes = written(Turn("user", marked[:1]), model="us.meta.llama3-3-70b-instruct-v1:0")
    assert body["messages"][0]["content"] == [{"text": "0"}]
    assert notes == [("dropped", "turns[0].parts[0].cache")]


def test_what_has_no_place() -> None:
    own = Native("amazon", {"guardContent": {"text": {"text": "x"}}})
    body, notes = written(
        Turn("user", (Text("a", opaque=Opaque("google", "x"), extra={"y": 1}), own), "Bo", extra={"z": 1}),
        Turn("assistant", (Refusal("No."), Native("anthropic", {"type": "compaction"}))),
        HELLO,
    )
    assert body["messages"][0]["content"][1] == {"guardContent": {"text": {"text": "x"}}}
    assert body["messages"][1]["content"] == [{"text": "No."}]
    assert [field for _, field in notes] == [
        "turns[0].name",
        "turns[0].extra.z",
        "turns[0].parts[0].opaque",
        "turns[0].parts[0].extra.y",
        "turns[1].parts[0]",
        "turns[1].parts[1]",
    ]


@pytest.mark.parametrize(
    "turns",
    [
        (HELLO, Turn("assistant", (ToolCall("a", "f"),)), HELLO),
        (HELLO, Turn("tool", (ToolCallResponse("a"),))),
    ],
)
def test_calls_and_responses_are_pairs(turns: tuple[Turn, ...]) -> None:
    assert refused(*turns) == "turns"


def test_responses_stand_first_also_if_a_message_before_them_was_empty() -> None:
    found = contents(
        HELLO,
        Turn("assistant", (ToolCall("a", "f"),)),
        Turn("user", (Text("Well?"),)),
        Turn("assistant", (Reasoning("not signed"),)),
        Turn("tool", (ToolCallResponse("a", (Text("1"),)),)),
        tools=TOOLS,
    )
    assert [next(iter(block)) for block in found[2]] == ["toolResult", "text"]


def test_many_files_of_one_name() -> None:
    files = tuple(File(PlainText("x"), "a.txt") for _ in range(3000))
    (blocks,) = contents(Turn("user", (Text("a"), *files)))
    assert blocks[3000]["document"]["name"] == "a (3000)"
