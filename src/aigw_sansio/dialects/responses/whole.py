"""A whole response as the events of a stream: for a provider that did not stream, and for a warm-up.

Decides: which events tell an item. Must not know: their numbers, and the members of a response.

Source: OpenAI API reference, "Streaming events": an item is added, filled and done, in the order of the output. What
has no events of its own is added and done.
"""

from collections.abc import Iterator
from typing import TypeAlias

from ...formats.values import JsonObject, arr, obj, text

#: An event without its number: its type, and its members.
Event: TypeAlias = tuple[str, JsonObject]


def item_events(item: JsonObject, index: int) -> Iterator[Event]:
    """The events of the life of ``item``, which is ``index`` in the output."""
    kind = item.get("type")
    added = {**item, "status": "in_progress"} if "status" in item else item
    place: JsonObject = {"item_id": item.get("id"), "output_index": index}
    filled: Iterator[Event] = iter(())
    if kind == "message":
        added, filled = {**added, "content": []}, _message(item, place)
    elif kind == "function_call":
        added, filled = {**added, "arguments": ""}, _call(item, place, "arguments", "function_call_arguments")
    elif kind == "custom_tool_call":
        added, filled = {**added, "input": ""}, _call(item, place, "input", "custom_tool_call_input")
    elif kind == "reasoning":
        bare: JsonObject = {"summary": []} if "content" not in item else {"summary": [], "content": []}
        added, filled = {**added, **bare}, _reasoning(item, place)
    yield "response.output_item.added", {"output_index": index, "item": added}
    yield from filled
    yield "response.output_item.done", {"output_index": index, "item": item}


def _call(item: JsonObject, place: JsonObject, member: str, name: str) -> Iterator[Event]:
    whole = text(item.get(member))
    if whole:
        yield f"response.{name}.delta", {**place, "delta": whole}
    yield f"response.{name}.done", {**place, member: whole}


def _message(item: JsonObject, place: JsonObject) -> Iterator[Event]:
    for number, one in enumerate(arr(item.get("content"))):
        part = obj(one)
        at: JsonObject = {**place, "content_index": number}
        if part.get("type") == "refusal":
            said = text(part.get("refusal"))
            yield "response.content_part.added", {**at, "part": {**part, "refusal": ""}}
            if said:
                yield "response.refusal.delta", {**at, "delta": said}
            yield "response.refusal.done", {**at, "refusal": said}
        elif part.get("type") == "output_text":
            said, tokens = text(part.get("text")), arr(part.get("logprobs"))
            yield "response.content_part.added", {**at, "part": {**part, "text": "", "annotations": []}}
            if said:
                yield "response.output_text.delta", {**at, "delta": said, "logprobs": tokens}
            for place_of_it, annotation in enumerate(arr(part.get("annotations"))):
                told = {**at, "annotation_index": place_of_it, "annotation": annotation}
                yield "response.output_text.annotation.added", told
            yield "response.output_text.done", {**at, "text": said, "logprobs": tokens}
        else:
            yield "response.content_part.added", {**at, "part": part}
        yield "response.content_part.done", {**at, "part": part}


def _reasoning(item: JsonObject, place: JsonObject) -> Iterator[Event]:
    for number, one in enumerate(arr(item.get("summary"))):
        part = obj(one)
        said = text(part.get("text"))
        at: JsonObject = {**place, "summary_index": number}
        yield "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
        if said:
            yield "response.reasoning_summary_text.delta", {**at, "delta": said}
        yield "response.reasoning_summary_text.done", {**at, "text": said}
        yield "response.reasoning_summary_part.done", {**at, "part": part}
    for number, one in enumerate(arr(item.get("content"))):
        said = text(obj(one).get("text"))
        at = {**place, "content_index": number}
        if said:
            yield "response.reasoning_text.delta", {**at, "delta": said}
        yield "response.reasoning_text.done", {**at, "text": said}
