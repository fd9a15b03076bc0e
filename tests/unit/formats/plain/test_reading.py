import msgspec
import pytest

from aigw_sansio.formats.openai.chat_request import PLAIN
from aigw_sansio.formats.plain.conversation import Answered, Asked, Plain
from aigw_sansio.formats.plain.messages import ChatText
from aigw_sansio.formats.plain.reading import PlainReader
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import JsonObject, Prompt

HELLO = b'{"role":"user","content":"Hello"}'


def test_a_request_is_read_with_its_settings() -> None:
    seen: list[JsonObject] = []

    def read(body: JsonObject, notes: list[Note], plain: Plain) -> Prompt:
        seen.append(body)
        return Prompt(model="seen")

    reader = PlainReader(
        ChatText, "messages", of_value=lambda value: None, of_messages=lambda items: Plain(items, (), ()), read=read
    )
    text = b'{"model":"m","messages":[%b,{"role":"assistant","content":"Hi"}],"tools":[{"a":1}],"stop":null}' % HELLO
    assert reader.read_text(text, []) == (Prompt(model="seen"), Plain([Asked("Hello"), Answered("Hi")], (), ()))
    assert seen == [{"model": "m", "tools": [{"a": 1}], "stop": None}]
    assert reader.read({"messages": []}, []) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"model":"m"}',
        b'{"messages":1}',
        b'{"messages":[%b],"unusual":1}' % HELLO,
        b'{"messages":[%b],"tools":%b}' % (HELLO, b"[" * 5000),
    ],
)
def test_other_requests_are_read_as_values(text: bytes) -> None:
    assert PLAIN.read_text(text, []) is None


@pytest.mark.parametrize(
    "message", [b'{"role":"user","content":["x"]}', b'{"role":"other"}', b"1", b'{"role":"assistant"}']
)
def test_a_conversation_that_is_not_plain_is_not_read_twice(message: bytes) -> None:
    assert PLAIN.read_text(b'{"messages":[%b,%b]}' % (HELLO, message), []) is False


def test_a_setting_that_is_wrong_is_refused() -> None:
    refused = Refused("model", "It must be a string.", "type")
    assert PLAIN.read_text(b'{"model":1,"messages":[%b]}' % HELLO, []) == refused
    assert PLAIN.read({"model": 1, "messages": [msgspec.json.decode(HELLO)]}, []) == refused
