"""The ``universal.*`` dialect as a session uses it: what answers what, beside the messages of an exchange."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.config import Limits
from aigw_sansio.dialects.commands import BadCreate, Cancel, Create, Ping, Unusable
from aigw_sansio.dialects.universal.dialect import UniversalDialect
from aigw_sansio.events import ProviderEvent
from aigw_sansio.exchanges.encoder import Progress
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side

FAULT = Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, "too many", retryable=True)
METADATA = {"cacheStatus": "MISS", "eventId": "e", "logId": "log", "step": "0", "attempts": 0}
STEP = {"provider": "openai", "endpoint": "chat/completions", "headers": {}, "query": {}}

dialect = UniversalDialect(Limits())


def read(messages: list[bytes]) -> dict[str, Any]:
    (message,) = messages
    found: dict[str, Any] = json.loads(message)
    return found


def test_its_mode() -> None:
    assert dialect.mode == "universal"


def test_commands() -> None:
    def decoded(**message: object) -> type:
        return type(dialect.decode(json.dumps(message).encode()))

    assert decoded(type="universal.create", request={**STEP, "eventId": "e"}) is Create
    assert decoded(type="universal.create", request={"eventId": "e"}) is BadCreate
    assert decoded(type="universal.cancel", eventId="e") is Cancel
    assert decoded(type="universal.ping") is Ping
    assert decoded(type="universal.pong") is Unusable


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(dialect.decode(data), Create | BadCreate | Cancel | Ping | Unusable)


def test_a_ping_is_answered() -> None:
    assert read(dialect.pong()) == {"type": "universal.pong"}


def test_a_create_that_became_no_exchange() -> None:
    assert read(dialect.refused("e", "log", FAULT)) == {
        "type": "universal.created",
        "metadata": {**METADATA, "contentType": "application/json", "status": 429},
        "response": {
            "success": False,
            "result": [],
            "messages": [],
            "error": [{"code": 2010, "message": "too many"}],
        },
    }
    assert read(dialect.cancelled("e", "log")) == {"type": "universal.cancelled", "metadata": METADATA}


def test_a_message_that_cannot_be_used() -> None:
    error = {"code": 2010, "message": "too many", "kind": "limit_exceeded", "retryable": True}
    assert read(dialect.unusable(FAULT, None)) == {"type": "universal.error", "metadata": {}, "error": error}
    assert read(dialect.unusable(FAULT, "run"))["error"] == {**error, "eventId": "run"}


def test_going_away() -> None:
    assert read(dialect.going_away(1500)) == {"type": "universal.going_away", "deadline_ms": 1500}


def test_its_encoder_tells_the_exchange_in_the_form_that_was_asked_for() -> None:
    told: list[list[ProviderEvent]] = []
    response = ProviderResponse(
        200, [(b"content-type", b"text/event-stream")], format="openai-chat", limits=Limits(), array_stream=False
    )
    (chunk,) = response.next_chunks(b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n')
    for mode, types in (("raw", ["stream"]), ("events", ["event"]), ("both", ["stream", "event"])):
        encoder = dialect.encoder("e", "log", mode=mode, listener=told.append)  # type: ignore[arg-type]
        begin = read(encoder.begin(response, Progress(1, 2)))
        assert begin["metadata"]["eventId"] == "e"
        assert begin["metadata"]["logId"] == "log"
        messages = encoder.chunk(
            response, chunk, [event for event in response.read(chunk) if type(event).__name__ == "TextDelta"]
        )
        assert [json.loads(message)["type"].removeprefix("universal.") for message in messages] == types
    assert len(told) == 3
    assert dialect.encoder("e", "log", mode="raw", listener=told.append).reads_everything
    assert not dialect.encoder("e", "log", mode="raw", listener=None).reads_everything


def test_one_dialect_serves_all_sessions() -> None:
    """It has no state: two exchanges under way do not see each other."""
    first, second = (
        dialect.encoder("a", "l1", mode="raw", listener=None),
        dialect.encoder("b", "l2", mode="raw", listener=None),
    )
    assert read(first.refused(FAULT, Progress(0, 1), None))["metadata"]["eventId"] == "a"
    assert read(second.refused(FAULT, Progress(0, 1), None))["metadata"]["eventId"] == "b"
    assert not hasattr(dialect, "__dict__")
