"""One exchange: the commit, what is tried next, what the client is told, one end."""

import gc
import gzip
from typing import Any, Literal

import msgspec
import pytest
from tests.rigs.core_rig import CALLER, Rig

from aigw_sansio.config import GatewaySettings, Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.events import (
    AttemptEnded,
    AttemptStarted,
    ExchangeEnded,
    ProviderEvent,
    ProviderEventRead,
    RequestAdmitted,
    ResponseFailed,
    UsageReported,
)
from aigw_sansio.exchanges.exchange import Exchange
from aigw_sansio.exchanges.policy import Policy
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.exchanges.states import ExchangeState
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.ids import ConnId, CustomCost
from aigw_sansio.origin import Origin
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.quota_rules import Counter
from aigw_sansio.quotas.claim import Charge, Claim, Spent, StepQuota
from aigw_sansio.wires.http import Request

ROLE = b'{"choices":[{"index":0,"delta":{"role":"assistant"}}]}'
TOKEN = b'{"choices":[{"index":0,"delta":{"content":"hi"}}]}'
STOP = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
BROKE = b'{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}'
STOPPED = b'{"choices":[{"index":0,"message":{"content":""},"finish_reason":"error"}]}'
USAGE = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
ERROR = b'{"error":{"message":"too busy"}}'
CANCEL = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled by the client")
S = ExchangeState


def policy(**more: Any) -> Policy:
    settings: dict[str, Any] = {
        "connect_s": 10.0, "first_byte_s": 5.0, "idle_s": 30.0, "total_s": None,
        "attempts": 1, "delay_s": 0.0, "backoff": "constant", "response": "raw", **more,
    }  # fmt: skip
    return Policy(**settings)


class Client(Rig):
    """The session and the way to the client of one exchange, over the hand-driven pool."""

    def __init__(
        self, *steps: dict[str, Any], limits: Limits | None = None, listen: bool = False, format: str = "openai-chat"
    ) -> None:
        super().__init__(limits, emit_provider_events=listen)
        self.messages: list[dict[str, Any]] = []
        self.accounted = 0
        self.ends: list[Exchange] = []
        self.dropped = 0
        plan = [
            PlannedStep(
                ProviderCall(
                    "openai",
                    Origin("https", f"up{index}.test", 443, None, "off"),
                    Request(b"POST", b"https", b"up.test", b"/v1", [], b"{}"),
                    format,
                    False,
                ),
                policy(**step),
            )
            for index, step in enumerate(steps or ({},))
        ]
        self.exchange_ = Exchange(
            self.services,
            self.pool,
            caller=CALLER,
            config=self.services.config,
            owner=self,
            outlet=self,
            encoder=UniversalEncoder("e", "log", mode=plan[0].policy.response, listener=self.emit if listen else None),
            event_id="e",
            log_id="log",
            steps=plan,
            request_bytes=2,
            now=0.0,
        )
        self.exchange_.start(0.0)

    def emit(self, events: list[ProviderEvent]) -> None:
        for event in events:
            self.services.emit(ProviderEventRead("log", event))

    # the exchange's outlet and owner

    def post(self, exchange: Exchange, messages: list[bytes], now: float) -> None:
        self.messages += [msgspec.json.decode(message) for message in messages]

    def discard(self, exchange: Exchange) -> None:
        self.dropped += 1

    def account(self, delta: int) -> None:
        self.accounted += delta

    def exchange_ended(self, exchange: Exchange, now: float) -> None:
        self.ends.append(exchange)

    # the test's view

    @property
    def state(self) -> ExchangeState:
        return self.exchange_.state

    def stands_at(self, state: ExchangeState) -> bool:
        return self.state is state

    @property
    def types(self) -> list[str]:
        """Messages without the protocol's prefix."""
        return [message["type"].removeprefix("universal.") for message in self.messages]

    @property
    def last(self) -> dict[str, Any]:
        return self.messages[-1]

    @property
    def latest(self) -> int:
        """The connection dialled last."""
        return max(self.connections)

    def events_of(self, kind: type) -> list[Any]:
        self.effects()
        return [event for event in self.events if type(event) is kind]

    def ended(self) -> ExchangeEnded:
        """The one end; nothing of the exchange is left."""
        (event,) = self.events_of(ExchangeEnded)
        assert self.ends == [self.exchange_]
        assert self.state is S.ENDED
        assert self.accounted == 0
        kept = {type(one).__name__ for one in gc.get_referents(self.exchange_)}  # its last messages may wait for long
        assert not kept & {"Attempt", "FinalResponse", "ProviderResponse"}
        assert isinstance(event, ExchangeEnded)
        return event

    def stream(self, *chunks: bytes) -> None:
        """A stream begins, with ``chunks``."""
        self.connect(self.latest)
        self.receive(self.latest, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n")
        self.chunks(*chunks)

    def begin(self, *chunks: bytes) -> None:
        """The last attempt's response begins with ``chunks``; more could follow."""
        self.connect(self.latest)
        self.receive(self.latest, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n")
        self.chunks(*chunks)

    def chunks(self, *chunks: bytes) -> None:
        self.receive(self.latest, b"".join(b"data: %b\n\n" % chunk for chunk in chunks))

    def eof(self) -> None:
        self.connections[ConnId(self.latest)].receive_eof(self.now)
        self.services.run_deferred(self.now)

    def whole(self, status: int, body: bytes = b'{"ok":1}', *fields: bytes) -> None:
        self.connect(self.latest)
        head = [b"HTTP/1.1 %d X" % status, b"content-type: application/json", b"content-length: %d" % len(body)]
        self.receive(self.latest, b"\r\n".join([*head, *fields, b"", body]))


def reach(client: Client, state: ExchangeState) -> None:
    """Bring a new exchange to ``state``; for BACKOFF its policy has two attempts and a delay of 1 s."""
    if state is S.PLACING:
        pass
    elif state is S.SENDING:
        client.connections[ConnId(1)].connected("http/1.1", client.now)
    elif state is S.WAITING:
        client.connect(1)
    elif state is S.READING:
        client.stream(ROLE)
    elif state is S.STREAMING:
        client.stream(TOKEN)
    elif state is S.BACKOFF:
        client.whole(503)
    assert client.state is state


LIVE = [state for state in S if state is not S.ENDED]


# -- the commit -----------------------------------------------------------------------------------------------------


def test_lifecycle_is_held_until_the_first_content() -> None:
    client = Client()
    client.stream(ROLE, ROLE)
    assert client.messages == []
    assert client.stands_at(S.READING)
    assert client.accounted > 2 * len(ROLE), "what is held is on account"
    client.chunks(TOKEN)
    assert client.types == ["created", "stream", "stream", "stream"]
    assert client.stands_at(S.STREAMING)
    assert client.accounted == 0
    created = client.messages[0]["metadata"]
    assert "response" not in client.messages[0]
    assert created["contentType"] == "text/event-stream"
    assert (created["eventId"], created["logId"], created["cacheStatus"]) == ("e", "log", "MISS")
    assert [message["response"] for message in client.messages[1:]] == [
        msgspec.json.decode(chunk) for chunk in (ROLE, ROLE, TOKEN)
    ]


@pytest.mark.parametrize("cut", [1, 10, 1000])
def test_the_commit_is_blind_to_cuts(cut: int) -> None:
    client = Client()
    client.stream()
    body = b"".join(b"data: %b\n\n" % chunk for chunk in (ROLE, TOKEN, TOKEN, USAGE))
    for at in range(0, len(body), cut):
        client.receive(1, body[at : at + cut])
    client.eof()
    assert client.types == ["created", *["stream"] * 4, "done"]
    assert client.ended().chunks == 4


def test_more_than_may_be_held_commits() -> None:
    message = len(b'{"type":"universal.stream","metadata":{"eventId":"e"},"response":}') + len(ROLE)
    client = Client(limits=Limits(held_bytes=2 * message))
    client.stream(ROLE, ROLE)
    assert client.messages == [], "exactly the limit is allowed"
    client.chunks(ROLE)
    assert client.types == ["created", "stream", "stream", "stream"]


def test_an_error_as_the_first_content_fails_the_attempt() -> None:
    client = Client()
    client.stream(ROLE, ERROR)
    assert client.types == ["created"], "what was held is gone"
    assert client.last["response"] == msgspec.json.decode(ERROR)
    assert client.last["metadata"]["status"] == 502
    end = client.ended()
    assert (end.how, end.by, end.status) == ("created", "provider", 502)
    assert end.fault is not None
    assert (end.fault.kind, end.fault.detail) == (FaultKind.PROVIDER_ERROR, "too busy")


def test_an_error_after_the_commit_goes_out_and_is_repeated() -> None:
    client = Client({"attempts": 3}, {})
    client.stream(TOKEN, ERROR, TOKEN)
    assert client.types == ["created", "stream", "stream", "error"]
    assert client.messages[2]["response"] == msgspec.json.decode(ERROR)
    assert client.last["error"]["message"] == "too busy"
    assert client.last["error"]["code"] == 2005
    end = client.ended()
    assert (end.how, end.by, end.status, end.attempts) == ("error", "provider", 200, 1)


@pytest.mark.parametrize("chunks", [(ROLE,), (ROLE, USAGE), (ROLE, STOP), (STOP, USAGE)])
def test_a_clean_end_without_content_is_no_failure(chunks: tuple[bytes, ...]) -> None:
    client = Client({"attempts": 2}, {})
    client.stream(*chunks)
    client.eof()
    assert client.types == ["created", *["stream"] * len(chunks), "done"]
    assert client.ended().fault is None


@pytest.mark.parametrize(("body", "said"), [
    (b"", None), (b": ping\n\n", None), (b"data: [DONE]\n\n", None), (b'data: {"choices":[{"ind', None),
    (b"data: ping\n\n", "ping"), (b'event: ping\ndata: {}\n\n', {}), (b'data: {"type":"ping"}\n\n', {"type": "ping"}),
    (b"Internal Server Error", "Internal Server Error"), (b"<html>\n<p>502</p>", "<html>\n<p>502</p>"),
    (b"data: upstream error: 503\n\ndata: [DONE]\n\n", "upstream error: 503"),
    (b"data: %b\n\ndata: oh no\n\n" % ROLE, "oh no"),
    (b"data: %b\n\ndata: [DONE]\n\n" % BROKE, msgspec.json.decode(BROKE)),
])  # fmt: skip
@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_stream_that_says_nothing_is_a_failed_attempt(body: bytes, said: object, mode: str) -> None:
    client = Client({"attempts": 2, "response": mode})
    for number in (1, 2):
        assert len(started(client)) == number
        client.stream()
        client.receive(client.latest, body)
        if not client.ends:
            client.eof()
        client.pass_time(0)
    metadata = client.last["metadata"]
    assert (client.last["type"], metadata["status"], metadata["attempts"]) == ("universal.created", 502, 2)
    assert "finishReason" not in metadata
    if said is None:
        assert client.last["response"]["error"][0]["code"] == 2005
    else:
        assert client.last["response"] == said
    failed = [message["event"] for message in client.messages[:-1]]
    assert [event["type"] for event in failed] == (["response.failed"] if mode == "events" else [])


@pytest.mark.parametrize("mode", ["raw", "events", "both"])
@pytest.mark.parametrize("end", ["done", "message_done", "eof", "reset", "silence", "idle", "total"])
def test_what_ends_a_response_that_has_finished_does_not_matter(end: str, mode: str) -> None:
    client = Client(
        {"response": mode, "idle_s": 2.0 if end == "idle" else 30.0, "total_s": 4.0 if end == "total" else None}
    )
    chunked = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    client.connect(1)
    body = b"".join(b"data: %b\n\n" % chunk for chunk in (TOKEN, STOP, USAGE))
    body += b"data: [DONE] \n\n" if end == "done" else b""
    client.receive(1, chunked + b"%x\r\n%b\r\n" % (len(body), body))
    assert bool(client.ends) is (end == "done")
    if end == "eof":
        client.eof()
    elif end == "message_done":
        client.receive(1, b"d\r\ndata: [DONE]\n\r\n0\r\n\r\n")
    elif end == "reset":
        client.connections[ConnId(1)].connection_lost("reset", client.now)
    elif end == "silence":
        client.pass_time(4.9)
        assert not client.ends
    client.pass_time(5)
    assert client.types[-1] == "done"
    metadata = client.last["metadata"]
    assert metadata["finishReason"] == "stop"
    assert metadata["usage"] == {"input_tokens": 3, "output_tokens": 4, "quality": "final"}
    events = [message["event"]["type"] for message in client.messages if message["type"] == "universal.event"]
    assert events.count("response.finished") == (mode != "raw")
    assert "response.failed" not in events
    assert client.ended().fault is None


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_stop_beside_tool_calls_is_none_in_any_mode(mode: str) -> None:
    call = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}'
    client = Client({"response": mode})
    client.stream(TOKEN, TOKEN, call, STOP, b"[DONE]")
    assert client.last["metadata"]["finishReason"] == "tool_calls"


def test_content_behind_a_finish_takes_it_back() -> None:
    client = Client({"idle_s": 60.0})
    client.stream(TOKEN, STOP)
    client.pass_time(4)
    client.chunks(TOKEN)
    client.pass_time(20)
    assert not client.ends
    client.chunks(STOP)
    client.pass_time(4)
    client.receive(1, b": ping\n\n")
    client.pass_time(1.1)
    assert client.types == ["created", *["stream"] * 4, "done"]


def test_nothing_behind_the_terminator_reaches_the_client_and_the_connection_is_kept() -> None:
    client = Client()
    client.connect(1)
    client.receive(1, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 5000\r\n\r\n")
    body = b"data: %b\n\ndata: [DONE]\n\n" % TOKEN
    client.receive(1, body + b"data: %b\n\n" % TOKEN)
    assert client.types == ["created", "stream", "done"]
    client.receive(1, b" " * (5000 - len(body) - len(TOKEN) - 8))
    assert "abort 1" not in client.short()
    assert client.connections[ConnId(1)].idle
    client.pass_time(2)
    assert client.connections[ConnId(1)].capacity == 1


@pytest.mark.parametrize("how", ["time", "bytes"])
def test_a_connection_that_goes_on_behind_the_terminator_is_given_up(how: str) -> None:
    client = Client()
    client.stream(TOKEN, b"[DONE]")
    client.ended()
    assert "abort 1" not in client.short()
    if how == "time":
        client.pass_time(1.1)
    else:
        client.receive(1, b"x" * 65_536)
        assert "abort 1" not in client.short()
        client.receive(1, b"x")
    assert "abort 1" in client.short()


def test_a_whole_document_in_a_stream_is_one_chunk_and_an_error_only_if_it_reads_as_one() -> None:
    whole = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
    for body in (whole, b"data: %b\n\n" % whole, b"%bdata: [DONE]\n\n" % whole):
        client = Client({"attempts": 2, "response": "both"})
        client.stream()
        client.receive(1, body)
        if not client.ends:
            client.eof()
        assert [kind for kind in client.types if kind != "event"] == ["created", "stream", "done"]
        assert client.last["metadata"]["finishReason"] == "stop"
    client = Client({"response": "events"})
    client.stream()
    client.receive(1, b'{"error":{"code":429,"message":"slow down"}}')
    client.eof()
    assert client.last["metadata"]["status"] == 429


@pytest.mark.parametrize(("error", "status", "again"), [
    (b'{"error":{"type":"authentication_error","message":"x"}}', 401, False),
    (b'{"error":{"type":"invalid_request_error","message":"x"}}', 400, False),
    (b'{"error":{"type":"overloaded_error","message":"x"}}', 503, True),
    (b'{"error":{"code":"rate_limit_exceeded","message":"x"}}', 429, True),
    (b'{"error":{"code":418,"message":"x"}}', 418, False),
    (b'{"error":{"message":"oh"}}', 502, True),
    (b'{"base_resp":{"status_code":1004,"status_msg":"login"}}', 401, False),
])  # fmt: skip
@pytest.mark.parametrize("where", ["first", "whole", "late"])
def test_the_class_of_an_error_decides_everywhere(error: bytes, status: int, again: bool, where: str) -> None:
    client = Client({"attempts": 2, "response": "events"})
    for _ in range(2 if again and where != "late" else 1):
        if where == "whole":
            client.whole(200, error)
        else:
            client.stream(*([TOKEN] if where == "late" else []), error)
    end = client.ended()
    assert end.fault is not None
    assert end.fault.retryable is again
    if where == "late":
        assert client.last["error"]["retryable"] is again
    else:
        assert (client.last["metadata"]["status"], end.attempts) == (status, 1 + again)
    events = [message["event"] for message in client.messages if message["type"] == "universal.event"]
    assert [event["type"] for event in events if event["type"] in ("response.finished", "response.failed")] == [
        "response.failed"
    ]


@pytest.mark.parametrize(("status", "field", "attempts"), [
    (503, b"x-should-retry: false", 1), (400, b"x-should-retry: true", 2), (503, b"x-should-retry: soon", 2),
])  # fmt: skip
def test_the_provider_decides_about_a_retry(status: int, field: bytes, attempts: int) -> None:
    client = Client({"attempts": 2})
    for _ in range(attempts):
        client.whole(status, b"{}", field)
    assert client.ended().attempts == attempts


@pytest.mark.parametrize("how", ["status", "first error"])
def test_a_body_may_ask_for_the_delay(how: str) -> None:
    body = b'{"error":{"code":429,"message":"quota","details":[{"retryDelay":"3s"}]}}'
    client = Client({"attempts": 2})
    if how == "status":
        client.whole(429, body)
    else:
        client.stream(body)
    client.pass_time(2.9)
    assert client.stands_at(S.BACKOFF)
    client.pass_time(0.2)
    assert len(started(client)) == 2


@pytest.mark.parametrize(
    "field", [b"retry-after: 6", b"retry-after-ms: 5001", b"retry-after: Friday, 31-Dec-40 23:59:59 GMT"]
)
def test_a_provider_that_asks_for_more_is_not_tried_again(field: bytes) -> None:
    client = Client({"attempts": 3}, {})
    client.whole(429, b"{}", field)
    assert started(client)[-1] == (1, 2), "the next step follows at once"


@pytest.mark.parametrize("how", ["connect failed", "500", "404"])
def test_events_tell_of_every_failure(how: str) -> None:
    client = Client({"response": "events"})
    fail(client, how)
    assert client.types == ["event", "created"]
    assert client.messages[0]["event"]["type"] == "response.failed"


def test_usage_is_told_whatever_ends_it() -> None:
    running = TOKEN[:-1] + b',"usage":{"prompt_tokens":3,"completion_tokens":1}}'
    for end in ("error", "cancelled"):
        client = Client({"response": "both"})
        client.connect(1)
        client.receive(1, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n")
        client.chunks(running)
        if end == "error":
            client.eof()
        else:
            client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, client.now)
        assert client.types[-1] == end
        assert client.last["metadata"]["usage"] == {"input_tokens": 3, "output_tokens": 1, "quality": "partial"}
        failed = [message for message in client.messages if message.get("event", {}).get("type") == "response.failed"]
        assert [message["event"]["kind"] for message in failed] == [
            "incomplete_body" if end == "error" else "cancelled"
        ]


@pytest.mark.parametrize("ends", ["break", "total timeout"])
def test_usage_of_what_broke_off_before_its_first_content_is_told(ends: str) -> None:
    client = Client({"total_s": 20.0}, format="anthropic-messages")
    start = b'{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}'
    client.connect(1)
    client.receive(1, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n")
    client.chunks(start)
    if ends == "break":
        client.eof()
    else:
        client.pass_time(20)
    assert client.types == ["created"]
    usage = {"input_tokens": 5, "output_tokens": 1, "quality": "partial"}
    assert client.last["metadata"]["usage"] == usage
    assert client.ended().usage == UsageReported(5, 1, quality="partial")


def test_an_empty_200_to_a_request_with_a_body_is_no_response() -> None:
    client = Client({"attempts": 2})
    client.whole(200, b"")
    client.whole(200, b" ")
    metadata = client.last["metadata"]
    assert (client.types, metadata["attempts"], metadata["status"]) == (["created"], 2, 502)
    for status, format in ((202, "openai-chat"), (200, "unknown")):
        client = Client(format=format)
        client.whole(status, b"")
        assert (client.last["metadata"]["status"], client.last["response"]) == (status, "")


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("how", ["cancelled", "gone"])
def test_events_tell_of_a_cancel(how: Literal["cancelled", "gone"], state: ExchangeState) -> None:
    """In every state, once; and to a host that listens also if the client is gone."""
    for format in ("openai-chat", "unknown"):
        if format == "unknown" and state is S.READING:
            continue  # its first chunk commits
        client = Client({"response": "events", "attempts": 2, "delay_s": 1.0}, {}, listen=True, format=format)
        reach(client, state)
        before = len(client.messages)
        client.exchange_.cancel(how, Side.CLIENT, CANCEL, client.now)
        told = [message["event"] for message in client.messages[before:-1]]
        heard = [event.event for event in client.events_of(ProviderEventRead) if type(event.event) is ResponseFailed]
        wanted = ["cancelled"] if format != "unknown" else []
        assert [event["kind"] for event in told] == (wanted if how == "cancelled" else [])
        assert [event.kind for event in heard if event.kind == "cancelled"] == wanted


def test_a_cancel_behind_the_finish_tells_the_finish() -> None:
    client = Client({"response": "events"})
    client.stream(TOKEN, STOP, USAGE)
    client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, client.now)
    events = [message["event"]["type"] for message in client.messages if "event" in message]
    assert events == ["response.started", "text.delta", "usage", "response.finished"]
    assert client.last["metadata"]["usage"]["quality"] == "final"


def test_a_break_before_the_commit_is_a_failed_attempt_and_after_it_an_error() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    for chunk, types in ((ROLE, []), (TOKEN, ["created", "stream", "error"])):
        client = Client({}, {})
        client.connect(1)
        piece = b"data: %b\n\n" % chunk
        client.receive(1, chunked + b"%x\r\n%b\r\n" % (len(piece), piece))
        client.eof()
        assert client.types == types
        if types:
            assert client.last["error"]["kind"] == "incomplete_body"
            assert client.ended().how == "error"
        else:
            assert client.latest == 2
            assert client.state is S.PLACING


# -- what is tried next ---------------------------------------------------------------------------------------------

FAILURES = {
    "connect failed": True, "connect timeout": True, "first byte timeout": True, "idle timeout": True, "break": True,
    "no HTTP": True, "a bad chunk": True, "corrupt gzip": True, "short gzip": True, "a short message": True,
    "a bad message": True, "too large": False,
    "first error": True, "coding": False, "300": False, "307": False, "400": False, "401": False, "404": False,
    "408": True, "409": True, "422": False, "429": True, "500": True, "502": True, "503": True, "529": True,
}  # fmt: skip


_JSON = b"content-type: application/json\r\n"
_AWS = b"content-type: application/vnd.amazon.eventstream\r\n"
#: Bodies that break off, or break a framing: fields of the head, and what follows it.
BROKEN = {
    "no HTTP": (b"", b"SSH-2.0-OpenSSH\r\n"),
    "a bad chunk": (_JSON + b"transfer-encoding: chunked\r\n", b"zz\r\n"),
    "corrupt gzip": (_JSON + b"content-encoding: gzip\r\n", b"no gzip at all"),
    "short gzip": (_JSON + b"content-encoding: gzip\r\n", gzip.compress(b'{"a":1}')[:-9]),
    "a short message": (_AWS, b"\0\0\0\x20"),
    "a bad message": (_AWS, b"\0\0\0\x20\0\0\0\0\0\0\0\0" + b"x" * 20),
    "too large": (_JSON + b"content-length: 99999999\r\n", b"{"),
}


def fail(client: Client, how: str) -> None:
    """The attempt under way fails."""
    conn = client.latest
    if how == "connect failed":
        client.connections[ConnId(conn)].connect_failed("no route", client.now)
        client.services.run_deferred(client.now)
    elif how == "connect timeout":
        client.pass_time(10)
    elif how == "first byte timeout":
        client.connect(conn)
        client.pass_time(5)
    elif how == "idle timeout":
        client.stream(ROLE)
        client.pass_time(30)
    elif how == "break":
        client.connect(conn)
        client.receive(conn, b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
        client.eof()
    elif how in BROKEN:
        fields, body = BROKEN[how]
        client.connect(conn)
        client.receive(conn, b"".join((b"HTTP/1.1 200 OK\r\n", fields, b"\r\n", body)) if fields else body)
        if client.latest == conn:  # else its connection has gone
            client.eof()
    elif how == "first error":
        client.stream(ERROR)
    elif how == "coding":
        client.whole(200, b"x", b"content-encoding: br")
    else:
        client.whole(int(how), b'{"status":%d}' % int(how))


def started(client: Client) -> list[tuple[int, int]]:
    """(step, attempt) of all attempts so far."""
    return [(event.step, event.attempt) for event in client.events_of(AttemptStarted)]


@pytest.mark.parametrize(("how", "retried"), FAILURES.items())
def test_which_failures_are_tried_again(how: str, retried: bool) -> None:
    client = Client({"attempts": 2}, {})
    fail(client, how)
    assert started(client)[1:] == [(0, 2) if retried else (1, 2)]
    assert client.messages == []


@pytest.mark.parametrize("how", FAILURES)
def test_after_its_last_try_any_failure_goes_to_the_next_step(how: str) -> None:
    client = Client({}, {})
    fail(client, how)
    assert started(client) == [(0, 1), (1, 2)]
    client.whole(200, b'{"fine":1}')
    metadata = client.last["metadata"]
    assert (client.types, client.last["response"]) == (["created"], {"fine": 1})
    assert (metadata["step"], metadata["attempts"], metadata["status"]) == ("1", 2, 200)
    end = client.ended()
    assert (end.how, end.by, end.step, end.attempts, end.fault) == ("created", "provider", 1, 2, None)


def test_every_step_has_its_own_tries() -> None:
    client = Client({"attempts": 2}, {"attempts": 3}, {})
    for _ in range(5):
        fail(client, "503")
    assert started(client) == [(0, 1), (0, 2), (1, 3), (1, 4), (1, 5), (2, 6)]


@pytest.mark.parametrize(("most", "wanted"), [
    (20, [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6), (2, 7), (2, 8), (2, 9)]),
    (9, [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6), (2, 7), (2, 8), (2, 9)]),
    (8, [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6), (2, 7), (2, 8)]),
    (5, [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5)]),
    (4, [(0, 1), (0, 2), (1, 3), (2, 4)]),
    (3, [(0, 1), (1, 2), (2, 3)]),
])  # fmt: skip
def test_each_later_step_keeps_one_of_the_attempts_of_an_exchange(most: int, wanted: list[tuple[int, int]]) -> None:
    client = Client({"attempts": 3}, {"attempts": 3}, {"attempts": 3}, limits=Limits(attempts_per_exchange=most))
    for _ in wanted:
        fail(client, "503")
    assert started(client) == wanted
    assert client.ended().attempts == len(wanted)


@pytest.mark.parametrize("how", FAILURES)
def test_what_is_shown_where_the_only_try_failed(how: str) -> None:
    client = Client()
    fail(client, how)
    assert client.types == ["created"]
    metadata, response = client.last["metadata"], client.last["response"]
    status = int(how) if how.isdigit() else 504 if "timeout" in how else 502
    assert metadata["status"] == status
    if how.isdigit():
        assert response == {"status": int(how)}
    elif how == "first error":
        assert response == msgspec.json.decode(ERROR)
        assert metadata["contentType"] == "text/event-stream"
    else:
        assert response["success"] is False
        assert response["error"][0]["code"] == 2005
        assert metadata["contentType"] == "application/json"
    end = client.ended()
    assert (end.how, end.by, end.status) == ("created", "provider", status)
    assert end.fault is not None
    (attempt,) = client.events_of(AttemptEnded)
    assert attempt.fault == end.fault


@pytest.mark.parametrize(
    "body", [ERROR, b"<html>", b'{"choices":[{"ind', b'{"choices":null,"base_resp":{"status_code":1000}}', STOPPED]
)
def test_a_whole_2xx_that_is_none_is_a_failed_attempt(body: bytes) -> None:
    client = Client({"attempts": 2}, {})
    client.whole(200, body)
    client.whole(200, body)
    client.whole(200, b"{}")
    assert client.last["response"] == {}
    end = client.ended()
    assert (end.fault, end.attempts) == (None, 3)


def test_of_an_unknown_format_a_whole_2xx_is_a_success_whatever_it_says() -> None:
    client = Client({"attempts": 2}, format="unknown")
    client.whole(200, ERROR)
    assert client.last["response"] == msgspec.json.decode(ERROR)
    assert client.ended().fault is None


@pytest.mark.parametrize(
    ("failures", "step", "status", "response"),
    [
        (("500", "404"), "1", 404, {"status": 404}),
        (("500", "connect failed"), "0", 500, {"status": 500}),
        (("first error", "connect timeout"), "0", 502, msgspec.json.decode(ERROR)),
        (("500", "first error"), "1", 502, msgspec.json.decode(ERROR)),
        (("connect failed", "connect timeout"), "1", 504, None),
        (("connect timeout", "connect failed"), "1", 502, None),
    ],
)
def test_if_all_failed_the_last_answer_of_a_provider_is_shown(
    failures: tuple[str, str], step: str, status: int, response: object
) -> None:
    client = Client({}, {})
    for how in failures:
        fail(client, how)
    metadata = client.last["metadata"]
    assert (metadata["step"], metadata["status"], metadata["attempts"]) == (step, status, 2)
    if response is None:
        assert client.last["response"]["error"][0]["code"] == 2005
    else:
        assert client.last["response"] == response
    end = client.ended()
    assert (end.step, end.attempts, end.status) == (1, 2, status), "the event names the step tried last"


@pytest.mark.parametrize(
    ("backoff", "delays"), [("constant", [1, 1, 1]), ("linear", [1, 2, 3]), ("exponential", [1, 2, 4])]
)
def test_delays_grow_as_asked(backoff: str, delays: list[int]) -> None:
    client = Client({"attempts": 4, "delay_s": 1.0, "backoff": backoff})
    for number, delay in enumerate(delays, 1):
        client.whole(503)
        assert client.state is S.BACKOFF
        client.pass_time(delay - 0.01)
        assert len(started(client)) == number
        client.pass_time(0.02)
        assert started(client)[-1] == (0, number + 1)
    client.whole(503)
    assert client.ended().attempts == 4


@pytest.mark.parametrize(("status", "asked", "waits"), [(503, 3, 3), (429, 5, 5), (503, 0, 1)])
def test_a_provider_may_ask_for_a_longer_delay_up_to_5_s(status: int, asked: int, waits: int) -> None:
    client = Client({"attempts": 2, "delay_s": 1.0})
    client.whole(status, b"{}", b"retry-after: %d" % asked)
    client.pass_time(waits - 0.01)
    assert client.state is S.BACKOFF
    client.pass_time(0.02)
    assert len(started(client)) == 2


def test_retry_after_does_not_delay_the_next_step() -> None:
    client = Client({}, {})
    client.whole(503, b"{}", b"retry-after: 3")
    assert len(started(client)) == 2


def test_the_last_attempt_of_the_last_step_waits_for_its_first_byte_where_retries_were_asked_for() -> None:
    client = Client({"attempts": 2})
    fail(client, "first byte timeout")
    client.connect(client.latest)
    client.pass_time(29)
    assert client.state is S.WAITING
    once = Client()
    fail(once, "first byte timeout")
    assert once.ended().fault is not None
    few = Client({"attempts": 5}, limits=Limits(attempts_per_exchange=2))
    fail(few, "first byte timeout")
    few.connect(few.latest)
    few.pass_time(29)
    assert few.state is S.WAITING, "no attempt is left"


def test_the_operators_first_byte_timeout_holds_for_the_last_attempt_too() -> None:
    client = Client({"attempts": 2, "first_byte_ceiling_s": 6.0})
    fail(client, "first byte timeout")
    client.connect(client.latest)
    client.pass_time(5.9)
    assert client.state is S.WAITING
    client.pass_time(0.2)
    assert client.ended().attempts == 2


# -- what the client is told ----------------------------------------------------------------------------------------


def test_step_attempts_and_status_are_in_every_message_that_has_them() -> None:
    client = Client({"attempts": 2}, {})
    fail(client, "503")
    fail(client, "503")
    client.stream(TOKEN)
    client.eof()
    assert client.types == ["created", "stream", "done"]
    for message in (client.messages[0], client.last):
        metadata = message["metadata"]
        assert (metadata["step"], metadata["attempts"], metadata["status"]) == ("1", 3, 200)
    assert client.messages[1]["metadata"] == {"eventId": "e"}
    (admitted,) = client.events_of(RequestAdmitted)
    assert admitted.steps == 2


@pytest.mark.parametrize("mode", ["raw", "events", "both"])
def test_the_three_forms_of_a_stream(mode: str) -> None:
    client = Client({"response": mode})
    client.stream(TOKEN, STOP, USAGE)
    client.eof()
    assert client.types[0] == "created"
    assert client.types[-1] == "done"
    raw = [message["response"] for message in client.messages if message["type"] == "universal.stream"]
    events = [message["event"]["type"] for message in client.messages if message["type"] == "universal.event"]
    assert raw == ([] if mode == "events" else [msgspec.json.decode(chunk) for chunk in (TOKEN, STOP, USAGE)])
    assert ("text.delta" in events, "usage" in events) == (mode != "raw", mode != "raw")
    assert client.last["metadata"]["usage"] == {"input_tokens": 3, "output_tokens": 4, "quality": "final"}


@pytest.mark.parametrize("mode", ["raw", "events", "both"])
def test_events_of_a_whole_answer_precede_its_created(mode: str) -> None:
    body = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    client = Client({"response": mode})
    client.whole(200, body)
    assert client.types[-1] == "created"
    assert client.last["response"] == msgspec.json.decode(body), "in every mode"
    events = [message["event"]["type"] for message in client.messages[:-1]]
    if mode == "raw":
        assert events == []
    else:
        assert {"text.delta", "usage", "response.finished"} <= set(events)


@pytest.mark.parametrize("complete", [True, False])
def test_usage_is_final_only_where_the_answer_came_to_its_end(complete: bool) -> None:
    client = Client()
    client.stream(TOKEN, USAGE, *([STOP] if complete else []))
    if complete:
        client.eof()
    else:
        client.exchange_.cancel("cancelled", "client", CANCEL, client.now)
    assert client.ended().usage == UsageReported(3, 4, quality="final" if complete else "partial")
    assert client.last["metadata"]["usage"]["quality"] == ("final" if complete else "partial")


class Charges:
    """What is charged, of each step."""

    def __init__(self, client: Client, prices: list[CustomCost | None], charges: tuple[Charge, ...] = ()) -> None:
        self.charged: list[Spent] = []
        self.ended: list[Spent] = []
        claim = Claim("a/g", GatewaySettings())
        claim.keeper = self
        client.exchange_._steps = [
            step._replace(price=price, call=msgspec.structs.replace(step.call, quota=StepQuota(claim, (), charges)))
            for step, price in zip(client.exchange_._steps, prices, strict=True)
        ]

    def charge(self, quota: StepQuota, spent: Spent, now: float) -> None:
        self.charged.append(spent)

    def finish(self, quota: StepQuota, spent: Spent, now: float) -> None:
        self.ended.append(spent)


@pytest.mark.parametrize(
    ("price", "tried", "last"),
    [
        (CustomCost(per_token_in=2.0), [Spent(6, 10_000_000_000), Spent(6, 10_000_000_000)], Spent()),
        (CustomCost(total_cost=7.0), [Spent(6), Spent(6)], Spent(0, 7_000_000_000)),  # of all tries together
        (None, [Spent(6), Spent(6)], Spent()),
    ],
)
def test_each_try_that_reported_usage_is_charged_once(
    price: CustomCost | None, tried: list[Spent], last: Spent
) -> None:
    client = Client({}, {}, format="anthropic-messages")
    charges = Charges(client, [price, price])
    start = b'{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}'
    for _ in range(2):
        client.begin(start)
        client.eof()
    assert charges.charged == tried
    assert charges.ended == [last]
    assert client.ended().usage is not None  # the last one's, as it always was


def test_a_try_that_is_running_is_charged_at_its_end() -> None:
    client = Client({}, {}, format="anthropic-messages")
    charges = Charges(client, [CustomCost(per_token_in=2.0)] * 2)
    start = b'{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}'
    client.begin(start)
    client.eof()
    client.begin(start)
    client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, client.now)
    assert (charges.charged, charges.ended) == ([Spent(6, 10_000_000_000)], [Spent(6, 10_000_000_000)])


@pytest.mark.parametrize(
    ("state", "tokens"), [(S.PLACING, 0), (S.SENDING, 0), (S.WAITING, 1), (S.READING, 1), (S.BACKOFF, 0)]
)
@pytest.mark.parametrize("how", ["cancelled", "fault"])
def test_a_request_that_its_provider_has_is_charged_also_if_it_is_cut_short(
    state: ExchangeState, tokens: int, how: str
) -> None:
    client = Client({"attempts": 2, "delay_s": 1.0})
    counter = Counter(gateway="a/g", rule="r", value="", amount=0, limit=9, interval_s=60, sliding=True)
    charges = Charges(client, [None], (Charge("tokens", counter),))
    client.exchange_._attempt._call = client.exchange_._steps[0].call  # type: ignore[union-attr]
    reach(client, state)
    if how == "cancelled":
        client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, client.now)
    else:
        client.exchange_.fail(Fault(FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, "x", retryable=True), client.now)
    assert sum(spent.tokens for spent in (*charges.charged, *charges.ended)) == tokens


def test_each_try_that_timed_out_is_charged() -> None:
    client = Client({"attempts": 2, "first_byte_ceiling_s": 5.0})
    counter = Counter(gateway="a/g", rule="r", value="", amount=0, limit=9, interval_s=60, sliding=True)
    charges = Charges(client, [None], (Charge("tokens", counter),))
    client.exchange_._attempt._call = client.exchange_._steps[0].call  # type: ignore[union-attr]
    for _ in range(2):
        client.connect(client.latest)
        client.pass_time(6.0)
    assert [spent.tokens for spent in charges.charged] == [1, 1]
    assert [spent.tokens for spent in charges.ended] == [0]


def test_usage_is_left_out_when_unknown() -> None:
    client = Client()
    client.whole(200, b"{}")
    assert "usage" not in client.last["metadata"]
    assert client.ended().usage is None


# -- ends -----------------------------------------------------------------------------------------------------------

SLOW = {"attempts": 2, "delay_s": 1.0}


@pytest.mark.parametrize("state", LIVE)
def test_the_total_timeout_ends_it_in_every_state(state: ExchangeState) -> None:
    client = Client({**SLOW, "total_s": 0.5}, {})
    reach(client, state)
    client.pass_time(0.49)
    assert client.state is state
    client.pass_time(0.02)
    end = client.ended()
    streaming = state is S.STREAMING
    assert client.types[-1] == ("error" if streaming else "created")
    assert (end.how, end.by) == ("error" if streaming else "created", "gateway")
    assert end.status == (200 if streaming else 504)
    assert end.fault is not None
    assert end.fault.kind is FaultKind.TOTAL_TIMEOUT
    assert client.last["metadata"]["attempts"] == 1
    client.pass_time(1000)
    assert len(started(client)) == 1, "nothing further is tried"


@pytest.mark.parametrize("state", LIVE)
def test_a_cancel_ends_it_in_every_state_with_one_message(state: ExchangeState) -> None:
    client = Client(SLOW, {})
    reach(client, state)
    shown = len(client.messages)
    client.short()
    client.exchange_.cancel("cancelled", "client", CANCEL, client.now)
    words = client.short()
    if state not in (S.PLACING, S.BACKOFF):
        assert "abort 1" in words, "its provider is let go at once"
    client.exchange_.cancel("cancelled", "client", CANCEL, client.now)
    client.exchange_.fail(CANCEL, client.now)
    assert client.types[shown:] == ["cancelled"]
    assert client.dropped == 1
    end = client.ended()
    status = 200 if state in (S.READING, S.STREAMING) else None
    assert (end.how, end.by, end.status, end.fault) == ("cancelled", "client", status, CANCEL)
    assert client.last["metadata"].get("status") == status
    client.pass_time(1000)
    assert len(started(client)) == 1, "nothing further is tried"


@pytest.mark.parametrize("state", LIVE)
def test_a_client_that_is_gone_is_told_nothing(state: ExchangeState) -> None:
    client = Client(SLOW)
    reach(client, state)
    shown = len(client.messages)
    fault = Fault(FaultKind.CLIENT_GONE, Side.CLIENT, "gone")
    client.exchange_.cancel("gone", "client", fault, client.now)
    assert client.messages[shown:] == []
    end = client.ended()
    assert (end.how, end.by, end.fault) == ("gone", "client", fault)


@pytest.mark.parametrize("state", LIVE)
def test_a_cut_says_why(state: ExchangeState) -> None:
    client = Client(SLOW)
    reach(client, state)
    client.exchange_.fail(Fault(FaultKind.SHUTDOWN, Side.GATEWAY, "bye", True), client.now)
    end = client.ended()
    assert end.by == "gateway"
    if state is S.STREAMING:
        assert client.last["type"] == "universal.error"
        assert client.last["error"]["code"] == 2011
    else:
        assert client.last["response"]["error"][0]["code"] == 2011
        assert client.last["metadata"]["status"] == end.status == 503


def test_no_clock_of_its_own_outlives_it() -> None:
    armed = []
    for total in (None, 1000.0):
        client = Client({"total_s": total})
        client.whole(200)
        client.ended()
        armed.append(client.services.timers.armed)
    assert armed[0] == armed[1]


def test_an_end_counts_what_came() -> None:
    client = Client({"attempts": 2})
    fail(client, "503")
    client.stream(TOKEN, TOKEN)
    client.pass_time(2)
    client.eof()
    end = client.ended()
    assert end.session == 7
    assert end.chunks == 2
    assert end.duration_s == 2
    assert end.bytes_received == len(b'{"status":503}') + 2 * len(b"data: %b\n\n" % TOKEN)
