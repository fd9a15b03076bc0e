"""Answers as Chat Completions: what each chunk is, and what a whole one is."""

import json
from typing import Any

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.openai_chat import ChatWriter
from aigw_sansio.formats.foreign_reasoning import unpack
from aigw_sansio.formats.media import Media
from aigw_sansio.prompt import Prompt

CONTEXT = AnswerContext("01", 1_796_000_000, "asked", include_usage=True, maker="anthropic")


def stream(*events: e.ProviderEvent, context: AnswerContext = CONTEXT, media: tuple[Media, ...] = ()) -> list[Any]:
    """The payloads of a stream, parsed; the terminator stays text."""
    writer = ChatWriter(context)
    payloads = writer.write(events, media) + writer.finish()
    return [payload.decode() if payload == b"[DONE]" else json.loads(payload) for payload in payloads]


def deltas(*events: e.ProviderEvent, context: AnswerContext = CONTEXT, media: tuple[Media, ...] = ()) -> list[Any]:
    """What the chunks add to choice 0, without the head, the finish and the end."""
    chunks = stream(*events, e.ResponseFinished("stop", "stop"), context=context, media=media)
    found = [chunk["choices"][0]["delta"] for chunk in chunks if isinstance(chunk, dict) and chunk["choices"]]
    return found[1:-1]


def message(*events: e.ProviderEvent, context: AnswerContext = CONTEXT, media: tuple[Media, ...] = ()) -> Any:
    """The message of a whole answer."""
    whole = json.loads(ChatWriter(context).write_whole([*events, e.ResponseFinished("stop", "stop")], media))
    return whole["choices"][0]["message"]


def test_a_stream_with_a_tool_call() -> None:
    chunks = stream(
        e.ResponseStarted("msg_1", "claude-x"),
        e.TextDelta("Checking."),
        e.ToolCallStarted(3, "toolu_9", "weather"),
        e.ToolCallDelta(3, '{"city":'),
        e.ToolCallDelta(3, '"Turku"}'),
        e.UsageReported(412, 38, cache_read_input_tokens=300, reasoning_output_tokens=9),
        e.ResponseFinished("tool_calls", "tool_use"),
    )
    frame = {"id": "chatcmpl-01", "object": "chat.completion.chunk", "created": 1_796_000_000, "model": "claude-x"}
    said = [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Checking."},
        {
            "tool_calls": [
                {"index": 0, "id": "toolu_9", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Turku"}'}}]},
    ]
    expected = [{**frame, "choices": [{"index": 0, "delta": d, "finish_reason": None}], "usage": None} for d in said]
    finish = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    usage = {
        "prompt_tokens": 412,
        "completion_tokens": 38,
        "total_tokens": 450,
        "prompt_tokens_details": {"cached_tokens": 300},
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    assert chunks == [
        *expected,
        {**frame, "choices": [finish], "usage": None},
        {**frame, "choices": [], "usage": usage},
        "[DONE]",
    ]


def test_usage_is_sent_only_if_it_was_asked_for() -> None:
    quiet = AnswerContext("01", 1, "asked")
    chunks = stream(e.TextDelta("a"), e.UsageReported(1, 2), e.ResponseFinished("stop"), context=quiet)
    assert all("usage" not in chunk for chunk in chunks[:-1])
    assert all(chunk["choices"] for chunk in chunks[:-1])
    assert json.loads(ChatWriter(quiet).write_whole([e.TextDelta("a"), e.UsageReported(1, 2)]))["usage"]


def test_the_model_asked_for_stands_if_the_provider_names_none() -> None:
    assert stream(e.ResponseStarted(), e.ResponseFinished("stop"))[0]["model"] == "asked"


def test_an_id_of_the_format_is_kept() -> None:
    assert stream(e.ResponseStarted("chatcmpl-9"), e.ResponseFinished("stop"))[0]["id"] == "chatcmpl-9"


def test_each_choice_has_its_own_head_calls_and_finish() -> None:
    chunks = stream(
        e.TextDelta("a"),
        e.TextDelta("b", 1),
        e.ToolCallStarted(0, "x", "f", 1),
        e.ToolCallStarted(1, "y", "g", 0),
        e.ToolCallDelta(1, "{}", 0),
        e.ToolCallDelta(0, "{}", 1),
        e.ResponseFinished("tool_calls", None, 0),
        e.ResponseFinished("length", None, 1),
        context=AnswerContext("01", 1, "m"),
    )
    told = [(choice["index"], choice["delta"], choice["finish_reason"]) for c in chunks[:-1] for choice in c["choices"]]
    for index in (0, 1):
        heads = [at for at, (number, delta, _) in enumerate(told) if number == index and "role" in delta]
        ends = [at for at, (number, _, finish) in enumerate(told) if number == index and finish]
        others = [at for at, (number, _, _) in enumerate(told) if number == index]
        assert heads == others[:1]
        assert ends == others[-1:]
        calls = [
            delta["tool_calls"][0]["index"] for number, delta, _ in told if number == index and "tool_calls" in delta
        ]
        assert calls == [0, 0]
    assert [finish for _, _, finish in told if finish] == ["tool_calls", "length"]


def test_a_choice_that_did_not_finish_is_an_error() -> None:
    chunks = stream(e.TextDelta("a"), e.TextDelta("b", 1), e.ResponseFinished("stop"))
    assert chunks[-1]["error"]["type"] == "server_error"


def test_a_finish_that_nobody_named_is_an_error_in_a_stream_and_none_in_a_whole_answer() -> None:
    events = [e.TextDelta("a"), e.ResponseFinished("unknown")]
    assert list(stream(*events)[-1]) == ["error"]
    whole = json.loads(ChatWriter(CONTEXT).write_whole(events))
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_a_failure_is_the_last_payload() -> None:
    chunks = stream(
        e.TextDelta("a"), e.ResponseFailed("busy", "overloaded_error", error_class="overload"), e.TextDelta("b")
    )
    assert len(chunks) == 3
    assert chunks[-1] == {
        "error": {
            "message": "busy",
            "type": "server_error",
            "param": None,
            "code": "overloaded",
            "provider": {"type": "overloaded_error"},
        }
    }


def test_signed_reasoning_has_its_whole_text_beside_the_signature() -> None:
    events = [
        e.ReasoningDelta("I "),
        e.ReasoningDelta("think."),
        e.ReasoningDelta("", signature="sig"),
        e.ReasoningDelta("", signature="blob", redacted=True),
    ]
    blocks = [
        {"type": "thinking", "thinking": "I think.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
    ]
    assert deltas(*events) == [
        {"reasoning_content": "I "},
        {"reasoning_content": "think."},
        {"thinking_blocks": [{"index": 0, **blocks[0]}]},
        {"thinking_blocks": [{"index": 1, **blocks[1]}]},
    ]
    whole = message(*events)
    assert whole["reasoning_content"] == "I think."
    assert whole["thinking_blocks"] == blocks


def test_signatures_of_others_are_marked() -> None:
    context = AnswerContext("01", 1, "m", maker="google")
    block = message(e.ReasoningDelta("x", signature="s"), context=context)["thinking_blocks"][0]
    (found,) = unpack(block["signature"])
    assert (found.maker, found.kind, found.data) == ("google", "signature", "s")


def test_the_signature_of_a_call_stands_where_google_puts_it() -> None:
    call = message(e.ToolCallStarted(0, None, "f", signature="s"))["tool_calls"][0]
    assert call["extra_content"] == {"google": {"thought_signature": "s"}}
    assert call["id"].startswith("call_")


def test_calls_never_share_an_id() -> None:
    calls = message(e.ToolCallStarted(0, "a", "f"), e.ToolCallStarted(1, "a", "f"), e.ToolCallStarted(2, None, "f"))
    assert len({call["id"] for call in calls["tool_calls"]}) == 3


def test_names_custom_tools_and_structured_output_are_given_back() -> None:
    context = AnswerContext(
        "01", 1, "m", tool_names={"f_1": "my.tool"}, custom_tools=frozenset({"patch"}), output_tool="json"
    )
    events = [
        e.ToolCallStarted(0, "a", "f_1"),
        e.ToolCallDelta(0, "{}"),
        e.ToolCallStarted(1, "b", "patch"),
        e.ToolCallDelta(1, '{"inp'),
        e.ToolCallDelta(1, 'ut":"a\\nb"}'),
        e.ToolCallStarted(2, "c", "json"),
        e.ToolCallDelta(2, '{"x":1}'),
    ]
    whole = message(*events, context=context)
    assert whole["tool_calls"][0]["function"] == {"name": "my.tool", "arguments": "{}"}
    assert whole["tool_calls"][1]["custom"] == {"name": "patch", "input": "a\nb"}
    assert whole["content"] == '{"x":1}'


def test_structured_output_alone_is_no_tool_call() -> None:
    context = AnswerContext("01", 1, "m", output_tool="json")
    events = [e.ToolCallStarted(0, "c", "json"), e.ToolCallDelta(0, "{}"), e.ResponseFinished("tool_calls", "tool_use")]
    choice = json.loads(ChatWriter(context).write_whole(events))["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("{}", "stop")


def test_media_stand_where_clients_look_for_them() -> None:
    events = [e.AudioDelta(3, "hel"), e.AudioDelta(3, "lo"), e.ImageDelta(2, "image/png"), e.ImageDelta(0)]
    media = (Media("AAAA"), Media("AAA="), Media("iVBO", mime_type="image/png"), Media(uri="https://x/y"))
    whole = message(*events, media=media)
    assert whole["audio"]["data"] == "AAAAAAA="
    assert whole["audio"]["transcript"] == "hello"
    urls = [image["image_url"]["url"] for image in whole["images"]]
    assert urls == ["data:image/png;base64,iVBO", "https://x/y"]
    streamed = deltas(*events, media=media)
    assert ["id" in delta["audio"] for delta in streamed[:2]] == [True, False]
    assert [delta["images"][0]["index"] for delta in streamed[2:]] == [0, 1]


def test_what_has_no_place_is_told_once() -> None:
    writer = ChatWriter(AnswerContext("01", 1, "m", prompt=Prompt(logprobs=1)))
    writer.take_logprobs(b'{"choices":[{"index":3,"logprobs":{"content":[{"token":"a"}]}}]}')
    writer.write(
        [
            e.ToolCallStarted(0, "a", "web_search", kind="provider"),
            e.ToolCallDelta(0, "{}"),
            e.ToolCallStarted(1, "b", "web_search", kind="provider"),
            e.Citation(text="quoted"),
            e.ImageDelta(3),
            e.Unrecognised("type new"),
        ]
    )
    assert [note.field for note in writer.notes] == [
        "tool_call.started", "citation", "image.delta", "unrecognised", "logprobs",
    ]  # fmt: skip


def test_a_pause_is_a_stop_that_keeps_its_word() -> None:
    chunks = stream(e.TextDelta("a"), e.ResponseFinished("pause", "pause_turn"))
    assert chunks[-2]["choices"][0] == {
        "index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "pause_turn",
    }  # fmt: skip


def test_a_provider_that_begins_again_spoils_a_call_in_a_stream() -> None:
    events = [e.ToolCallStarted(0, "a", "f"), e.ToolCallDelta(0, '{"x'), e.ResponseStarted(restarted=True)]
    assert "error" in stream(*events)[-1]
    again = [*events, e.ToolCallStarted(1, "b", "f"), e.ToolCallDelta(1, "{}")]
    assert [call["id"] for call in message(*again)["tool_calls"]] == ["b"]


def test_lone_surrogates_do_not_raise() -> None:
    assert deltas(e.TextDelta("a\ud800b")) == [{"content": "a?b"}]


def test_an_answer_without_content_is_an_error_only_without_a_finish() -> None:
    assert "error" in json.loads(ChatWriter(CONTEXT).write_whole([]))
    whole = json.loads(ChatWriter(CONTEXT).write_whole([e.ResponseFinished("content_filter", "SAFETY")]))
    assert whole["choices"][0]["finish_reason"] == "content_filter"
    assert whole["choices"][0]["message"]["content"] == ""
