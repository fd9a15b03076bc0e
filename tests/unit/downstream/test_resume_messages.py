"""The messages of resuming: what they say, and which messages are not for the dialect."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.downstream.resume_messages import (
    MOST_BYTES,
    NO_NUMBER,
    numbered,
    read_control,
    resumed_told,
    session_told,
)


def test_what_a_client_is_told() -> None:
    assert json.loads(session_told("T", 30.0, 65536)) == {
        "type": "universal.session", "token": "T", "resume_s": 30.0, "resume_bytes": 65536,
    }  # fmt: skip
    assert json.loads(resumed_told(3)) == {"type": "universal.resumed", "received": 3}


def test_a_number_is_the_last_member_and_counts() -> None:
    assert numbered(b'{"type":"universal.pong"}', 7) == b'{"type":"universal.pong","n":7}'
    assert numbered(b'{"a":1} \r\n', 8) == b'{"a":1,"n":8}'
    assert json.loads(numbered(b'{"n":"a provider\'s","x":{}}', 12)) == {"n": 12, "x": {}}


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ('{"type":"universal.ack","n":5}', ("universal.ack", 5)),
        (' { "n" : 0, "type" : "universal.resume", "more": [1] } ', ("universal.resume", 0)),
        ('{"type":"universal.ack"}', ("universal.ack", NO_NUMBER)),
        ('{"type":"universal.ack","n":-7}', ("universal.ack", NO_NUMBER)),
        ('{"type":"universal.ack","n":1.5}', ("universal.ack", NO_NUMBER)),
        ('{"type":"universal.ack","n":true}', ("universal.ack", NO_NUMBER)),
        ('{"type":"universal.ack","n":"5"}', ("universal.ack", NO_NUMBER)),
        ('{"type":"universal.ping","n":5}', None),
        ('{"type":5}', None),
        ('["universal.ack"]', None),
        ("universal.ack", None),
        ('{"type":"universal.ack","n":5,"more":"' + "x" * MOST_BYTES + '"}', None),
    ],
)
def test_what_is_no_message_of_a_dialect(message: str, read: tuple[str, int] | None) -> None:
    assert read_control(message.encode()) == read


@given(st.binary(max_size=2000) | st.text(alphabet='[{"type":universal.ack,n0}]').map(str.encode))
def test_nothing_that_a_client_says_raises(data: bytes) -> None:
    read = read_control(data)
    assert read is None or read[1] >= NO_NUMBER


@pytest.mark.parametrize(
    "data", [b'{"n":' + b"[" * 1000, b'{"type":"universal.ack","n":' + b"[" * 990, b'{"type":"\xff"}']
)
def test_deep_and_broken_ones_neither(data: bytes) -> None:
    assert read_control(data) in (None, ("universal.ack", NO_NUMBER))
