"""Workers AI, by OpenAI's path."""

from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.formats.workers_ai_request import write_request
from aigw_sansio.prompt import (
    Blob,
    Image,
    JsonObject,
    OutputFormat,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    Turn,
    Uri,
)

MODEL = "@cf/meta/llama-3.3-70b"
SCHEMA: JsonObject = {"type": "object"}


def write(**fields: object) -> tuple[str, JsonObject, list[str]]:
    notes: list[Note] = []
    prompt = Prompt(**{"model": MODEL, "turns": (Turn("user", (Text("a"),)),), **fields})  # type: ignore[arg-type]
    written = write_request(prompt, notes)
    assert not isinstance(written, Refused), written
    return written.path, written.body, [note.field for note in notes]


def test_the_path() -> None:
    path, body, _ = write()
    assert (path, body["model"]) == ("v1/chat/completions", MODEL)


def test_the_schema_of_the_response() -> None:
    output = OutputFormat("json_schema", "n", SCHEMA, True)
    _, body, notes = write(output=output)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
    }
    assert notes == []


def test_sampling() -> None:
    fields: dict[str, object] = {"temperature": 9.0, "top_k": 3, "repetition_penalty": 1.1, "stop_sequences": ("x",)}
    _, body, notes = write(**fields)
    assert (body["temperature"], body["top_k"], body["repetition_penalty"], body["stop"]) == (5.0, 3, 1.1, ["x"])
    assert notes == ["temperature"]


def test_images_are_in_the_request() -> None:
    _, body, _ = write(turns=(Turn("user", (Image(Blob("AA", "image/png")),)),))
    assert "data:image/png;base64,AA" in str(body)
    refused = write_request(Prompt(model=MODEL, turns=(Turn("user", (Image(Uri("https://a")),)),)), [])
    assert isinstance(refused, Refused)
    assert refused.field == "turns[0].parts[0].source"


def test_earlier_reasoning() -> None:
    _, body, _ = write(turns=(Turn("assistant", (Reasoning("hm"), ToolCall("c", "f"))),))
    (message,) = body["messages"]  # type: ignore[misc]
    assert (message["reasoning"], message["content"]) == ("hm", "")


def test_how_much_to_think() -> None:
    def told(model: str, settings: ReasoningSettings) -> tuple[object, object, list[str]]:
        _, body, notes = write(model=model, reasoning=settings)
        return body.get("reasoning_effort"), body.get("chat_template_kwargs"), notes

    assert told("@cf/openai/gpt-oss-120b", ReasoningSettings("high")) == ("high", None, [])
    assert told("@cf/qwen/qwq", ReasoningSettings("none")) == (None, {"enable_thinking": False}, [])
    assert told("@cf/qwen/qwq", ReasoningSettings("high")) == (None, {"enable_thinking": True}, ["reasoning.effort"])
