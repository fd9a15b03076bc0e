"""Media for Gemini, and the URLs that it fetches."""

from typing import Any

import pytest

from aigw_sansio.formats.gemini.sources import media_part
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import Blob, PlainText, UploadedFile, Uri


def file(uri: str, kind: str) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri, "mimeType": kind}}


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (Blob("AA", "image/png"), {"inlineData": {"mimeType": "image/png", "data": "AA"}}),
        (PlainText("hi"), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}),
        (UploadedFile("https://g/files/1", "google", "video/mp4"), file("https://g/files/1", "video/mp4")),
        (Uri("gs://b/a.pdf"), file("gs://b/a.pdf", "application/pdf")),
        (Uri("https://www.youtube.com/watch?v=1", "video/mp4"), file("https://www.youtube.com/watch?v=1", "video/mp4")),
        (Uri("https://youtu.be/1"), file("https://youtu.be/1", "x/usual")),
    ],
)
@pytest.mark.parametrize("fetches", [False, True])
def test_sources_for_every_model(source: Any, part: dict[str, Any], fetches: bool) -> None:
    assert media_part(source, "x/usual", [], "f", fetches=fetches) == part


def test_the_web_is_for_models_that_fetch_it() -> None:
    source = Uri("https://x.example/a.JPG?size=1")
    assert media_part(source, "x/usual", [], "f", fetches=True) == file(source.uri, "image/jpeg")
    with pytest.raises(RequestRefused) as caught:
        media_part(source, "x/usual", [], "f", fetches=False)
    assert caught.value.refused.field == "f.source"


@pytest.mark.parametrize(
    "source", [Uri("s3://b/a"), Uri("https.evil"), Uri("https://youtube.com.evil/x"), UploadedFile("f", "openai")]
)
def test_other_places_are_refused(source: Any) -> None:
    with pytest.raises(RequestRefused):
        media_part(source, "x/usual", [], "f", fetches=False)


def test_a_guess_is_told() -> None:
    notes: list[Note] = []
    assert media_part(Uri("gs://b/a"), "image/jpeg", notes, "f", fetches=False) == file("gs://b/a", "image/jpeg")
    assert [(note.kind, note.field) for note in notes] == [("mapped", "f.source")]
