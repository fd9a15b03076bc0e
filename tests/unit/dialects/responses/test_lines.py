"""One event as a message."""

import msgspec
import pytest

from aigw_sansio.dialects.responses.lines import Lines

DELTA = b'{"type":"response.output_text.delta","sequence_number":12,"delta":"x"}'


def test_a_lane_is_written_as_the_client_wrote_it() -> None:
    lines = Lines('a"\u00e9')
    assert lines.delta(DELTA) == '{"type":"response.output_text.delta","sequence_number":0,"stream_id":"a\\"\u00e9","delta":"x"}'.encode()  # fmt: skip
    assert msgspec.json.decode(lines.event("x", {}))["stream_id"] == 'a"\u00e9'
    assert lines.number == 2


@pytest.mark.parametrize(
    "data",
    [
        DELTA[:-1],  # no JSON
        DELTA.replace(b"x", b"\xff"),
        DELTA.replace(b".delta", b".done"),
        DELTA.replace(b'"delta":"x"', b'"delta":"x","type":"response.completed"'),
        DELTA.replace(b'"delta":"x"', b'"delta":"x","sequence_number":1'),
        DELTA.replace(b'"delta":"x"', b'"delta":"x","stream_id":"other"'),
        DELTA.replace(b"12", b"1.5"),
        b'{"type":"response.output_text.delta"}',
        b'["response.output_text.delta"]',
    ],
)
def test_what_is_written_in_another_way_is_not_copied(data: bytes) -> None:
    lines = Lines("main")
    assert lines.delta(data) is None
    assert lines.number == 0


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"response.completed","sequence_number":0,"response":{}}',
        b'{"type":"response.other","x":1}',
        b'{"error":{}}',
    ],
)
def test_of_our_own_events_those_with_the_response_are_not_copied(text: bytes) -> None:
    lines = Lines(None)
    assert lines.written(text) is None
    assert lines.number == 0


def test_a_providers_number_and_lane_give_way() -> None:
    lines = Lines(None)
    members = {"stream_id": "theirs", "sequence_number": 5, "a": msgspec.Raw(b"1.50")}
    assert lines.event("response.x", {"type": "other", **members}) == b'{"type":"response.x","sequence_number":0,"a":1.50}'  # fmt: skip
