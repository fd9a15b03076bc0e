"""Steps for ``compat``: which provider they become a step for, what is refused, and how the response is shown."""

from functools import partial
from typing import Any

import msgspec
import pytest

from aigw_sansio import translate
from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.events import (
    ProviderEvent,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import AnswerPlan
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.prompt import Blob
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.compat import CompatStep, MediaWanted, answer_plan, list_models
from aigw_sansio.sessions.compat import translate_step as step_for

translate_step = partial(step_for, translator=translate)

ASK = {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}]}
KEY = ("Authorization", "Bearer k")
CUSTOM = {"custom-acme": ProviderSettings(base_url="https://acme.test/v1")}


def step(
    query: object = ASK,
    endpoint: str = "chat/completions",
    *,
    method: str = "POST",
    headers: tuple[tuple[str, str], ...] = (KEY,),
    raw: bytes | None = None,
    body: bytes | None = None,
) -> Step:
    text = msgspec.json.encode(query) if raw is None and body is None else raw
    return Step("compat", endpoint, method, list(headers), text, StepConfig(max_attempts=3), body)


def good(one: Step, **settings: ProviderSettings) -> CompatStep:
    found = translate_step(one, settings or CUSTOM, lambda text: False)
    assert isinstance(found, CompatStep), found
    return found


def refused(one: Step, kind: FaultKind = FaultKind.INVALID_REQUEST) -> str:
    found = translate_step(one, CUSTOM, lambda text: False)
    assert isinstance(found, Fault), found
    assert found.kind is kind
    return found.detail


def test_without_a_translator_only_the_client_s_own_format_can_be_asked() -> None:
    found = step_for(step(), CUSTOM, lambda text: False)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.NOT_CONFIGURED
    assert found.detail == (
        "anthropic does not speak openai-chat, and this gateway translates nothing: "
        "its host made it without Parts(translator=aigw_sansio.translate)"
    )
    same = step_for(step({**ASK, "model": "openai/gpt-5"}), CUSTOM, lambda text: False)
    assert isinstance(same, CompatStep)
    assert answer_plan(same, "openai-chat") == AnswerPlan()


def sent(compat: CompatStep) -> dict[str, Any]:
    assert compat.step.query is not None
    body: dict[str, Any] = msgspec.json.decode(compat.step.query)
    return body


def test_a_step_becomes_one_for_the_provider_in_its_format() -> None:
    compat = good(step({**ASK, "max_tokens": 5, "stream": True}))
    own = compat.step
    assert (own.provider, own.endpoint, own.method) == ("anthropic", "v1/messages", "POST")
    assert own.config.max_attempts == 3
    assert KEY in own.headers  # the call moves it to where the provider wants it
    assert ("anthropic-version", "2023-06-01") in own.headers
    body = sent(compat)
    assert (body["model"], body["max_tokens"], body["stream"]) == ("claude-sonnet-4-5", 5, True)
    assert body["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    "endpoint", ["chat/completions", "/v1/chat/completions", "v1/chat/completions", "chat/completion"]
)
def test_the_endpoint_may_have_a_version_or_the_form_of_the_originals_page(endpoint: str) -> None:
    assert good(step(endpoint=endpoint)).client_format == "openai-chat"


@pytest.mark.parametrize(
    ("endpoint", "query", "provider", "path"),
    [
        ("messages", {"model": "openai/m", "max_tokens": 9, "messages": ASK["messages"]}, "openai", "chat/completions"),
        ("responses", {"model": "anthropic/claude-sonnet-4-5", "input": "Hello"}, "anthropic", "v1/messages"),
        ("responses", {"model": "groq/m", "input": "Hello"}, "groq", "chat/completions"),
        (
            "chat/completions",
            {**ASK, "model": "google/gemini-2.5-pro", "stream": True},
            "google-ai-studio",
            "v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        ("chat/completions", {**ASK, "model": "cohere/command-a"}, "cohere", "v2/chat"),
        (
            "chat/completions",
            {**ASK, "model": "aws-bedrock/amazon.nova-lite-v1:0"},
            "aws-bedrock",
            "bedrock-runtime/us-east-1/model/amazon.nova-lite-v1%3A0/converse",
        ),
        ("messages", {**ASK, "max_tokens": 9, "model": "custom-acme/m"}, "custom-acme", "chat/completions"),
    ],
)
def test_every_client_reaches_every_provider(endpoint: str, query: dict[str, Any], provider: str, path: str) -> None:
    own = good(step(query, endpoint)).step
    assert (own.provider, own.endpoint) == (provider, path)


def test_the_same_format_keeps_the_clients_bytes_but_for_the_model() -> None:
    raw = b'{"temperature": 1.50e0, "model":"openai/m",  "unknown":{"a":[1,  2]},"big":1e400}'
    compat = good(step(raw=raw))
    assert compat.step.query == b'{"temperature":1.50e0,"model":"m","unknown":{"a":[1,  2]},"big":1e400}'
    assert compat.step.endpoint == "chat/completions"
    assert (compat.context, compat.notes) == (None, ())


def test_a_client_of_anthropics_format_passes_to_anthropic_with_the_version_that_it_must_tell() -> None:
    query = {**ASK, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    compat = good(step(query, "messages"))
    assert compat.step.endpoint == "v1/messages"
    assert sent(compat) == {**query, "model": "claude-sonnet-4-5"}
    assert [value for name, value in compat.step.headers if name == "anthropic-version"] == ["2023-06-01"]
    own = good(step(query, "messages", headers=(KEY, ("Anthropic-Version", "2024-01-01"))))
    assert [value for name, value in own.step.headers if name.lower() == "anthropic-version"] == ["2024-01-01"]


def test_what_an_sdk_tells_its_own_vendor_stays_here() -> None:
    headers = (KEY, ("anthropic-beta", "a"), ("OpenAI-Organization", "org"), ("x-trace", "t"))

    def names(model: str, endpoint: str) -> set[str]:
        own = good(step({**ASK, "max_tokens": 9, "model": model}, endpoint, headers=headers)).step
        return {name.lower() for name, _ in own.headers}

    assert names("openai/m", "messages") == {"authorization", "openai-organization", "x-trace"}
    assert names("anthropic/claude-x", "messages") == {
        "authorization",
        "anthropic-beta",
        "anthropic-version",
        "x-trace",
    }
    assert names("mistral/m", "chat/completions") == {"authorization", "x-trace"}
    lost = good(step({**ASK, "max_tokens": 9, "model": "openai/m"}, "messages", headers=headers)).notes
    assert [note.field for note in lost] == ["headers.anthropic-beta"]


def test_no_more_notes_are_told_than_a_message_can_hold() -> None:
    part = {"type": "text", "text": "a", "unknown": 1}
    compat = good(step({**ASK, "messages": [{"role": "user", "content": [part] * 1000}]}))
    assert len(compat.notes) == 101
    assert compat.notes[-1].field == "notes"
    assert compat.notes[-1].why.partition(" ")[0].isdecimal()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (step(endpoint="embeddings"), "request.endpoint"),
        (step(endpoint="models"), "request.endpoint"),
        (step(endpoint="chat/completions?x=1"), "request.endpoint"),
        (step(method="GET"), "request.method"),
        (Step("compat", "messages", "POST", [], None, StepConfig()), "request.query is missing"),
        (step([]), "request.query is no JSON object"),
        (step(raw=b'{"model":"openai/m","x":1e400,}'), "request.query is no JSON object"),
        (step(body=b"\xff"), "request.query is no JSON object"),
        (step({"messages": []}), "request.query.model"),
        (step({"model": 7}), "request.query.model"),
        (step(raw=b'{"model":1e999}'), "request.query.model"),
    ],
)
def test_a_step_that_cannot_be_read_is_refused_by_field(one: Step, said: str) -> None:
    assert refused(one).startswith(said)


def test_what_a_provider_cannot_do_is_refused_with_field_and_provider() -> None:
    said = refused(step({**ASK, "logprobs": True}))
    assert "anthropic" in said
    assert "logprobs" in said


def test_a_model_without_a_provider_is_an_unknown_provider() -> None:
    assert "PROVIDER/MODEL" in refused(step({**ASK, "model": "gpt-5"}), FaultKind.UNKNOWN_PROVIDER)
    assert "nobody" in refused(step({**ASK, "model": "nobody/gpt-5"}), FaultKind.UNKNOWN_PROVIDER)


def test_a_name_of_a_model_has_a_length() -> None:
    assert "2048 characters" in refused(step({**ASK, "model": "openai/" + "m" * 2048}))


def test_a_body_of_any_type_is_read_if_it_is_json() -> None:
    assert sent(good(step(body=msgspec.json.encode(ASK))))["model"] == "claude-sonnet-4-5"


def test_losses_are_noted_and_so_is_text_that_is_no_unicode() -> None:
    compat = good(step({**ASK, "seed": 7}))
    assert [(note.kind, note.field) for note in compat.notes if note.field == "seed"] == [("dropped", "seed")]
    raw = msgspec.json.encode(ASK).replace(b"Hello", b"\\ud83d!")
    assert [(note.kind, note.field) for note in good(step(raw=raw)).notes if note.field == "query"] == [
        ("mapped", "query")
    ]


def test_a_response_in_the_clients_format_passes_and_another_is_written_anew() -> None:
    compat = good(step({**ASK, "seed": 7}))
    assert answer_plan(compat, "openai-chat") == AnswerPlan(compat.notes)
    plan = answer_plan(compat, "anthropic-messages")
    assert plan.notes == compat.notes
    assert plan.writer is not None
    body = msgspec.json.decode(
        plan.writer("the-id", 1_700_000_000).write_whole(
            [ResponseStarted("msg_1", "claude-sonnet-4-5"), TextDelta("Hi"), ResponseFinished("stop")]
        )
    )
    assert "the-id" in body["id"]
    assert body["created"] == 1_700_000_000
    assert body["choices"][0]["message"]["content"] == "Hi"
    assert answer_plan(good(step({**ASK, "model": "openai/m"})), "openai-chat") == AnswerPlan()


def test_a_tool_whose_name_the_provider_does_not_take_keeps_its_name_for_the_client() -> None:
    """Also if the provider writes the client's format itself."""
    tool = {"type": "function", "function": {"name": "my tool!", "parameters": {"type": "object"}}}
    compat = good(step({**ASK, "model": "groq/m", "tools": [tool]}))
    name = sent(compat)["tools"][0]["function"]["name"]
    assert name != "my tool!"
    plan = answer_plan(compat, "openai-chat")
    assert plan.writer is not None
    events: list[ProviderEvent] = [
        ToolCallStarted(0, "call_1", name),
        ToolCallDelta(0, "{}"),
        ResponseFinished("tool_calls"),
    ]
    (call,) = msgspec.json.decode(plan.writer("id", 1).write_whole(events))["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "my tool!"


def test_models_are_those_of_the_settings_that_the_gateway_allows() -> None:
    settings = {
        "openai": ProviderSettings(models=("gpt-5", "gpt-5-mini"), api_key=Secret("k")),
        "custom-acme": ProviderSettings(base_url="https://acme.test", models=("m",)),
        "groq": ProviderSettings(),
    }
    asked = step(method="GET", endpoint="/v1/models")
    told = list_models([asked], GatewaySettings(), settings)
    assert told is not None
    listed = msgspec.json.decode(told)
    assert listed["object"] == "list"
    assert [row["id"] for row in listed["data"]] == ["openai/gpt-5", "openai/gpt-5-mini", "custom-acme/m"]
    assert listed["data"][0] == {"id": "openai/gpt-5", "object": "model", "created": 0, "owned_by": "openai"}
    only = list_models([asked], GatewaySettings(providers=("custom-acme",)), settings)
    assert only is not None
    assert [row["id"] for row in msgspec.json.decode(only)["data"]] == ["custom-acme/m"]


@pytest.mark.parametrize(
    "one", [step(), step(endpoint="models"), Step("openai", "models", "GET", [], None, StepConfig())]
)
def test_another_request_asks_for_no_list(one: Step) -> None:
    assert list_models([one], GatewaySettings(), {}) is None


PICTURE = "https://files.test/a.png"
SEEN = {
    "model": "google/gemini-2.5-flash",
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}],
}


def test_media_that_a_provider_wants_as_content_are_wanted_if_the_host_may_be_asked() -> None:
    found = translate_step(step(SEEN), {}, lambda text: False, {})
    assert isinstance(found, MediaWanted)
    assert found.urls == (PICTURE,)
    assert found.draft.step.provider == "google-ai-studio"
    assert found.draft.media_bytes == 0
    assert PICTURE.encode() not in (found.draft.step.query or b"")
    assert "fetches no URLs" in refused(step(SEEN))
    # Mistral fetches it
    assert isinstance(translate_step(step({**SEEN, "model": "mistral/m"}), {}, lambda text: False, {}), CompatStep)
    other = {**SEEN, "logprobs": True, "model": "aws-bedrock/amazon.nova-lite-v1:0"}
    found = translate_step(step(other), {}, lambda text: False, {})
    assert isinstance(found, Fault), "it is refused for another reason, so nothing is fetched"


def test_media_that_the_host_gave_are_in_the_request_and_counted() -> None:
    given = {PICTURE: Blob("QUJD", "image/png"), "https://files.test/b.png": Blob("x" * 99, "image/png")}
    found = translate_step(step(SEEN), {}, lambda text: False, given)
    assert isinstance(found, CompatStep)
    assert sent(found)["contents"][0]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]
    assert [(note.kind, note.field) for note in found.notes] == [("mapped", "turns[0].parts[0].source")]
    longer = translate_step(step(SEEN), {}, lambda text: False, {PICTURE: Blob("QUJD" * 100, "image/png")})
    assert isinstance(longer, CompatStep)
    assert answer_plan(longer, "gemini").memory - answer_plan(found, "gemini").memory == 4 * 99
    # a provider that fetches by itself gets the URL
    other = translate_step(step({**SEEN, "model": "mistral/m"}), {}, lambda text: False, given)
    assert isinstance(other, CompatStep)
    assert PICTURE in str(sent(other))
    assert answer_plan(other, "openai-chat").memory == 0
    workers = translate_step(step({**SEEN, "model": "workers-ai/@cf/m"}), {}, lambda text: False, given)
    assert isinstance(workers, CompatStep)
    assert answer_plan(workers, "openai-chat").memory == 4


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("Nobody has it.", "must hold the media itself. Nobody has it."),
        (Blob("QUJD", "text/html"), "What is at its URL is no image"),
        (Blob("QUJD", "image/tiff"), "query.messages[0].content[0] cannot be asked of aws-bedrock"),
    ],
)
def test_what_the_host_gave_and_cannot_be_sent_is_refused(given: Blob | str, why: str) -> None:
    model = "google/gemini-2.5-flash" if not isinstance(given, Blob) else "aws-bedrock/anthropic.claude-x"
    found = translate_step(step({**SEEN, "model": model}), {}, lambda text: False, {PICTURE: given})
    assert isinstance(found, Fault)
    assert why in found.detail
