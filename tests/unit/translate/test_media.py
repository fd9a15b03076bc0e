"""Media by URL: which a target wants as content, and the prompt with what was fetched."""

import msgspec
import pytest

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.formats.translation import Refused
from aigw_sansio.prompt import (
    Audio,
    Blob,
    File,
    FunctionTool,
    Image,
    Part,
    Prompt,
    ResponsePart,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    Uri,
    Video,
)
from aigw_sansio.translate import REQUEST_FORMATS, put_media, wanted_media, write_request
from aigw_sansio.translate.media import LONGEST_MODEL, MOST_URLS

PICTURE, SOUND, FILM, PAPER = (f"https://files.test/{name}" for name in ("a.png", "a.wav", "a.mp4", "a.pdf"))
PNG = Blob("cG5n", "image/png")


def asked(*parts: Part, model: str = "m") -> Prompt:
    return Prompt(model=model, max_tokens=9, turns=(Turn("user", (Text("Look:"), *parts)),))


def answered(*parts: ResponsePart) -> Prompt:
    turns = (
        Turn("user", (Text("q"),)),
        Turn("assistant", (ToolCall("c1", "f", "{}"),)),
        Turn("tool", (ToolCallResponse("c1", parts, "f"),)),
    )
    return Prompt(model="m", max_tokens=9, turns=turns, tools=(FunctionTool("f"),))


@pytest.mark.parametrize(
    ("prompt", "target", "wanted"),
    [
        (asked(Image(Uri(PICTURE))), "bedrock-converse", (PICTURE,)),
        (asked(Image(Uri(PICTURE))), "openai-chat", ()),
        (asked(Image(Uri(PICTURE)), model="gemini-2.5-flash"), "gemini", (PICTURE,)),
        (asked(Image(Uri(PICTURE)), model="gemini-3-pro"), "gemini", ()),
        (asked(Image(Uri(PICTURE)), File(Uri(PAPER)), Image(Uri(PICTURE))), "vertex-anthropic", (PICTURE, PAPER)),
        (asked(Image(Uri("HTTP://a.test/x")), Image(Uri(PICTURE))), "anthropic-messages", ("HTTP://a.test/x",)),
        (asked(Audio(Uri(SOUND))), "openai-chat", (SOUND,)),
        (asked(Video(Uri(FILM)), model="amazon.nova-pro-v1:0"), "bedrock-converse", (FILM,)),
        (answered(Image(Uri(PICTURE))), "bedrock-anthropic", (PICTURE,)),
        (answered(Image(Uri(PICTURE))), "gemini", ()),
        # a file may turn out to be text, a PDF does not
        (asked(File(Uri("https://files.test/a"))), "groq", ("https://files.test/a",)),
        (asked(File(Uri(PAPER + "?sig=x"))), "groq", ()),
        (asked(File(Uri("https://files.test/a", "application/pdf"))), "groq", ()),
        # nobody fetches these, and what is in the request needs nobody
        (asked(Image(Uri("gs://bucket/a.png"))), "bedrock-converse", ()),
        (asked(Image(PNG)), "bedrock-converse", ()),
        # refused all the same: the target has no films, or something else is wrong
        (asked(Video(Uri(FILM))), "openai-responses", ()),
        (asked(Image(Uri(PICTURE)), Video(Uri(FILM))), "vertex-anthropic", ()),
    ],
)
def test_what_a_target_wants(prompt: Prompt, target: str, wanted: tuple[str, ...]) -> None:
    assert wanted_media(prompt, target) == wanted


@pytest.mark.parametrize("target", REQUEST_FORMATS)
def test_a_request_is_written_once_its_media_are_there_and_says_what_was_fetched(target: str) -> None:
    prompt = asked(Image(Uri(PICTURE)), model="gemini-2.5-flash")
    refused = isinstance(write_request(prompt, target), Refused)
    wanted = wanted_media(prompt, target)
    if not wanted:
        assert not refused or isinstance(write_request(asked(Image(PNG)), target), Refused)
        return
    assert refused
    filled = put_media(prompt, dict.fromkeys(wanted, PNG))
    assert not isinstance(filled, Refused)
    assert [(note.kind, note.field) for note in filled[1]] == [("mapped", "turns[0].parts[1].source")]
    written = write_request(filled[0], target)
    assert not isinstance(written, Refused)
    assert PNG.content in str(written[0].body)
    assert PICTURE not in str(written[0].body)


def test_a_request_of_very_many_urls_is_not_looked_through() -> None:
    urls = [f"https://files.test/{at}.png" for at in range(MOST_URLS + 1)]
    assert wanted_media(asked(*(Image(Uri(url)) for url in urls[1:])), "bedrock-converse") == tuple(urls[1:])
    assert wanted_media(asked(*(Image(Uri(url)) for url in urls)), "bedrock-converse") == ()
    long = msgspec.structs.replace(asked(Image(Uri(urls[0]))), model="m" * (LONGEST_MODEL + 1))
    assert wanted_media(long, "bedrock-converse") == (), "each try writes the model"


def test_what_was_not_fetched_stays_a_url() -> None:
    prompt = asked(Image(Uri(PICTURE)), Image(PNG))
    assert put_media(prompt, {}) == (prompt, ())


def test_media_in_the_response_of_a_tool_are_put_in_their_place() -> None:
    prompt = answered(Text("Here:"), Image(Uri(PICTURE), "low"))
    filled = put_media(prompt, {PICTURE: PNG, PAPER: PNG})
    assert not isinstance(filled, Refused)
    assert filled[0] == answered(Text("Here:"), Image(PNG, "low"))
    assert [note.field for note in filled[1]] == ["turns[2].parts[0].response[1].source"]


@pytest.mark.parametrize(
    ("part", "told", "kind"),
    [
        (Image(Uri(PICTURE)), "Image/PNG; charset=x", "image/png"),
        (File(Uri(PAPER)), "text/plain; charset=utf-8", "text/plain"),
        (File(Uri("https://files.test/a", "application/pdf")), "application/octet-stream", "application/pdf"),
        (File(Uri(PAPER)), "application/octet-stream", "application/octet-stream"),
        (Audio(Uri(SOUND, "audio/wav")), "", "audio/wav"),
    ],
)
def test_the_media_type(part: Image | File | Audio, told: str, kind: str) -> None:
    assert isinstance(part.source, Uri)
    filled = put_media(asked(part), {part.source.uri: Blob("QQ==", told)})
    assert not isinstance(filled, Refused)
    found = filled[0].turns[0].parts[1]
    assert isinstance(found, Image | File | Audio)
    assert found.source == Blob("QQ==", kind)


@pytest.mark.parametrize(
    ("part", "why"), [(Image(Uri(PICTURE)), "image"), (Audio(Uri(PICTURE)), "sound"), (Video(Uri(PICTURE)), "film")]
)
def test_another_kind_of_media_is_refused(part: Part, why: str) -> None:
    found = put_media(asked(part), {PICTURE: Blob("QQ==", "text/html")})
    assert isinstance(found, Refused)
    assert (found.field, why in found.why) == ("turns[0].parts[1].source", True)


def test_an_unknown_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(LocalProtocolError):
        wanted_media(asked(), "nobody")
