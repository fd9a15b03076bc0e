import msgspec
import pytest

from aigw_sansio.formats.plain.conversation import Answered, Asked
from aigw_sansio.formats.plain.messages import (
    ANTHROPIC_SETTINGS,
    CHAT_SETTINGS,
    RESPONSES_SETTINGS,
    ChatText,
    decoded,
    settings_of,
)

DECODER = msgspec.json.Decoder(ChatText)
HELLO = b'{"role":"user","content":"Hello"}'


def test_a_request_is_decoded_with_its_settings() -> None:
    text = b'{"model":"m","messages":[%b,{"role":"assistant","content":"Hi"}],"tools":[{"a":1}],"stop":null}' % HELLO
    found = decoded(DECODER, text)
    assert found is not None
    assert found.messages == [Asked("Hello"), Answered("Hi")]
    assert settings_of(found, CHAT_SETTINGS) == {"model": "m", "tools": [{"a": 1}], "stop": None}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"model":"m"}',
        b'{"messages":1}',
        b'{"messages":[%b],"unusual":1}' % HELLO,
        b'{"messages":[{"role":"user","content":["x"]}]}',
        b'{"messages":[%b],"tools":%b}' % (HELLO, b"[" * 5000),
    ],
)
def test_other_requests_are_given_up(text: bytes) -> None:
    assert decoded(DECODER, text) is None


def test_the_conversation_is_no_setting() -> None:
    assert "messages" not in {*CHAT_SETTINGS, *ANTHROPIC_SETTINGS}
    assert "input" not in RESPONSES_SETTINGS
    for names in (CHAT_SETTINGS, ANTHROPIC_SETTINGS, RESPONSES_SETTINGS):
        assert {"model", "tools", "stream"} < {*names}
