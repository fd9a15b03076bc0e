"""Gemini requests: URL, body, instructions, and laws over any request of a client."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import mutate

from aigw_sansio.formats.gemini.request import write_request, write_vertex_request
from aigw_sansio.formats.openai.responses_request import read_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import CacheMark, FunctionTool, Prompt, Text, ToolChoice, Turn

HELLO = (Turn("user", (Text("Hello"),)),)
BODY: dict[str, Any] = {
    "model": "gemini-3-flash",
    "input": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x/y"}],
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "g"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": [1]}'},
        {"type": "function_call", "call_id": "c2", "name": "g h", "arguments": "no JSON"},
        {"type": "function_call_output", "call_id": "c2", "output": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "text"},
    ],
    "tools": [
        {"type": "function", "name": "f", "parameters": {"properties": {"a": {"const": 1}}}, "strict": True},
        {"type": "custom", "name": "g h"},
    ],
    "tool_choice": "auto",
    "text": {"format": {"type": "json_object"}},
    "reasoning": {"effort": "high", "summary": "auto"},
    "temperature": 0.5,
}


def write(prompt: Prompt, notes: list[Note] | None = None, *, vertex: bool = False) -> WireRequest:
    request = (write_vertex_request if vertex else write_request)(prompt, [] if notes is None else notes)
    assert isinstance(request, WireRequest), request
    return request


@pytest.mark.parametrize(
    ("model", "path", "vertex_path"),
    [
        ("gemini-3-pro", "v1beta/models/gemini-3-pro", "publishers/google/models/gemini-3-pro"),
        ("models/gemini-3-pro", "v1beta/models/gemini-3-pro", "publishers/google/models/gemini-3-pro"),
        ("google/gemini-3-pro", "v1beta/models/gemini-3-pro", "publishers/google/models/gemini-3-pro"),
        ("a/../b?c", "v1beta/models/a%2F..%2Fb%3Fc", "publishers/google/models/a%2F..%2Fb%3Fc"),
        ("tunedModels/x", "v1beta/tunedModels/x", "publishers/google/models/tunedModels%2Fx"),
        ("endpoints/12", "v1beta/models/endpoints%2F12", "endpoints/12"),
    ],
)
def test_the_model_is_in_the_path(model: str, path: str, vertex_path: str) -> None:
    request = write(Prompt(model=model, turns=HELLO))
    assert (request.method, request.path, request.headers) == ("POST", f"{path}:generateContent", ())
    assert "model" not in request.body
    assert "stream" not in request.body
    streamed = write(Prompt(model=model, turns=HELLO, stream=True, include_usage=True), vertex=True)
    assert streamed.path == f"{vertex_path}:streamGenerateContent?alt=sse"


def test_without_a_model() -> None:
    assert write_request(Prompt(turns=HELLO), []) == Refused("model", "It is missing.")


def test_a_plain_request_has_nothing_else() -> None:
    notes: list[Note] = []
    assert write(Prompt(model="gemini-2.5-flash", turns=HELLO), notes).body == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}]
    }
    assert notes == []


def test_instructions() -> None:
    notes: list[Note] = []
    prompt = Prompt(model="gemini-3-pro", instructions=(Text("a"), Text("b", CacheMark())), turns=HELLO)
    assert write(prompt, notes).body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert [(note.kind, note.field) for note in notes] == [("dropped", "instructions[1].cache")]


@pytest.mark.parametrize(
    ("turns", "contents"),
    [
        (HELLO, [{"role": "user", "parts": [{"text": "a\n\nHello"}]}]),
        ((), [{"role": "user", "parts": [{"text": "a"}]}]),
        (
            (Turn("assistant", (Text("b"),)),),
            [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}],
        ),
    ],
)
def test_gemma_has_its_instructions_in_the_first_text(turns: tuple[Turn, ...], contents: object) -> None:
    notes: list[Note] = []
    assert write(Prompt(model="gemma-3-27b-it", instructions=(Text("a"),), turns=turns), notes).body == {
        "contents": contents
    }
    assert [(note.kind, note.field) for note in notes] == [("mapped", "instructions")]


def test_gemma_takes_no_tools() -> None:
    prompt = Prompt(model="gemma-3-27b-it", turns=HELLO, tools=(FunctionTool("f"),))
    assert isinstance(write_request(prompt, []), Refused)
    none = msgspec.structs.replace(prompt, tool_choice=ToolChoice("none"))
    assert write(none).body.keys() == {"contents"}


def test_a_request_without_content_holds_a_space() -> None:
    notes: list[Note] = []
    assert write(Prompt(model="gemini-3-pro"), notes).body["contents"] == [{"role": "user", "parts": [{"text": " "}]}]
    assert [(note.kind, note.field) for note in notes] == [("mapped", "turns")]


def test_a_conversation_that_another_vendor_keeps_is_refused() -> None:
    for prompt in (
        Prompt(model="gemini-3-pro", turns=HELLO, previous_response_id="r"),
        Prompt(model="gemini-3-pro", turns=HELLO, maker="openai", extra={"conversation": "c"}),
        read_request({"model": "gemini-3-pro", "input": [{"id": "msg_1"}]}, []),
    ):
        assert isinstance(prompt, Prompt)
        assert isinstance(write_request(prompt, []), Refused)


def test_members_of_other_vendors_are_told_and_googles_are_sent() -> None:
    notes: list[Note] = []
    extra = {"safetySettings": [], "generationConfig": {"topP": 1, "speechConfig": {}}}
    google = Prompt(model="gemini-3-pro", turns=HELLO, top_p=0.5, maker="google", extra=extra, service_tier="flex")
    body = write(google, notes).body
    assert notes == []
    assert body["safetySettings"] == []
    assert body["generationConfig"] == {"topP": 0.5, "speechConfig": {}}
    assert body["serviceTier"] == "flex"
    write(
        Prompt(model="gemini-3-pro", turns=HELLO, maker="openai", extra={"truncation": "auto"}, service_tier="flex"),
        notes,
    )
    assert [(note.kind, note.field) for note in notes] == [("dropped", "service_tier"), ("dropped", "extra.truncation")]


def test_fields_that_gemini_lacks_are_told() -> None:
    notes: list[Note] = []
    fields: dict[str, Any] = {
        "min_p": 0.1, "logit_bias": {"1": 1.0}, "verbosity": "low", "metadata": {"a": "b"}, "end_user": "u", "cache_key": "k",
        "cache": CacheMark(), "store": True, "repetition_penalty": 1.2,
    }  # fmt: skip
    assert write(Prompt(model="gemini-3-pro", turns=HELLO, **fields), notes).body.keys() == {"contents"}
    assert {note.field for note in notes} == fields.keys()


@pytest.mark.parametrize("vertex", [False, True])
def test_a_whole_request(vertex: bool) -> None:
    prompt = read_request(BODY, [])
    assert isinstance(prompt, Prompt)
    notes: list[Note] = []
    body: Any = write(prompt, notes, vertex=vertex).body
    names = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert names[0] == "f"
    _, calls, responses = body["contents"]
    ids = [{}, {}] if vertex else [{"id": "c1"}, {"id": "c2"}]
    assert [part["functionCall"] for part in calls["parts"]] == [
        {**ids[0], "name": "f", "args": {"a": [1]}},
        {**ids[1], "name": names[1], "args": {"input": "no JSON"}},
    ]
    assert [part.get("thoughtSignature") for part in calls["parts"]] == ["skip_thought_signature_validator", None]
    assert [part["functionResponse"] for part in responses["parts"]] == [
        {**ids[0], "name": "f", "response": {"output": "text"}},
        {**ids[1], "name": names[1], "response": {"x": 1}},
    ]
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "responseMimeType": "application/json",
        "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True},
    }
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


@given(st.data())
def test_any_request_is_written_or_refused(data: st.DataObject) -> None:
    body: Any = mutate(BODY, data.draw)
    prompt = read_request(body if isinstance(body, dict) else {}, [])
    if isinstance(prompt, Prompt):
        before = msgspec.json.encode(prompt)
        for name in ("gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-pro", "gemma-3", prompt.model):
            for write_any in (write_request, write_vertex_request):
                request = write_any(msgspec.structs.replace(prompt, model=name), [])
                assert isinstance(request, Refused) or msgspec.json.encode(request.body)
        assert msgspec.json.encode(prompt) == before
