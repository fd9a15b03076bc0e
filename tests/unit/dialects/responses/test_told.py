"""A warm-up, and what one response keeps."""

from tests.reading.responses_messages import needs_schemas, valid
from tests.rigs.responses_encoder import request

from aigw_sansio.dialects.responses.response_object import ResponseObject
from aigw_sansio.dialects.responses.told import warm_up

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@needs_schemas
def test_a_warm_up_is_created_and_complete() -> None:
    asked = request(model="m", instructions="Be brief", tools=[TOOL, {"type": "web_search"}], tool_choice=None)
    response = ResponseObject("resp_1", asked, previous_response_id="resp_0", store=True, created=5)
    messages = warm_up(response, "main")
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
    response = ResponseObject(
        "resp_1", request(model="m", tools=[TOOL]), previous_response_id=None, store=False, created=5
    )
    valid(warm_up(response, None))
