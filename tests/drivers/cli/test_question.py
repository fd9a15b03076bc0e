"""The bodies of ``aigw call``, for each format."""

import pytest

from aigw_drivers.cli.question import NoQuestion, body_of, headers_of, question

CHAT = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("provider", "endpoint", "model", "body"),
    [
        ("openai", "chat/completions", "m", {"messages": CHAT, "stream": True, "stream_options": {"include_usage": True}}),
        ("openai", "v1/completions", "m", {"prompt": "Hi", "stream": True, "stream_options": {"include_usage": True}}),
        ("openai", "/responses", "m", {"input": "Hi", "stream": True}),
        ("mistral", "chat/completions", "m", {"messages": CHAT, "stream": True}),
        ("anthropic", "v1/messages", "m", {"max_tokens": 4096, "messages": CHAT, "stream": True}),
        ("google", "v1/models/m:streamGenerateContent?alt=sse", None, {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        ("aws-bedrock", "bedrock-runtime/us-east-1/model/m/converse", None, {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
        ("cohere", "v2/chat", "m", {"messages": CHAT, "stream": True}),
        ("ollama", "api/chat", "m", {"messages": CHAT, "stream": True}),
        ("ollama", "api/generate", "m", {"prompt": "Hi", "stream": True}),
        ("custom-mine", "chat/completions", "m", {"messages": CHAT, "stream": True, "stream_options": {"include_usage": True}}),
    ],
)  # fmt: skip
def test_each_format_is_asked_in_its_own_way(
    provider: str, endpoint: str, model: str | None, body: dict[str, object]
) -> None:
    assert question(provider, endpoint, model, "Hi") == (body if model is None else {"model": model, **body})


@pytest.mark.parametrize(
    ("provider", "endpoint", "model", "told"),
    [
        ("openai", "embeddings", "m", "--query"),
        ("openai", "audio/speech", "m", "--query"),
        ("google-vertex-ai", "v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", None, "--query"),
        ("openai", "chat/completions", None, "--model"),
        ("google", "v1/models/m:generateContent", "m", "names its model itself"),
    ],
)
def test_what_cannot_be_asked_says_what_to_write(provider: str, endpoint: str, model: str | None, told: str) -> None:
    with pytest.raises(NoQuestion, match=told):
        question(provider, endpoint, model, "Hi")


def test_a_query_adds_to_the_question_or_is_all_of_it() -> None:
    assert body_of("openai", "responses", "m", "Hi", '{"stream":false,"n":1}') == {
        "model": "m", "input": "Hi", "stream": False, "n": 1,
    }  # fmt: skip
    assert body_of("openai", "embeddings", "m", None, '{"input":["Hi"]}') == {"model": "m", "input": ["Hi"]}
    assert body_of("openai", "embeddings", None, None, "{}") == {}
    for text, query, told in ((None, None, "say what to ask"), ("Hi", "[]", "JSON object"), ("Hi", "{", "JSON object")):
        with pytest.raises(ValueError, match=told):
            body_of("openai", "responses", "m", text, query)


def test_headers_are_split_at_the_first_colon_and_never_quoted() -> None:
    assert headers_of(["a: b:c", "X-Y:z"]) == {"a": "b:c", "X-Y": "z"}
    for line in ("canary", ": canary"):
        with pytest.raises(ValueError, match="number 2") as caught:
            headers_of(["a:b", line])
        assert "canary" not in str(caught.value)
