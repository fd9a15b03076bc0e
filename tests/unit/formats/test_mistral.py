"""Mistral: only members that it knows, ids of nine letters or digits."""

from aigw_sansio.formats.mistral import write_request
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import (
    FunctionTool,
    JsonObject,
    OutputFormat,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
)

USER = Turn("user", (Text("a"),))
#: mistralai's ChatCompletionRequest.
KNOWN = {
    "model", "messages", "temperature", "top_p", "top_k", "min_tokens", "max_tokens", "stop", "random_seed", "metadata",
    "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "repetition_penalty", "n",
    "prediction", "parallel_tool_calls", "prompt_mode", "reasoning_effort", "guardrails", "safe_prompt", "logprobs",
    "top_logprobs", "prompt_cache_key", "service_tier", "stream",
}  # fmt: skip


def write(prompt: Prompt) -> tuple[JsonObject, list[str]]:
    notes: list[Note] = []
    written = write_request(prompt, notes)
    assert not isinstance(written, Refused), written
    assert written.path == "v1/chat/completions"
    return written.body, [note.field for note in notes]


def test_only_known_members_are_sent() -> None:
    prompt = Prompt(
        model="mistral-large-latest", turns=(Turn("user", (Text("a"),), "ann"),), tools=(FunctionTool("f"),),
        tool_choice=ToolChoice("required"), parallel_tool_calls=True, output=OutputFormat("json_schema", "n", {}),
        max_tokens=5, temperature=1.9, top_p=0.5, top_k=4, min_p=0.1, stop_sequences=("x",), seed=7,
        presence_penalty=0.1, frequency_penalty=0.1, repetition_penalty=1.1, logit_bias={"1": 1.0}, logprobs=2,
        choice_count=2, verbosity="low", cache_key="k", metadata={"a": "b"}, end_user="u", service_tier="flex",
        stream=True, include_usage=True, store=True, maker="openai",
        extra={"safe_prompt": True, "moderation": {}, "provider": {}, "stream_options": {"x": 1}},
    )  # fmt: skip
    body, notes = write(prompt)
    assert set(body) <= KNOWN
    assert (body["random_seed"], body["temperature"], body["tool_choice"]) == (7, 1.5, "any")
    assert body["safe_prompt"] is True
    assert set(notes) == {
        "min_p", "logit_bias", "verbosity", "end_user", "service_tier", "store", "turns[0].name", "temperature",
        "extra.moderation", "extra.provider", "extra.stream_options",
    }  # fmt: skip
    assert body["messages"] == [{"role": "user", "content": "a"}]


def test_ids_are_nine_letters_or_digits_on_both_sides() -> None:
    turns = (
        USER,
        Turn("assistant", (Reasoning("hm"), ToolCall("call_abc", "f", ""), ToolCall("ot1MIoEMA", "g", "{}"))),
        Turn("tool", (ToolCallResponse("call_abc", (Text("r"),), "f"), ToolCallResponse("ot1MIoEMA", (), "g"))),
    )
    body, _ = write(Prompt(turns=turns))
    _, called, first, second = body["messages"]  # type: ignore[misc]
    made = [call["id"] for call in called["tool_calls"]]
    assert made[1] == "ot1MIoEMA"
    assert len(made[0]) == 9
    assert made[0].isalnum()
    assert [first["tool_call_id"], second["tool_call_id"]] == made
    assert (first["name"], second["name"]) == ("f", "g")
    assert called["content"] == [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}]


def test_reasoning() -> None:
    def members(model: str, settings: ReasoningSettings) -> tuple[object, object, list[str]]:
        body, notes = write(Prompt(model=model, turns=(USER,), reasoning=settings))
        return body.get("prompt_mode"), body.get("reasoning_effort"), notes

    assert members("mistral-medium-latest", ReasoningSettings("high")) == (None, "high", [])
    assert members("magistral-medium", ReasoningSettings(adaptive=True)) == ("reasoning", None, [])
    assert members("magistral-medium", ReasoningSettings("low")) == ("reasoning", None, ["reasoning.effort"])
    assert members("magistral-medium", ReasoningSettings("none")) == (None, None, ["reasoning.effort"])
