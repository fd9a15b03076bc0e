"""The field ``body`` of a step."""

from base64 import b64encode

import pytest

from aigw_sansio.dialects.commands import BadCreate, Create
from aigw_sansio.dialects.universal.decode import decode


def create(fields: str) -> Create | BadCreate:
    made = decode(b'{"type":"universal.create","request":{"provider":"p","endpoint":"e",' + fields.encode() + b"}}")
    assert isinstance(made, Create | BadCreate)
    return made


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ('"body":{"text":"a\\u00e9\\n"}', "a\u00e9\n".encode()),
        ('"body":{"text":""}', b""),
        ('"body":{"base64":""}', b""),
        ('"body":{"base64":"' + b64encode(bytes(range(256))).decode() + '"}', bytes(range(256))),
        ('"body":{"base64":"AA==","more":1},"method":"PUT"', b"\0"),
        ('"body":null,"query":{"a":1}', None),
        ('"query":{"a":1}', None),
    ],
)
def test_the_bytes_go_as_they_are(fields: str, body: bytes | None) -> None:
    made = create(fields)
    assert isinstance(made, Create), made
    assert made.steps[0].body == body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('"body":{"text":"a"},"query":{}', "request.body stands beside query; allowed is one of them"),
        ('"body":{"text":"a"},"method":"get"', "request.body cannot go with the method GET, which sends no body"),
        ('"body":"a"', "request.body has the wrong form; allowed is "),
        ('"body":{"text":1}', "request.body has the wrong form; allowed is "),
        ('"body":{}', 'request.body has neither; allowed is {"text": STRING} or {"base64": STRING}'),
        ('"body":{"text":"a","base64":"AA=="}', "request.body has both; allowed is "),
        ('"body":{"base64":"A"}', "request.body.base64 is no base64; allowed is "),
        ('"body":{"base64":"AA==\\n"}', "request.body.base64 is no base64; allowed is "),
        ('"body":{"base64":"\\u00e9"}', "request.body.base64 is no base64; allowed is "),
    ],
)
def test_errors_name_the_field(fields: str, said: str) -> None:
    made = create(fields)
    assert isinstance(made, BadCreate), made
    assert made.fault.detail.startswith(said)


def test_the_step_is_named_in_an_array() -> None:
    made = decode(
        b'{"type":"universal.create","request":[{"provider":"p","endpoint":"e"},'
        b'{"provider":"p","endpoint":"e","body":1}]}'
    )
    assert isinstance(made, BadCreate)
    assert made.fault.detail.startswith("request[1].body ")
