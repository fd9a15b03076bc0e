"""The client's side of one socket: any interleaving of calls and messages."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON

from aigw_drivers.client.errors import ConnectionLost, GatewayError, ProviderError
from aigw_drivers.client.protocol import ClientProtocol, Exchange
from aigw_drivers.client.values import Content
from aigw_sansio import TextDelta


def nothing() -> None:
    pass


def said(kind: str, event_id: str | None = None, **more: object) -> str:
    """A message of the gateway."""
    metadata = {} if event_id is None else {"eventId": event_id}
    metadata |= more.pop("metadata", {})  # type: ignore[arg-type, operator]
    return json.dumps({"type": f"universal.{kind}", "metadata": metadata, **more})


def chunk(event_id: str, size: int = 1) -> str:
    return said("stream", event_id, response="x" * size)


def started(protocol: ClientProtocol, event_id: str, on_change: Callable[[], None] = nothing) -> Exchange:
    """An exchange whose request was sent."""
    exchange = protocol.create(event_id, f"create {event_id}", on_change)
    while protocol.next_message() is not None:
        pass
    return exchange


def test_messages_go_out_in_the_order_of_the_calls() -> None:
    protocol = ClientProtocol()
    first = protocol.create("a", "create a", nothing)
    second = protocol.create("b", "create b", nothing)
    assert (protocol.next_message(), first.sent, second.sent) == ("create a", True, False)
    protocol.cancel(first)
    protocol.cancel(first)
    protocol.ping()
    protocol.ping()
    rest = [protocol.next_message() for _ in range(4)]
    assert rest == ["create b", '{"type":"universal.cancel","eventId":"a"}', '{"type":"universal.ping"}', None]


def test_what_has_ended_is_not_cancelled() -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    protocol.cancel(exchange)
    protocol.receive_message(said("done", "a"))
    assert protocol.next_message() is None


def test_a_running_name_is_not_given_twice() -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    with pytest.raises(ValueError, match="still running"):
        protocol.create("a", "", nothing)
    protocol.withdraw(exchange)  # the gateway may still say something about it
    with pytest.raises(ValueError, match="still running"):
        protocol.create("a", "", nothing)
    protocol.receive_message(said("cancelled", "a"))
    protocol.create("a", "", nothing)


def test_what_was_not_sent_is_cancelled_without_a_word() -> None:
    protocol = ClientProtocol()
    exchange = protocol.create("a", "create a", nothing)
    protocol.withdraw(exchange)
    assert (protocol.next_message(), exchange.ended, exchange.sent, protocol.running) == (None, True, False, 0)


def test_a_stream_gives_its_items_and_its_end() -> None:
    protocol = ClientProtocol()
    changes: list[int] = []
    exchange = started(protocol, "a", lambda: changes.append(1))
    protocol.receive_message(said("created", "a", metadata={"status": 200}))
    assert (exchange.metadata.status, exchange.ended) == (200, False)
    protocol.receive_message(said("event", "a", event={"type": "text.delta", "text": "Hi"}))
    protocol.receive_message(said("event", "a", event={"type": "of.tomorrow", "text": "Hi"}))
    protocol.receive_message(chunk("a"))
    protocol.receive_message(said("done", "a", metadata={"usage": {"input_tokens": 3}}))
    taken = [protocol.take(exchange) for _ in range(3)]
    assert taken == [TextDelta(text="Hi"), Content(b'"x"'), None]
    assert exchange.ended
    assert exchange.failure() is None
    assert exchange.metadata.usage is not None
    assert exchange.metadata.usage.input_tokens == 3
    assert len(changes) == 4  # sent, two items, the end


def test_a_whole_response_is_no_item() -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    protocol.receive_message(said("created", "a", metadata={"status": 200}, response={"x": 1}))
    assert (exchange.response, exchange.failure()) == (Content(b'{"x": 1}'), None)
    assert exchange.ended


ENVELOPE = {"success": False, "result": [], "messages": [], "error": [{"code": 2010, "message": "too much"}]}


@pytest.mark.parametrize(
    ("status", "response", "retryable"),
    [(400, {"error": {}}, False), (404, ENVELOPE | {"success": True}, False), (429, "busy", True), (503, "", True)],
)
def test_a_status_of_300_or_more_is_the_providers_failure(status: int, response: object, retryable: bool) -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    protocol.receive_message(said("created", "a", metadata={"status": status, "attempts": 2}, response=response))
    failure = exchange.failure()
    assert isinstance(failure, ProviderError)
    assert (failure.status, failure.attempts, failure.retryable) == (status, 2, retryable)
    assert failure.body is not None
    assert failure.body.json() == response


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (429, True), (504, True)])
def test_an_envelope_is_the_gateways_refusal(status: int, retryable: bool) -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    protocol.receive_message(said("created", "a", metadata={"status": status}, response=ENVELOPE))
    failure = exchange.failure()
    assert isinstance(failure, GatewayError)
    assert (failure.code, failure.message, failure.status, failure.kind) == (2010, "too much", status, "")
    assert failure.retryable is retryable


@pytest.mark.parametrize(("kind", "raised"), [("provider_error", ProviderError), ("idle_timeout", GatewayError)])
def test_a_stream_that_breaks_off_says_whose_fault_it_is(kind: str, raised: type[Exception]) -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    protocol.receive_message(chunk("a"))
    protocol.receive_message(
        said("error", "a", error={"code": 2005, "message": "why", "kind": kind, "retryable": True})
    )
    failure = exchange.failure()
    assert isinstance(failure, raised)
    assert isinstance(failure, ProviderError | GatewayError)
    assert (failure.message, failure.retryable) == ("why", True)
    assert failure is not exchange.failure()  # each raise has a traceback of its own


@pytest.mark.parametrize("asked", [True, False])
def test_to_be_cancelled_is_a_failure_unless_it_was_asked_for(asked: bool) -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    if asked:
        protocol.cancel(exchange)
    protocol.receive_message(chunk("a"))
    protocol.receive_message(said("cancelled", "a"))
    assert protocol.take(exchange) is not None  # what came before is not lost
    assert exchange.ended
    assert exchange.cancelled is asked
    assert (exchange.failure() is None) is asked


def test_the_end_of_the_socket_ends_all_and_tells_what_was_sent() -> None:
    protocol = ClientProtocol()
    sent = started(protocol, "a")
    unsent = protocol.create("b", "create b", nothing)
    protocol.lost(1001, "going away")
    protocol.lost(1006, "")
    assert (sent.ended, sent.sent, unsent.ended, unsent.sent) == (True, True, True, False)
    failure = sent.failure()
    assert isinstance(failure, ConnectionLost)
    assert (failure.code, failure.reason) == (1001, "going away")
    assert protocol.next_message() is None  # never on this socket
    late = protocol.create("c", "create c", nothing)
    assert (late.ended, late.sent, protocol.next_message(), protocol.running) == (True, False, None, 0)


def test_reading_stops_for_what_nobody_takes_unless_another_waits_with_nothing() -> None:
    protocol = ClientProtocol(exchange_bytes=1000, total_bytes=5000)
    slow, fast = started(protocol, "slow"), started(protocol, "fast")
    protocol.receive_message(chunk("slow", 2000))
    assert not protocol.may_read
    fast.awaited = True
    assert protocol.may_read
    protocol.receive_message(chunk("fast"))
    assert not protocol.may_read  # it has something to take
    protocol.take(fast)
    protocol.receive_message(chunk("slow", 2000))
    assert protocol.may_read
    protocol.receive_message(chunk("slow", 2000))
    assert protocol.held > 5000
    assert not protocol.may_read  # the last resort, whoever waits
    protocol.take(slow)
    assert protocol.may_read
    fast.awaited = False
    assert not protocol.may_read
    protocol.withdraw(slow)
    assert (protocol.may_read, protocol.held) == (True, 0)


def test_what_ended_and_was_not_taken_does_not_stop_the_others() -> None:
    protocol = ClientProtocol(exchange_bytes=1000, total_bytes=5000)
    exchange = started(protocol, "a")
    protocol.receive_message(chunk("a", 3000))
    assert not protocol.may_read
    protocol.receive_message(said("done", "a"))
    assert protocol.may_read
    assert protocol.take(exchange) is not None
    assert protocol.held == 0


KINDS = ["created", "stream", "event", "done", "error", "cancelled", "going_away", "pong", "session", "of_tomorrow"]


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), JSON, st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b"), JSON))),
        max_size=8,
    )
)
def test_no_json_of_a_gateway_raises(messages: list[tuple[str, object, dict[str, object]]]) -> None:
    protocol = ClientProtocol()
    exchange = started(protocol, "a")
    for kind, value, more in messages:
        for metadata in ({"eventId": "a", **more}, value):
            for field in ("response", "event", "error", "deadline_ms"):
                text = json.dumps({"type": f"universal.{kind}", "metadata": metadata, field: value})
                protocol.receive_message(text)
                protocol.receive_message(text[:-1])
        protocol.receive_message(json.dumps(value).encode("utf-8", "surrogatepass"))
        while (item := protocol.take(exchange)) is not None:
            if isinstance(item, Content):
                item.text()
        exchange.failure()
    assert protocol.held == 0


class Script:
    """A program and a gateway that do anything, and what must have come of it."""

    def __init__(self) -> None:
        self.protocol = ClientProtocol(exchange_bytes=300, total_bytes=1000)
        self.exchanges: list[Exchange] = []
        self.out: list[str] = []  # what went out
        self.due: dict[int, list[str]] = {}  # contents that were said and not taken, by exchange
        self.ends: dict[int, str] = {}
        self.left: set[int] = set()
        self.lost = False

    def create(self, _: int) -> None:
        number = len(self.exchanges)
        self.exchanges.append(self.protocol.create(str(number), f"create {number}", nothing))
        self.due[number] = []
        if self.lost:
            self.ends[number] = "lost"

    def hand_out(self, _: int) -> None:
        if (message := self.protocol.next_message()) is not None:
            self.out.append(message)

    def say(self, number: int) -> None:
        self.protocol.receive_message(said("stream", str(number), response=f"{len(self.out)} of {number}"))
        if number in self.living():
            self.due[number].append(f"{len(self.out)} of {number}")

    def finish(self, number: int) -> None:
        self.protocol.receive_message(said("done", str(number)))
        if number in self.living():
            self.ends[number] = "done"

    def fail(self, number: int) -> None:
        self.protocol.receive_message(said("error", str(number), error={"code": 2005}))
        if number in self.living():
            self.ends[number] = "error"

    def take(self, number: int) -> None:
        if number < len(self.exchanges):
            item = self.protocol.take(self.exchanges[number])
            due = self.due[number]
            assert (item.json() if isinstance(item, Content) else item) == (due.pop(0) if due else None)

    def cancel(self, number: int) -> None:
        if number < len(self.exchanges):
            self.protocol.cancel(self.exchanges[number])
            if not self.exchanges[number].sent and number not in self.ends:
                self.ends[number] = "unsent"

    def withdraw(self, number: int) -> None:
        if number < len(self.exchanges):
            self.protocol.withdraw(self.exchanges[number])
            self.due[number] = []
            self.left.add(number)
            if not self.exchanges[number].sent and number not in self.ends:
                self.ends[number] = "unsent"

    def lose(self, number: int) -> None:
        if number == 0:
            self.lost = True
            self.protocol.lost(1006, "")
            for other in range(len(self.exchanges)):
                self.ends.setdefault(other, "lost")

    def living(self) -> set[int]:
        """Exchanges of which the gateway may say something that somebody wants to know."""
        every = range(len(self.exchanges))
        return {number for number in every if f"create {number}" in self.out} - set(self.ends) - self.left

    def check(self) -> None:
        waiting = [text for due in self.due.values() for text in due]
        assert (self.protocol.held > 0) == bool(waiting)
        assert self.protocol.held == sum(exchange.held for exchange in self.exchanges)
        assert len(self.out) == len(set(self.out)), "something went out twice"
        for number, exchange in enumerate(self.exchanges):
            ended = number in self.ends
            assert exchange.ended is ended or number in self.left
            created, cancelled = f"create {number}", f'{{"type":"universal.cancel","eventId":"{number}"}}'
            assert exchange.sent is (created in self.out)
            if cancelled in self.out:
                assert self.out.index(created) < self.out.index(cancelled)
            if number not in self.left:
                how = self.ends.get(number, "done")
                assert isinstance(exchange.failure(), ConnectionLost) is (how == "lost")
                assert isinstance(exchange.failure(), GatewayError) is (how == "error")


MOVES = [
    Script.create, Script.hand_out, Script.say, Script.finish, Script.fail, Script.take, Script.cancel, Script.withdraw,
    Script.lose,
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 4)), max_size=60))
def test_any_interleaving(moves: list[tuple[Callable[[Script, int], None], int]]) -> None:
    script = Script()
    for move, number in [(Script.create, 0), *moves]:
        move(script, number)
        script.check()
    script.lose(0)
    script.check()
    assert script.protocol.running == 0
