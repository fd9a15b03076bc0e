"""The registry of formats."""

import pytest

from aigw_sansio.bodies.framing import Framing
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.formats.registry import FORMATS
from aigw_sansio.translate.registry import REQUEST_FORMATS, find_format, find_reader, unknown_format


def test_every_format_has_a_reader_of_its_responses() -> None:
    assert {find_format(name).answers for name in REQUEST_FORMATS} <= {*FORMATS}
    assert find_format("bedrock-converse").framing is Framing.AWS_EVENT_STREAM
    assert find_format("ollama-chat").framing is Framing.NDJSON


def test_only_openai_has_tools_with_free_text() -> None:
    assert find_format("openai-chat").custom_tools
    assert find_format("openai-responses").custom_tools
    assert not find_format("anthropic-messages").custom_tools


def test_a_name_that_is_long_is_cut_in_the_error() -> None:
    assert len(unknown_format("x" * 1000, ("a",))) < 120
    with pytest.raises(LocalProtocolError, match="allowed are"):
        find_format("x" * 1000)
    with pytest.raises(LocalProtocolError, match="allowed are"):
        find_reader("gemini")
