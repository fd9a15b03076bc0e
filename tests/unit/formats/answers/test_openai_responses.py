"""Answers as OpenAI Responses: the events of a stream, their order, and the response object."""

import json
from typing import Any

import pytest

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.kept import ITEM, OBJECT
from aigw_sansio.formats.answers.openai_responses import ResponsesWriter
from aigw_sansio.formats.foreign_reasoning import unpack
from aigw_sansio.formats.media import Media
from aigw_sansio.prompt import Prompt

CONTEXT = AnswerContext("7a01", 1_796_000_000, "asked", maker="anthropic")


def stream(*events: e.ProviderEvent, context: AnswerContext = CONTEXT, media: tuple[Media, ...] = ()) -> list[Any]:
    writer = ResponsesWriter(context)
    told = [json.loads(payload) for payload in writer.write(events, media) + writer.finish()]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    return told


def output(*events: e.ProviderEvent, context: AnswerContext = CONTEXT, media: tuple[Media, ...] = ()) -> Any:
    """The items of the last event, without their ids."""
    told = stream(*events, e.ResponseFinished("stop", "stop"), context=context, media=media)
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert told[-1]["response"]["output"] == done
    return [{name: member for name, member in item.items() if name != "id"} for item in done]


def test_a_turn_with_reasoning_and_a_call() -> None:
    told = stream(
        e.ResponseStarted("msg_1", "claude-x"),
        e.ReasoningDelta("Need it."),
        e.ReasoningDelta("", signature="sig"),
        e.TextDelta("Check"),
        e.TextDelta("ing."),
        e.ToolCallStarted(0, "toolu_1", "weather"),
        e.ToolCallDelta(0, '{"city":"Turku"}'),
        e.UsageReported(71, 29, 5, None, 11),
        e.ResponseFinished("tool_calls", "tool_use"),
    )
    assert [event["type"].removeprefix("response.") for event in told] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    items = [event for event in told if event["type"].startswith("response.output_item")]
    assert [event["output_index"] for event in items] == [0, 0, 1, 1, 2, 2]
    assert [event["item"]["id"] for event in items[::2]] == [event["item"]["id"] for event in items[1::2]]
    assert [event["item"]["id"][:3] for event in items[::2]] == ["rs_", "msg", "fc_"]
    assert items[4]["item"] | {"id": ""} == {
        "id": "", "type": "function_call", "status": "in_progress", "call_id": "toolu_1", "name": "weather", "arguments": "",
    }  # fmt: skip
    response = told[-1]["response"]
    assert response["output"] == [event["item"] for event in items[1::2]]
    assert (response["id"], response["model"], response["status"]) == ("resp_7a01", "claude-x", "completed")
    assert response["usage"] == {
        "input_tokens": 71,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
        "output_tokens": 29,
        "output_tokens_details": {"reasoning_tokens": 11},
        "total_tokens": 100,
    }
    assert told[0]["response"]["usage"] is None
    assert told[0]["response"]["output"] == []
    assert told[0]["response"]["status"] == told[1]["response"]["status"] == "in_progress"


def test_reasoning_of_another_vendor_is_marked_and_that_of_openai_is_not() -> None:
    (item,) = output(e.ReasoningDelta("x"), e.ReasoningDelta("", signature="s"))
    (block,) = unpack(item["encrypted_content"])
    assert (block.maker, block.kind, block.data) == ("anthropic", "signature", "s")
    own = AnswerContext("1", 1, "m", maker="openai")
    (item,) = output(e.ReasoningDelta("x"), e.ReasoningDelta("", signature="s"), context=own)
    assert item == {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}], "encrypted_content": "s"}


def test_the_signature_of_a_call_comes_before_it() -> None:
    google = AnswerContext("1", 1, "m", maker="google")
    reasoning, call = output(e.ToolCallStarted(0, None, "f", signature="s"), context=google)
    assert unpack(reasoning["encrypted_content"])[0].kind == "tool_call"
    assert call["call_id"].startswith("call_")


def test_text_behind_a_call_is_another_message() -> None:
    items = output(e.TextDelta("a"), e.ToolCallStarted(0, "x", "f"), e.ToolCallDelta(0, "{}"), e.TextDelta("b"))
    assert [item["type"] for item in items] == ["message", "function_call", "message"]


def test_a_refusal_and_sources_stand_in_the_message() -> None:
    (item,) = output(e.TextDelta("a"), e.Citation("https://x", "X"), e.Citation(None, "doc"), e.RefusalDelta("no"))
    text, refusal = item["content"]
    assert text["annotations"] == [
        {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 0},
        {"type": "file_citation", "file_id": "", "filename": "doc", "index": 0},
    ]
    assert refusal == {"type": "refusal", "refusal": "no"}


def test_a_part_begins_without_its_sources() -> None:
    told = stream(e.Citation("https://x"), e.ResponseFinished("stop"))
    (added,) = [event for event in told if event["type"] == "response.content_part.added"]
    assert added["part"]["annotations"] == []


def test_free_text_is_the_input_of_a_custom_call() -> None:
    (item,) = output(e.ToolCallStarted(0, "x", "patch", kind="custom"), e.ToolCallDelta(0, "a\nb"))
    assert (item["type"], item["input"], "arguments" in item) == ("custom_tool_call", "a\nb", False)


@pytest.mark.parametrize(
    ("written", "query"),
    [('{"query":"q"}', "q"), ('{"queries":["a","b"]}', "a"), ("{}", ""), ("no JSON", "")],
)
def test_a_search_of_the_provider_is_an_item(written: str, query: str) -> None:
    (item,) = output(e.ToolCallStarted(0, "x", "web_search", kind="provider"), e.ToolCallDelta(0, written))
    assert item == {
        "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": query},
    }  # fmt: skip


def test_a_question_for_approval_has_its_id() -> None:
    told = stream(
        e.ToolCallStarted(0, "mcpr_1", "f", kind="approval"), e.ToolCallDelta(0, "{}"), e.ResponseFinished("stop")
    )
    (item,) = told[-1]["response"]["output"]
    assert (item["type"], item["id"], item["name"], item["arguments"]) == ("mcp_approval_request", "mcpr_1", "f", "{}")


def test_images_are_items_and_previews_belong_to_them() -> None:
    media = (Media("AAAA", mime_type="image/png", preview=True), Media("AAAB", mime_type="image/png"), Media("AAAC"))
    told = stream(*[e.ImageDelta(3)] * 3, e.ResponseFinished("stop"), media=media)
    partial = [event for event in told if event["type"].endswith("partial_image")]
    assert [event["partial_image_b64"] for event in partial] == ["AAAA"]
    items = told[-1]["response"]["output"]
    assert [item["result"] for item in items] == ["AAAB", "AAAC"]
    assert items[0]["output_format"] == "png"
    assert partial[0]["item_id"] == items[0]["id"]


def test_what_has_no_place_is_told() -> None:
    writer = ResponsesWriter(AnswerContext("1", 1, "m", prompt=Prompt(logprobs=0)))
    writer.take_logprobs(b'{"choices":[{"index":1,"logprobs":{"content":[{"token":"a"}]}}]}')
    writer.write(
        [
            e.AudioDelta(3, "hi"),
            e.ImageDelta(0),
            e.TextDelta("b", 1),
            e.ToolCallStarted(0, None, "code_execution", kind="provider"),
            e.Citation(text="quoted"),
            e.Unrecognised("type new"),
        ]
    )
    assert {note.field for note in writer.notes} == {
        "audio.delta", "image.delta", "choice", "tool_call.started", "citation", "unrecognised",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_how_a_response_ends(reason: e.FinishReason, status: str, why: str | None) -> None:
    told = stream(e.TextDelta("a"), e.ResponseFinished(reason, "word"))
    response = told[-1]["response"]
    assert told[-1]["type"] == f"response.{status}"
    assert response["status"] == response["output"][0]["status"] == status
    assert response["incomplete_details"] == (None if why is None else {"reason": why})


@pytest.mark.parametrize(
    "end", [[], [e.ResponseFinished("unknown")], [e.ResponseFinished("error", "ERROR")], [e.ResponseFailed("x")]]
)
def test_what_did_not_finish_has_failed(end: list[e.ProviderEvent]) -> None:
    told = stream(e.TextDelta("a"), *end)
    response = told[-1]["response"]
    assert (told[-1]["type"], response["status"], response["error"]["code"]) == (
        "response.failed", "failed", "server_error",
    )  # fmt: skip
    assert response["output"][0]["status"] == "incomplete"


def test_usage_behind_the_finish_counts() -> None:
    told = stream(e.TextDelta("a"), e.ResponseFinished("stop"), e.UsageReported(1, 2))
    assert told[-1]["response"]["usage"]["total_tokens"] == 3


def test_a_whole_chat_completion_gets_its_natural_order() -> None:
    events = [
        e.TextDelta("a"),
        e.ReasoningDelta("r"),
        e.ToolCallStarted(0, "x", "f"),
        e.ToolCallDelta(0, "{}"),
        e.Citation("https://x"),
        e.ResponseFinished("tool_calls"),
    ]
    for source, kinds in (
        ("mistral", ["reasoning", "message", "function_call"]),
        ("anthropic-messages", ["message", "reasoning", "function_call", "message"]),
    ):
        whole = json.loads(ResponsesWriter(AnswerContext("1", 1, "m", source=source)).write_whole(events))
        assert [item["type"] for item in whole["output"]] == kinds


def test_what_is_kept_is_counted() -> None:
    writer = ResponsesWriter(CONTEXT)
    writer.write([e.TextDelta("abc")])
    assert writer.held == ITEM + 3
    writer.write([e.TextDelta("de")])
    assert writer.held == ITEM + 5
    writer.write([e.ToolCallStarted(0, "x", "f"), e.ToolCallDelta(0, "{")])
    two_items = writer.held
    assert two_items > 2 * ITEM + 5
    writer.write([e.TextDelta("more")])
    assert writer.held == two_items + OBJECT + 4, "it waits for the end of the call"


def test_a_whole_answer_without_content_is_an_error() -> None:
    assert "error" in json.loads(ResponsesWriter(CONTEXT).write_whole([]))
    assert json.loads(ResponsesWriter(CONTEXT).write_whole([e.ResponseFinished("stop")]))["output"] == []


def test_every_token_of_text_is_told_where_it_stands() -> None:
    """A token that comes alone, as nearly all do, is written like one among others."""
    events: list[e.ProviderEvent] = [
        e.TextDelta("Part "), e.TextDelta('"one'), e.TextDelta('".'), e.RefusalDelta("No."), e.TextDelta("Two"),
        e.TextDelta(" \ud800"), e.ToolCallStarted(0, "call_1", "f"), e.ToolCallDelta(0, "{}"), e.TextDelta("A new"),
        e.TextDelta(" message"),
    ]  # fmt: skip
    alone, together = ResponsesWriter(CONTEXT), ResponsesWriter(CONTEXT)
    told = [payload for event in events for payload in alone.write([event])]
    assert told == together.write(events)
    assert alone.held == together.held
    deltas = [event for event in map(json.loads, told) if event["type"] == "response.output_text.delta"]
    assert [(event["output_index"], event["content_index"]) for event in deltas] == [
        (0, 0), (0, 0), (0, 0), (0, 2), (0, 2), (2, 0), (2, 0),
    ]  # fmt: skip
    assert [event["delta"] for event in deltas] == ["Part ", '"one', '".', "Two", " ?", "A new", " message"]


@pytest.mark.parametrize(
    ("reason", "at", "told"),
    [
        ("stop", 1_796_000_003, 1_796_000_003),
        ("stop", 5, 1_796_000_000),
        ("stop", None, None),
        ("length", 1_796_000_003, None),
    ],
)
def test_a_complete_response_says_since_when(reason: e.FinishReason, at: int | None, told: int | None) -> None:
    """Not before it was made, though the clock was set back; one that is incomplete or failed was never complete."""
    said = [e.TextDelta("Hi"), e.ResponseFinished(reason, reason)]
    writer = ResponsesWriter(CONTEXT)
    assert all(json.loads(one).get("response", {}).get("completed_at") is None for one in writer.write(said))
    assert json.loads(writer.finish(completed=at)[-1])["response"]["completed_at"] == told
    assert json.loads(ResponsesWriter(CONTEXT).write_whole(said, completed=at))["completed_at"] == told
    failed = ResponsesWriter(CONTEXT)
    failed.write([e.TextDelta("Hi")])
    assert json.loads(failed.finish(completed=at)[-1])["response"]["completed_at"] is None
