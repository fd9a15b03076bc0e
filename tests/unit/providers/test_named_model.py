"""The model that a request names, wherever its provider wants it."""

import pytest

from aigw_sansio.providers.named_model import named_model


@pytest.mark.parametrize(
    ("target", "body", "model"),
    [
        ("/v1/chat/completions", b'{"messages":[],"model":"gpt-5"}', "gpt-5"),
        ("/v1/chat/completions", b' \n{"model":"gpt-5"}', "gpt-5"),
        ("/v1beta/models/gemini-2:streamGenerateContent?alt=sse", b'{"contents":[]}', "gemini-2"),
        ("/v1/projects/p/locations/l/publishers/google/models/gemini-2:generateContent", b"{}", "gemini-2"),
        ("/model/anthropic.claude-v2%3A1/converse", b"{}", "anthropic.claude-v2:1"),
        ("/model/arn%3Aaws%3Abedrock/invoke", b"{}", "arn:aws:bedrock"),
        ("/openai/deployments/my-gpt/chat/completions?api-version=1", b'{"model":null}', "my-gpt"),
        ("/client/v4/accounts/a/ai/run/@cf/meta/llama", b"{}", "@cf/meta/llama"),
        ("/v1/models/owner/name/predictions", b"{}", "owner/name"),
        ("/models/org/name", b"", "org/name"),
        ("/v1/models/gpt-5", b"", "gpt-5"),
        ("/v1/realtime?model=gpt-realtime&x=1", b"", "gpt-realtime"),
        ("/v1/listen?language=en&model=nova%202", b"", "nova 2"),
        ("/v1/models", b"", None),
        ("/v1/chat/completions", b'{"model":5}', None),
        ("/v1/chat/completions", b'{"model":"gpt', None),
        ("/v1/chat/completions", b'{"model":"\xff"}', None),
        ("/v1/chat/completions", b'{"a":' + b"[" * 100_000, None),
        ("/v1/chat/completions?model=cheap", b'\xef\xbb\xbf{"model":"dear"}', None),
        ("/v1/chat/completions?model=cheap", '{"model":"dear"}'.encode("utf-16"), None),
        ("/v1/chat/completions?model=cheap", b'{"model":"dear","t":NaN}', None),
        ("/v1/listen?model=nova", b"RIFF\x00\xff", "nova"),
        ("/v1/audio", b"RIFF\x00\xff", None),
        ("/v1/x?mymodel=1&model=", b"", None),
    ],
)
def test_the_model(target: str, body: bytes, model: str | None) -> None:
    assert named_model(target, body) == model
