"""One connection of Responses without a session around it: what its creates ask, from what was said before."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.dialects.commands import Create, Recall, Reply, Storing, ToStore, Turn, Unusable
from aigw_sansio.dialects.responses.dialect import ResponsesDialect
from aigw_sansio.exchanges.encoder import FinalResponse, Progress
from aigw_sansio.faults import Fault, FaultKind, Side, WrongField

UNKNOWN = Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, "request.query.model names none")
LIMITED = Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, "too many", retryable=True)
FAULT = Fault(FaultKind.OVERLOADED, Side.GATEWAY, "full", retryable=True)
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"}
STORING = Storing(60, 10_000)
LOG_ID = "018bcff4-aa40-7440-a446-2790546e040e"


class Connection:
    """A client's side of a dialect, without time."""

    def __init__(self, provider: str | None = "openai", *, storing: Storing | None = None, **limits: int) -> None:
        self.storing = storing
        self.dialect = ResponsesDialect(
            Config(limits=Limits(**limits), timeouts=Timeouts()),
            provider=provider,
            headers=[("authorization", "Bearer k")],
            keeps=lambda slug: slug == "openai",
        )
        self.told: list[dict[str, Any]] = []

    def send(self, **members: object) -> Turn | Reply | Unusable:
        return self.dialect.receive(json.dumps({"type": "response.create", **members}).encode())

    def ask(self, **members: object) -> tuple[str, dict[str, Any]]:
        """A create that reaches its provider: its event id, and the body."""
        turn = self.send(**members)
        assert isinstance(turn, Turn)
        create = self.dialect.begin(turn.event_id, LOG_ID, 1, self.storing)
        assert isinstance(create, Create), create
        (step,) = create.steps
        assert (step.provider, step.endpoint, step.method) == ("compat", "responses", "POST")
        assert step.query is not None
        self.dialect.encoder(turn.event_id, LOG_ID, mode="raw", listener=None)
        return turn.event_id, json.loads(step.query)

    def lineage(self, **members: object) -> tuple[str, str, object]:
        """Of a create that reaches its provider: its lane, the response that it goes on from, and what is new then."""
        turn = self.send(**members)
        assert isinstance(turn, Turn)
        create = self.dialect.begin(turn.event_id, LOG_ID, 1, self.storing)
        assert isinstance(create, Create), create
        step, found = create.steps[0], create.steps[0].lineage
        assert step.query is not None
        assert found is not None
        self.dialect.encoder(turn.event_id, LOG_ID, mode="raw", listener=None)
        written = bytes(msgspec.json.decode(step.query, type=dict[str, msgspec.Raw]).get("input", msgspec.Raw(b"[]")))
        return found.lane, found.previous, json.loads(b"[" + written[found.since :]) if found.previous else None

    def warm_up(self, id: str = LOG_ID, **members: object) -> list[dict[str, Any]]:
        """A create that generates nothing, and may go: its messages."""
        turn = self.send(generate=False, **members)
        assert isinstance(turn, Turn)
        create = self.dialect.begin(turn.event_id, id, 17, self.storing)
        assert isinstance(create, Create)
        assert (create.generates, create.log_id) == (False, id)
        messages = [json.loads(message) for message in self.dialect.admitted(turn.event_id, 18)]
        assert self.dialect.ended(turn.event_id) is None
        return messages

    def refused(self, **members: object) -> dict[str, Any]:
        """A create that is refused when its turn has come: the error."""
        turn = self.send(**members)
        assert isinstance(turn, Turn)
        reply = self.dialect.begin(turn.event_id, LOG_ID, 1, self.storing)
        assert isinstance(reply, Reply)
        (message,) = reply.messages
        self.dialect.ended(turn.event_id)
        found: dict[str, Any] = json.loads(message)
        return found

    def answer(self, event_id: str, id: str, *output: object, status: str = "completed") -> None:
        """Its provider responds, and the exchange ends."""
        body = json.dumps({"id": id, "object": "response", "status": status, "output": output}).encode()
        self.finish(event_id, 200, body)

    def finish(self, event_id: str, status: int, body: bytes) -> None:
        encoder = self.dialect._running[event_id].encoder
        assert encoder is not None
        encoder.attempt(0)
        final = FinalResponse(0, status, "application/json", body, None, [], [])
        self.told += map(json.loads, encoder.whole(final, Progress(0, 1)))
        self.stored = self.dialect.ended(event_id)

    stored: ToStore | None = None


def user(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": text}


def test_its_mode() -> None:
    assert Connection().dialect.mode == "responses"


def test_a_create_for_the_provider_of_the_url() -> None:
    _, body = Connection().ask(model="gpt-6", input="Hi", store=False, stream=True)
    assert body == {"model": "openai/gpt-6", "store": False, "input": [user("Hi")], "stream": True}


def test_on_compat_the_model_names_the_provider() -> None:
    _, body = Connection(None).ask(model="openai/gpt-6", input=[user("Hi")])
    assert body == {"model": "openai/gpt-6", "input": [user("Hi")], "stream": True}


def test_input_is_left_out_if_the_client_has_none() -> None:
    _, body = Connection().ask(model="m", conversation="conv_1")
    assert body == {"model": "openai/m", "conversation": "conv_1", "stream": True}
    _, body = Connection().ask(model="m", input=[])
    assert body["input"] == []


def test_the_conversation_goes_with_each_create() -> None:
    one = Connection()
    first, _ = one.ask(model="m", input="Hi", store=False, instructions="Be brief.")
    one.answer(first, "r1", CALL)
    answer = {"type": "function_call_output", "call_id": "c1", "output": "4"}
    second, body = one.ask(previous_response_id="r1", input=[answer], store=False)
    assert body == {"model": "openai/m", "store": False, "input": [user("Hi"), CALL, answer], "stream": True}
    one.answer(second, "r2")
    assert one.told[-1]["response"]["previous_response_id"] == "r1"
    _, body = one.ask(model="other", previous_response_id="r2", input="On", store=False)
    assert body["input"] == [user("Hi"), CALL, answer, user("On")]
    assert body["model"] == "openai/other"


def test_lanes_go_on_from_each_other() -> None:
    one = Connection()
    first, _ = one.ask(model="m", stream_id="a", input="1", store=False)
    one.answer(first, "r1")
    forked, body = one.ask(stream_id="b", previous_response_id="r1", input="2", store=False)
    assert body["input"] == [user("1"), user("2")]
    one.finish(forked, 500, b"{}")
    again, _ = one.ask(stream_id="a", previous_response_id="r1", input="3", store=False)
    one.finish(again, 500, b"{}")  # of its own lane: it is gone
    error = one.refused(stream_id="a", previous_response_id="r1", input="4", store=False)
    assert error["error"]["code"] == "previous_response_not_found"
    assert error["stream_id"] == "a"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_what_is_not_known_here_may_be_known_to_the_provider(provider: str) -> None:
    one = Connection(provider)
    if provider == "openai":
        first, body = one.ask(model="m", previous_response_id="r0", input="1")
        assert body["previous_response_id"] == "r0"
        one.answer(first, "r1", CALL)
        _, body = one.ask(model="m", previous_response_id="r1", input="2")
        assert (body["previous_response_id"], body["input"]) == ("r0", [user("1"), CALL, user("2")])
    error = one.refused(model="m", previous_response_id="r0", input="1", store=provider != "openai")
    assert error["error"]["message"] == "Previous response with id 'r0' not found."


def test_what_only_one_provider_knows_is_nothing_to_another() -> None:
    one = Connection(None)
    first, _ = one.ask(model="openai/m", previous_response_id="r0", input="1")
    one.answer(first, "r1")
    error = one.refused(model="anthropic/m", previous_response_id="r1", input="2")
    assert error["error"]["code"] == "previous_response_not_found"


def test_an_answer_to_no_call_is_refused_and_its_parent_is_gone() -> None:
    one = Connection()
    first, _ = one.ask(model="m", input="Hi", store=False)
    one.answer(first, "r1", CALL)
    output = {"type": "function_call_output", "call_id": "c9", "output": "4"}
    error = one.refused(model="m", previous_response_id="r1", input=[output], store=False)
    assert (error["status"], error["error"]["param"]) == (400, "input")
    assert one.refused(model="m", previous_response_id="r1", input="x", store=False)["error"]["param"] == (
        "previous_response_id"
    )
    # alone, the provider judges it: the call may be anywhere
    _, body = one.ask(model="m", input=[output], store=False)
    assert body["input"] == [output]


def test_a_warm_up_is_complete_and_can_be_gone_on_from() -> None:
    one = Connection("anthropic")
    created, completed = one.warm_up(model="m", stream_id="a", input="Hi", instructions="Be brief.")
    assert (created["type"], completed["type"]) == ("response.created", "response.completed")
    assert (completed["sequence_number"], completed["stream_id"]) == (1, "a")
    response = completed["response"]
    assert (response["output"], response["created_at"], response["store"]) == ([], 17, False)
    assert response["usage"]["total_tokens"] == 0
    assert (created["response"]["completed_at"], response["completed_at"]) == (None, 18)
    _, body = one.ask(stream_id="a", previous_response_id=response["id"], input="On")
    assert body == {"model": "anthropic/m", "input": [user("Hi"), user("On")], "stream": True}


def test_a_warm_up_is_shown_as_a_response_would_be() -> None:
    """Its id and its model have the form of those that are generated, also if the model is that of its parent."""
    one = Connection(None)
    first = one.warm_up(model="anthropic/m", input="Hi")[-1]["response"]
    assert (first["id"], first["model"]) == (f"resp_{LOG_ID}", "m")
    second = one.warm_up("2", input="On", previous_response_id=first["id"])[-1]["response"]
    assert (second["id"], second["model"]) == ("resp_2", "m")
    event_id, body = one.ask(input="On", previous_response_id=second["id"])
    assert (body["model"], body["input"]) == ("anthropic/m", [user("Hi"), user("On"), user("On")])
    one.answer(event_id, "")
    assert one.told[-1]["response"]["model"] == "m"


@pytest.mark.parametrize(
    ("written", "field", "param"),
    [
        ([user("1"), user("2")], "input[3].content[0]", "input[1].content[0]"),
        ([user("1"), user("2")], "input[1].content", "previous_response_id"),
        ([user("1"), user("2")], "tools[0].name", "tools[0].name"),
        ("1", "input[2].content", "input"),
        ("1", "input[1]", "previous_response_id"),
    ],
)
def test_a_place_in_the_conversation_is_told_as_the_client_wrote_it(written: object, field: str, param: str) -> None:
    one = Connection("anthropic")
    first, _ = one.ask(model="m", input=[user("0")], store=False)
    one.answer(first, "r1", CALL)
    event_id, _ = one.ask(input=written, previous_response_id="r1", store=False)
    fault = WrongField(FaultKind.INVALID_REQUEST, Side.CLIENT, "", field=field, problem="value", why="Why.")
    [message] = one.dialect.refused(event_id, LOG_ID, fault)
    error = json.loads(message)["error"]
    assert (error["param"], error["code"]) == (param, "invalid_value")
    assert ("item 1 of" in error["message"]) is (param == "previous_response_id")


def test_what_is_stored_can_be_gone_on_from_on_another_connection() -> None:
    one = Connection("anthropic", storing=STORING)
    first, _ = one.ask(model="m", input="Hi")
    one.answer(first, "r1", CALL)
    assert one.told[-1]["response"]["store"] is True
    stored = one.stored
    assert stored is not None
    assert (stored.id, stored.ttl_s) == ("r1", 60)

    other = Connection("anthropic", storing=STORING)
    answer = {"type": "function_call_output", "call_id": "c1", "output": "4"}

    def recall(content: bytes | None, *items: object) -> Create | Reply:
        turn = other.send(previous_response_id="r1", input=items)
        assert isinstance(turn, Turn)
        assert other.dialect.begin(turn.event_id, LOG_ID, 1, STORING) == Recall("r1")
        return other.dialect.recalled(turn.event_id, content)

    found = recall(stored.content, answer)
    assert isinstance(found, Create)
    assert found.steps[0].query is not None
    body = json.loads(found.steps[0].query)
    assert body == {"model": "anthropic/m", "input": [user("Hi"), CALL, answer], "stream": True}
    for content in (None, b"", b"{", b'{"model":7,"items":[]}', b"\xff"):
        missing = recall(content, answer)
        assert isinstance(missing, Reply)
        assert json.loads(missing.messages[0])["error"]["code"] == "previous_response_not_found"


def test_what_is_not_stored() -> None:
    one = Connection(None, storing=STORING)
    for model, store in (("anthropic/m", False), ("openai/m", True)):
        event_id, _ = one.ask(model=model, input="Hi", store=store)
        one.answer(event_id, f"{model}-r")
        assert one.stored is None, "its client does not want it, or its provider has it"
    error = one.refused(model="anthropic/m", input="Hi", store=False, previous_response_id="r0")
    assert error["error"]["code"] == "previous_response_not_found"


@pytest.mark.parametrize("larger", [0, 100])
def test_what_is_too_large_to_be_stored_is_not_said_to_be(larger: int) -> None:
    one = Connection("anthropic", storing=STORING)
    said = {"type": "message", "id": "m" * 500, "content": []}
    most = STORING.most - len(json.dumps(said)) - len(json.dumps(user(""), separators=(",", ":")))
    for size, begun in ((most - 24 - len('{"model":"m","items":[]}') + larger, True), (STORING.most, False)):
        event_id, _ = one.ask(model="m", input="x" * size)
        one.answer(event_id, "r", said)
        stores = [told["response"]["store"] for told in one.told if "response" in told]
        one.told.clear()
        assert stores[0] is begun
        assert stores[-1] is (one.stored is not None) is (begun and not larger)


def test_a_model_is_needed() -> None:
    error = Connection().refused(input="Hi")
    assert error == {
        "type": "error",
        "status": 400,
        "error": {
            "type": "invalid_request_error",
            "code": "missing_required_parameter",
            "message": "Missing required parameter: 'model'.",
            "param": "model",
        },
    }


def test_names_of_lanes_are_few() -> None:
    one = Connection(lanes_per_connection=2)
    for lane in ("a", "b", "a", None):
        assert isinstance(one.send(stream_id=lane, model="m"), Turn)
    refused = one.send(stream_id="c", model="m")
    assert isinstance(refused, Reply)
    error = json.loads(refused.messages[0])
    assert (error["stream_id"], error["error"]["code"]) == ("c", "websocket_stream_limit_reached")
    assert "(2)" in error["error"]["message"]


def test_a_steer_goes_back_in_the_lane_of_its_response() -> None:
    one = Connection()
    event_id, _ = one.ask(model="m", stream_id="a", input="Hi")
    encoder = one.dialect._running[event_id].encoder
    assert encoder is not None
    (created, _) = map(json.loads, encoder.life_sign())
    running = created["response"]["id"]

    def lane(target: str) -> str | None:
        reply = one.dialect.receive(json.dumps({"type": "response.steer", "previous_response_id": target}).encode())
        assert isinstance(reply, Reply)
        found: str | None = json.loads(reply.messages[0]).get("stream_id")
        return found

    assert lane(running) == "a"
    assert lane("resp_other") is None
    one.answer(event_id, "r1")
    assert lane(running) == "a", "it ended, and is remembered"


def test_who_is_turned_away_and_what_is_refused_later() -> None:
    one = Connection()
    first, _ = one.ask(model="m", stream_id="a", input="Hi", store=False)
    one.answer(first, "r1")
    turn = one.send(model="m", stream_id="a", previous_response_id="r1")
    assert isinstance(turn, Turn)
    (error,) = map(json.loads, one.dialect.turned_away(turn.event_id, FAULT))
    assert (error["status"], error["stream_id"], error["error"]["code"]) == (503, "a", "server_is_overloaded")
    assert one.refused(stream_id="a", previous_response_id="r1", model="m", store=False)["error"]["param"]
    event_id, _ = one.ask(model="m", stream_id="b", input="Hi")
    (error,) = map(json.loads, one.dialect.refused(event_id, LOG_ID, FAULT))
    assert error["stream_id"] == "b"
    (error,) = map(json.loads, one.dialect.cancelled(event_id, LOG_ID))
    assert (error["stream_id"], error["status"], error["error"]["code"]) == ("b", 499, "cancelled")
    one.dialect.ended(event_id)
    one.dialect.ended(event_id)
    assert not one.dialect.carried(event_id)
    assert one.dialect.made(event_id) is None
    assert not one.dialect.life_sign(event_id)


def test_a_refusal_behind_a_sign_of_life_ends_the_response() -> None:
    """Only what will be refused again has a code that tells clients not to ask again."""
    one = Connection("anthropic")
    for fault, code in ((FAULT, "server_error"), (UNKNOWN, "invalid_prompt"), (LIMITED, "rate_limit_exceeded")):
        event_id, _ = one.ask(model="m", stream_id="a", input="Hi")
        begun = list(map(json.loads, one.dialect.life_sign(event_id)))
        assert [message["type"] for message in begun] == ["response.created", "response.in_progress"]
        (failed,) = map(json.loads, one.dialect.refused(event_id, LOG_ID, fault))
        assert (failed["type"], failed["sequence_number"], failed["stream_id"]) == ("response.failed", 2, "a")
        assert failed["response"]["error"]["code"] == code
        one.dialect.ended(event_id)
    event_id, _ = one.ask(model="m", input="Hi")
    one.dialect.life_sign(event_id)
    (failed,) = map(json.loads, one.dialect.cancelled(event_id, LOG_ID))
    assert failed["response"]["error"]["type"] == "cancelled"


def test_one_that_is_called_off_ends_in_its_turn() -> None:
    one = Connection()
    turn = one.send(model="m", stream_id="a", input="x" * 1000)
    assert isinstance(turn, Turn)
    one.dialect.call_off(turn.event_id)
    assert not one.dialect._waiting[turn.event_id].body
    reply = one.dialect.begin(turn.event_id, LOG_ID, 1)
    assert isinstance(reply, Reply)
    (error,) = map(json.loads, reply.messages)
    assert (error["status"], error["error"]["code"], error["stream_id"]) == (499, "cancelled", "a")


def test_a_create_that_generates_nothing_is_asked_about_without_its_conversation() -> None:
    """It may end with a call that has no result yet: the next create brings that."""
    one = Connection("anthropic")
    turn = one.send(model="m", generate=False, input=[user("Hi"), CALL], tools=[])
    assert isinstance(turn, Turn)
    create = one.dialect.begin(turn.event_id, LOG_ID, 17)
    assert isinstance(create, Create)
    assert json.loads(create.steps[0].query or b"") == {
        "model": "anthropic/m", "tools": [], "input": ".", "stream": True
    }  # fmt: skip
    first = json.loads(one.dialect.admitted(turn.event_id, 18)[-1])
    one.dialect.ended(turn.event_id)
    result = {"type": "function_call_output", "call_id": "c1", "output": "4"}
    _, body = one.ask(previous_response_id=first["response"]["id"], input=[result])
    assert body["input"] == [user("Hi"), CALL, result]


def test_the_life_of_a_connection_is_over() -> None:
    one = Connection()
    (error,) = map(json.loads, one.dialect.too_old(None))
    assert (error["status"], error["error"]["code"]) == (400, "websocket_connection_limit_reached")
    assert error["error"]["message"].startswith("Responses websocket connection limit reached (60 minutes).")
    turn = one.send(model="m", stream_id="a")
    assert isinstance(turn, Turn)
    assert json.loads(one.dialect.too_old(turn.event_id)[0])["stream_id"] == "a"


def test_messages_outside_creates() -> None:
    one = Connection()
    assert one.dialect.receive(b'{"type":"response.processed"}') == Reply([])
    unusable = one.dialect.receive(b"{")
    assert isinstance(unusable, Unusable)
    (error,) = map(json.loads, one.dialect.unusable(unusable.fault, None))
    assert (error["type"], error["status"]) == ("error", 400)
    (bad,) = map(json.loads, one.send(stream_id="a b").messages)  # type: ignore[union-attr]
    assert "stream_id" not in bad
    assert one.dialect.pong() == one.dialect.going_away(7) == []
    with pytest.raises(AssertionError):
        one.dialect.decode(b"{}")
    with pytest.raises(AssertionError):
        one.dialect.answered("e", LOG_ID, b"{}")


def test_it_counts_what_it_holds() -> None:
    one = Connection()
    assert not one.dialect.held
    turn = one.send(model="m", input="x" * 1000)
    assert isinstance(turn, Turn)
    assert turn.size > 1000
    assert isinstance(one.dialect.begin(turn.event_id, LOG_ID, 1), Create)
    assert one.dialect.carried(turn.event_id) > 1000
    assert one.dialect.made(turn.event_id) == 0
    assert len(one.dialect.life_sign(turn.event_id)) == 2, "its exchange has not begun"
    one.dialect.encoder(turn.event_id, LOG_ID, mode="raw", listener=None)
    assert one.dialect.made(turn.event_id) == one.dialect.made(turn.event_id) == 2, "a question changes nothing"
    assert len(one.dialect.life_sign(turn.event_id)) == 1
    assert one.dialect.made(turn.event_id) == 3
    one.answer(turn.event_id, "r1")
    assert one.dialect.held > 1000
    one.ask(model="m", input="x")
    assert one.dialect.held > 1000


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 300), st.booleans()), max_size=20))
def test_its_memory_is_bounded(moves: list[tuple[str, bool, int, bool]]) -> None:
    most = 3000
    one = Connection("anthropic", conversation_bytes_per_connection=most)
    for number, (lane, goes_on, size, is_good) in enumerate(moves):
        latest = one.dialect._memory._lanes.get(lane)
        parent = latest.id if goes_on and latest is not None else None
        event_id, _ = one.ask(model="m", stream_id=lane, input="x" * size, previous_response_id=parent)
        if is_good:
            one.answer(event_id, f"r{number}", {"type": "message", "content": "y" * size})
        else:
            one.finish(event_id, 400, msgspec.json.encode({"error": {"message": "no"}}))
        assert one.dialect.held == sum(one.size for one in one.dialect._memory._lanes.values()) <= most


def test_a_create_tells_what_is_new_behind_the_response_that_it_goes_on_from() -> None:
    one = Connection()
    assert one.lineage(model="m", input="Hi", stream_id="a") == ("a", "", None)
    one.answer("a#1", "r1", CALL)
    answer = {"type": "function_call_output", "call_id": "c1", "output": "4"}
    assert one.lineage(previous_response_id="r1", input=[answer, user("?")], stream_id="a") == (
        "a", "r1", [answer, user("?")],
    )  # fmt: skip
    one.answer("a#2", "r2")
    assert one.lineage(previous_response_id="r2", input="More", stream_id="b") == ("b", "r2", [user("More")])
    assert one.lineage(previous_response_id="r2", input=[]) == ("", "", None)  # nothing is new
    # What stands before it is known to the provider alone.
    assert one.lineage(model="m", previous_response_id="r0", input="Go on") == ("", "", None)
