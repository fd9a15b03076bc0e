"""Parts of messages: read in every form that clients write, and written for targets that take more or less."""

import base64
from typing import Any

import pytest

from aigw_sansio.formats.mistral import MISTRAL
from aigw_sansio.formats.openai.chat_parts import CHAT, PartWriter, read_parts
from aigw_sansio.formats.openai.like import Quirks
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_tools import Placed
from aigw_sansio.formats.translation import Note
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
    Reasoning,
    Refusal,
    Text,
    UploadedFile,
    Uri,
    Video,
)

PNG = "data:image/png;base64,AAAA"
OPENROUTER = LOOK_ALIKES["openrouter"]


def read(content: object) -> tuple[list[Part], list[str]]:
    notes: list[Note] = []
    return read_parts(content, "c", notes), [note.field for note in notes]


def write(part: Part, quirks: Quirks = OPENAI) -> tuple[JsonObject, list[str]]:
    notes: list[Note] = []
    return PartWriter(quirks, notes, None).write(Placed("p", part)), [f"{note.kind} {note.field}" for note in notes]


#: (a part on the wire, as both OpenAI and the reader know it, the part)
BOTH_WAYS: list[tuple[JsonObject, Part]] = [
    ({"type": "text", "text": "a"}, Text("a")),
    ({"type": "image_url", "image_url": {"url": "https://a/b.png"}}, Image(Uri("https://a/b.png"))),
    ({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}, Image(Blob("AAAA", "image/png"), "low")),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, Audio(Blob("AAAA", "audio/wav"))),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}, Audio(Blob("AAAA", "audio/mpeg"))),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        File(Blob("AAAA", "application/pdf"), "a.pdf"),
    ),
    ({"type": "file", "file": {"file_id": "f1"}}, File(UploadedFile("f1", "openai"))),
    ({"type": "refusal", "refusal": "no"}, Refusal("no")),
    ({"type": "new_thing", "x": 1}, Native("openai", {"type": "new_thing", "x": 1}, CHAT)),
]


@pytest.mark.parametrize(("wire", "part"), BOTH_WAYS)
def test_both_ways(wire: JsonObject, part: Part) -> None:
    assert read([wire]) == ([part], [])
    assert write(part) == (wire, [])


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "image_url", "image_url": "https://a"}, Image(Uri("https://a"))),
        ({"type": "input_audio", "input_audio": "https://a"}, Audio(Uri("https://a"))),
        ({"type": "input_audio", "input_audio": "AAAA"}, Audio(Blob("AAAA", "audio/mpeg"))),
        ({"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,AA", "format": "wav"}}, Audio(Blob("AA", "audio/wav"))),
        ({"type": "file", "file": {"file_data": "AAAA"}}, File(Blob("AAAA", "application/pdf"))),
        ({"type": "file", "file": {"file_data": "AAAA", "filename": "a.txt"}}, File(Blob("AAAA", "text/plain"), "a.txt")),
        ({"type": "file", "file": {"file_data": "https://a"}}, File(Uri("https://a"))),
        ({"type": "document_url", "document_url": "https://a", "document_name": "n"}, File(Uri("https://a"), "n")),
        ({"type": "video_url", "video_url": {"url": "https://a"}}, Video(Uri("https://a"))),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}], "closed": True}, Reasoning("hm")),
        ({"type": "thinking", "thinking": "hm"}, Reasoning("hm")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, Text("a", CacheMark("1h"))),
        ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", CacheMark())),
    ],
)  # fmt: skip
def test_more_that_is_read(wire: JsonObject, part: Part) -> None:
    assert read([wire]) == ([part], [])


def test_texts() -> None:
    assert read("a") == read(["a"]) == ([Text("a")], [])
    assert read("") == read(None) == read([]) == read([{"type": "text", "text": ""}]) == ([], [])


def test_members_that_are_not_known_are_noted() -> None:
    assert read([{"type": "text", "text": "a", "x": 1, "y": None}]) == ([Text("a")], ["c[0].x"])


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (1, "c"),
        ([1], "c[0]"),
        ([{"text": "a"}], "c[0].type"),
        ([{"type": "text", "text": 1}], "c[0].text"),
        ([{"type": "image_url"}], "c[0].image_url"),
        ([{"type": "image_url", "image_url": {"url": 1}}], "c[0].image_url.url"),
        ([{"type": "image_url", "image_url": ""}], "c[0].image_url"),
        ([{"type": "image_url", "image_url": {"url": "data:x"}}], "c[0].image_url"),
        ([{"type": "input_audio", "input_audio": {"data": "AA"}}], "c[0].input_audio.format"),
        ([{"type": "file", "file": {}}], "c[0].file.file_id"),
        ([{"type": "thinking", "thinking": 1}], "c[0].thinking"),
    ],
)
def test_what_is_wrong_is_named(content: object, field: str) -> None:
    with pytest.raises(RequestRefused) as refusing:
        read(content)
    assert refusing.value.refused.field == field


@pytest.mark.parametrize(
    ("part", "quirks"),
    [
        (Image(Uri("gs://a/b")), OPENAI),
        (Image(UploadedFile("f", "openai")), OPENAI),
        (Image(Uri("https://a")), WORKERS_AI),
        (Image(Uri("https://a")), LOOK_ALIKES["deepseek"]),
        (Audio(Blob("AA", "audio/flac")), OPENAI),
        (Audio(Uri("https://a")), OPENAI),
        (Audio(Blob("AA", "audio/wav")), LOOK_ALIKES["groq"]),
        (Video(Uri("https://a")), OPENAI),
        (File(Uri("https://a")), OPENAI),
        (File(UploadedFile("f", "anthropic"), "n"), OPENAI),
        (File(Blob("AA", "application/pdf"), "n"), LOOK_ALIKES["groq"]),
    ],
)
def test_media_without_a_place_are_refused(part: Part, quirks: Quirks) -> None:
    with pytest.raises(RequestRefused) as refusing:
        write(part, quirks)
    assert refusing.value.refused.field.startswith("p")
    assert quirks.name in refusing.value.refused.why


@pytest.mark.parametrize(
    ("part", "quirks", "written", "notes"),
    [
        (File(PlainText("abc"), "n.txt"), OPENAI, {"type": "text", "text": "n.txt\n\nabc"}, ["mapped p"]),
        (File(PlainText("abc")), LOOK_ALIKES["groq"], {"type": "text", "text": "abc"}, ["mapped p"]),
        (File(Blob("AA", "application/pdf"), citations=True, context="c"), OPENAI, {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}}, ["dropped p.citations", "dropped p.context", "mapped p.name"]),
        (File(Uri("https://a"), "n"), OPENROUTER, {"type": "file", "file": {"filename": "n", "file_data": "https://a"}}, []),
        (File(Uri("https://a"), "n"), MISTRAL, {"type": "document_url", "document_url": "https://a", "document_name": "n"}, []),
        (File(UploadedFile("f", "mistral")), MISTRAL, {"type": "file", "file_id": "f"}, []),
        (Video(Blob("AA", "video/mp4")), OPENROUTER, {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}}, []),
        (Audio(Blob("AA", "audio/flac")), OPENROUTER, {"type": "input_audio", "input_audio": {"data": "AA", "format": "flac"}}, []),
        (Refusal("no"), LOOK_ALIKES["groq"], {"type": "text", "text": "no"}, ["mapped p"]),
        (Text("a", opaque=Opaque("google", "s")), OPENAI, {"type": "text", "text": "a"}, ["dropped p.opaque"]),
        (Text("a", opaque=Opaque("google", "s")), OPENROUTER, {"type": "text", "text": "a"}, []),
        (Text("a", CacheMark()), OPENAI, {"type": "text", "text": "a"}, ["dropped p.cache"]),
    ],
)  # fmt: skip
def test_what_is_said_in_another_way(part: Part, quirks: Quirks, written: JsonObject, notes: list[str]) -> None:
    assert write(part, quirks) == (written, notes)


def test_content_is_a_string_if_it_may_be() -> None:
    def content(quirks: Quirks, *parts: Part, marks: Any = None) -> str | list[JsonObject]:
        return PartWriter(quirks, [], marks).content([Placed("p", part) for part in parts])

    assert content(OPENAI, Text("a")) == "a"
    assert content(OPENAI) == ""
    assert content(OPENAI, Text("a"), Text("b")) == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert content(LOOK_ALIKES["deepseek"], Text("a"), Text("b")) == "a\nb"
    marked = content(OPENROUTER, Text("a", CacheMark()), marks=lambda _: {"mark": 1})
    assert marked == [{"type": "text", "text": "a", "mark": 1}]


def test_blocks_of_other_vendors_are_noted() -> None:
    notes: list[Note] = []
    own = Placed("a", Native("openai", {"type": "new"}))
    others = [
        Placed("b", Native("anthropic", {"type": "new"})),
        Placed("c", Native("openai", {"type": "new"}, "openai-responses")),
    ]
    assert PartWriter(OPENAI, notes, None).sendable([own, *others]) == [own]
    assert [note.field for note in notes] == ["b", "c"]


def test_media_are_not_decoded() -> None:
    content = base64.b64encode(b"x" * 1000).decode()
    (part,), _ = read([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{content}"}}])
    assert isinstance(part, Image)
    assert part.source == Blob(content, "image/png")
