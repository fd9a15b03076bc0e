"""A warm-up, and what one response keeps."""

import json

import pytest
from tests.reading.responses_messages import needs_schemas, valid
from tests.rigs.responses_encoder import request

from aigw_sansio.dialects.responses.response_object import ResponseObject
from aigw_sansio.dialects.responses.told import ToldResponse

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@needs_schemas
def test_a_warm_up_is_created_and_complete() -> None:
    asked = request(model="m", instructions="Be brief", tools=[TOOL, {"type": "web_search"}], tool_choice=None)
    response = ResponseObject("resp_1", asked, previous_response_id="resp_0", store=True, created=5)
    messages = ToldResponse(response, "main", most=0).generate_nothing(7)
    first, last = valid(messages, schemas=["openai-sdk"])
    assert [first["type"], last["type"]] == ["response.created", "response.completed"]
    assert [first["sequence_number"], last["sequence_number"]] == [0, 1]
    assert first["stream_id"] == last["stream_id"] == "main"
    told = last["response"]
    assert (told["id"], told["output"], told["instructions"]) == ("resp_1", [], "Be brief")
    assert told["tools"] == [{**TOOL, "description": None, "strict": None}, {"type": "web_search"}]
    assert told["tool_choice"] == "auto"
    assert (told["previous_response_id"], told["store"], told["created_at"]) == ("resp_0", True, 5)
    assert told["usage"]["total_tokens"] == 0
    assert first["response"]["usage"] is None
    assert (first["response"]["completed_at"], told["completed_at"]) == (None, 7)
    response = ResponseObject(
        "resp_1", request(model="m", tools=[TOOL]), previous_response_id=None, store=False, created=5
    )
    one = ToldResponse(response, None, most=0)
    valid([*one.begin(), *one.generate_nothing(7)])  # a sign of life came before
    assert one.outcome is not None
    assert one.outcome.status == "completed"


def told(room: int | None = None) -> ToldResponse:
    response = ResponseObject("resp_1", {}, previous_response_id=None, store=True, created=5)
    return ToldResponse(response, None, most=10_000, room=room)


def test_items_of_which_some_have_no_index_are_all_told() -> None:
    one = told()
    for members in (
        {"output_index": 1, "item": {"id": "b"}},
        {"item": {"id": "c"}},
        {"output_index": 0, "item": {"id": "a"}},
        {"item": {"id": "d"}},
    ):
        one.event("response.output_item.done", request(**members))
    (last,) = one.event("response.completed", request(response={"id": "r"}))
    assert [item["id"] for item in json.loads(last)["response"]["output"]] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("room", "ended", "stores"), [
    (100, "completed", True), (100, "failed", False), (10, "completed", False), (None, "failed", True),
])  # fmt: skip
def test_the_end_tells_whether_it_is_stored(room: int | None, ended: str, stores: bool) -> None:
    one = told(room)
    last = one.event(f"response.{ended}", request(response={"id": "r", "output": [{"id": "x" * 20}]}))[-1]
    assert json.loads(last)["response"]["store"] is stores
    assert one.outcome is not None
    assert one.outcome.fits is (stores or room is None)
