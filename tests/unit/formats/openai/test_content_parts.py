"""Parts of a message's content, whoever's type they have."""

import pytest
from hypothesis import given
from tests.reading.any_json import JSON
from tests.reading.formats import b64

from aigw_sansio import events as e
from aigw_sansio.formats.openai.content_parts import read_image, read_parts, read_reasoning


def parts(content: object) -> list[e.ProviderEvent]:
    out: list[e.ProviderEvent] = []
    read_parts(content, 2, out)
    return out


@pytest.mark.parametrize(
    ("part", "events"),
    [
        ({"type": "text", "text": "a"}, [e.TextDelta("a", 2)]),
        ({"type": "output_text", "text": "a"}, [e.TextDelta("a", 2)]),
        ({"text": "a"}, [e.TextDelta("a", 2)]),
        ("a", [e.TextDelta("a", 2)]),
        ({"type": "text", "text": ""}, []),
        ({"type": "thinking", "thinking": "a"}, [e.ReasoningDelta("a", 2)]),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, [e.ReasoningDelta("a", 2)]),
        ({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}, [e.ReasoningDelta("a", 2)]),
        ({"type": "reasoning", "text": "a", "signature": "s"}, [e.ReasoningDelta("a", 2, "s")]),
        ({"type": "redacted_thinking", "data": "s"}, [e.ReasoningDelta("", 2, "s", True)]),
        ({"type": "refusal", "refusal": "no"}, [e.RefusalDelta("no", 2)]),
        ({"type": "image_url", "image_url": {"url": "https://a"}}, [e.ImageDelta(0, None, 2)]),
        ({"type": "audio", "audio": {"data": b64(b"1234"), "transcript": "hi"}}, [e.AudioDelta(4, "hi", 2)]),
        ({"type": "reference", "reference_ids": [1]}, [e.Citation(choice=2)]),
        ({"type": "hologram"}, [e.Unrecognised("content part hologram")]),
    ],
)
def test_a_part(part: object, events: list[e.ProviderEvent]) -> None:
    assert parts([part]) == parts(part) == events


def test_without_text_only_signatures_count() -> None:
    out: list[e.ProviderEvent] = []
    read_reasoning([{"text": "a", "signature": "s"}, {"text": "b"}], 0, out, with_text=False)
    assert out == [e.ReasoningDelta("", signature="s")]


def test_an_image_in_its_address() -> None:
    out: list[e.ProviderEvent] = []
    read_image({"image_url": {"url": "data:image/png;base64," + b64(b"12345")}}, 0, out)
    assert out == [e.ImageDelta(5, "image/png")]


@given(JSON)
def test_any_shape_is_read(value: object) -> None:
    parts(value)
    read_reasoning(value, 0, [])


def test_deep_reasoning_is_bounded() -> None:
    value: object = "x"
    for _ in range(300):
        value = {"text": [value]}
    out: list[e.ProviderEvent] = []
    read_reasoning(value, 0, out)
    assert out == []
