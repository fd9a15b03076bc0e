"""A small world of clients of Responses: lanes, conversations, and providers that lie, fall silent and die.

After every move: each lane is told its creates in order, each with one end and numbers without a gap; no more run than
may; what goes on from a response goes to the provider with all that stood before it, unless it remembers that (a
provider with ``native``); what is held is bounded; the next deadline is later than now. ``python -m tests.world.responses --seconds 60 [--seed 7]`` runs random worlds.
"""

import hashlib
import json
import random
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from tests.rigs.parts import TRANSLATES
from tests.world.random_runs import run_random

from aigw_sansio import (
    Accept,
    Admitted,
    Ask,
    AskId,
    Close,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Continue,
    Denied,
    Emit,
    Flush,
    Gateway,
    GatewaySettings,
    Limits,
    PauseReading,
    ProviderSettings,
    ResumeReading,
    Timeouts,
)
from aigw_sansio.events import (
    AttemptConnected,
    ExchangeEnded,
    RequestAdmitted,
    RequestDenied,
    RequestWaiting,
    SessionEnded,
    SessionOpened,
)
from aigw_sansio.wires.websocket.events import CloseReceived, PingReceived, PongReceived, TextMessage
from aigw_sansio.wires.websocket.messages import Role, WebSocketWire

Move = tuple[int, int, int]

AT_ONCE: Final = 3
CONVERSATIONS: Final = 4000
CONFIG: Final = Config(
    gateways={"local/default": GatewaySettings()},
    providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1")},
    limits=Limits(
        responses_at_once_per_connection=AT_ONCE,
        lanes_per_connection=3,
        exchanges_per_connection=8,
        conversation_bytes_per_connection=CONVERSATIONS,
        send_high_water_bytes=600,
    ),
    timeouts=Timeouts(life_sign_s=20.0, responses_session_s=600.0, idle_s=100.0, end_grace_s=1.0, read_on_s=0.5),
)
NATIVE: Final = msgspec.structs.replace(
    CONFIG, providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", native=True)}
)
#: A host that is asked about each create, and takes its time.
ASKED: Final = msgspec.structs.replace(
    CONFIG,
    gateways={"local/default": GatewaySettings(ask=("admit",))},
    timeouts=msgspec.structs.replace(CONFIG.timeouts, ask_s=90.0),
)
LANES: Final = ("", "a", "b", "c", "d")
TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed", "error")


class LawBroken(AssertionError):
    """What must hold does not."""


def must(what: bool, why: object) -> None:
    if not what:
        raise LawBroken(str(why))


@dataclass
class Asked:
    """A create, as its client knows it."""

    number: int
    parent: str | None
    text: str
    is_good: bool
    next: int = 0  #: the number of its next event


@dataclass
class Client:
    """One socket. It checks all that it is told."""

    conn: ConnId
    open: bool = False
    taking: bool = True
    paused: bool = False
    lanes: dict[str, deque[Asked]] = field(default_factory=dict)
    known: dict[str, list[object]] = field(default_factory=dict)  #: conversations by response
    latest: dict[str, str | None] = field(default_factory=dict)

    def take(self, data: bytes) -> None:
        message = json.loads(data)
        kind, lane = message["type"], message.get("stream_id", "")
        must(isinstance(kind, str) and bool(kind), message)
        if kind == "response.steer.failed":
            return
        if kind == "error":
            must(400 <= message["status"] < 600, message)
            code = message["error"]["code"]
            if code in ("websocket_stream_limit_reached", "malformed_message"):
                return
            if code == "websocket_connection_limit_reached" and not self.lanes.get(lane):
                return
            if code == "rate_limit_exceeded" and "exchanges_per_connection" in message["error"]["message"]:
                self._ended(lane, self.lanes[lane].pop(), None)  # the last one of them was not taken in
                return
        asked = self.lanes[lane][0]
        if kind == "error":
            must(asked.next == 0, f"an error behind the beginning: {message}")
            if code == "previous_response_not_found":
                must(asked.parent is not None, message)
                is_small = sum(len(json.dumps(self.known.get(one or "", ""))) for one in self.latest.values()) < 500
                must(not is_small or self.latest.get(lane) != asked.parent, f"it forgot {asked.parent}")
        else:
            must(message["sequence_number"] == asked.next, f"{asked.next} was next: {message}")
            must((kind == "response.created") == (asked.next == 0), message)
            asked.next += 1
            if (response := message.get("response")) is not None:
                must(response["metadata"] == {"n": str(asked.number)}, f"{asked.number} was next: {response}")
                must(response["previous_response_id"] == asked.parent, response)
        if kind in TERMINAL:
            self.lanes[lane].popleft()
            self._ended(lane, asked, message if kind != "error" else None)

    def _ended(self, lane: str, asked: Asked, message: dict[str, Any] | None) -> None:
        if message is None or message["type"] == "response.failed":
            if asked.parent is not None and self.latest.get(lane) == asked.parent:
                self.latest[lane] = None
            return
        must(asked.is_good, f"it cannot have run: {message}")
        response = message["response"]
        before = [] if asked.parent is None else self.known[asked.parent]
        self.known[response["id"]] = [*before, user(asked.text), *response["output"]]
        self.latest[lane] = response["id"]


@dataclass
class Provider:
    """One connection to a provider, and how far its response is."""

    conn: ConnId
    data: bytes = b""
    request: dict[str, Any] | None = None
    streams: bool = False
    output: list[object] = field(default_factory=list)
    id: str = ""
    key: bytes = b""  #: an upgrade waits for its answer
    wire: WebSocketWire | None = None  #: it speaks WebSocket
    latest: str | None = None  #: the response that it remembers, and all items up to its end
    before: list[object] = field(default_factory=list)
    reply: bytes = b""

    @property
    def is_socket(self) -> bool:
        return self.wire is not None

    def upgraded(self) -> bytes:
        """The response to the upgrade."""
        token = b64encode(hashlib.sha1(self.key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.key, self.wire = b"", WebSocketWire(Role.SERVER, message_limit=1 << 20)
        return (
            b"HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: %b\r\n\r\n" % token
        )

    def take(self, data: bytes) -> None:
        if self.wire is not None:
            for event in self.wire.receive_data(data):
                if isinstance(event, TextMessage):
                    must(self.request is None, "it was asked while it responds")
                    self.request, self.streams, self.output = json.loads(event.data), False, []
                elif isinstance(event, PingReceived):
                    self.reply += self.wire.pong(event.payload)
                else:
                    must(isinstance(event, CloseReceived | PongReceived), event)
            return
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        if found and b"upgrade: websocket" in head.lower():
            self.key = next(
                line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
            )
            self.data = b""
        elif found:
            size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if len(body) >= size:
                self.request, self.data = json.loads(body[:size]), body[size:]
                self.streams, self.output = False, []


def user(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": text}


class World:
    """A gateway, its clients and its providers."""

    def __init__(self, *, native: bool = False, asked: bool = False) -> None:
        """``native``: its provider speaks WebSocket, too. ``asked``: its host decides about each create."""
        config = NATIVE if native else ASKED if asked else CONFIG
        self.gateway = Gateway(config, b"a seed of the world", 1_700_000_000.0, TRANSLATES)
        self.asks: list[AskId] = []
        self.waited = self.denied = self.called_off = 0
        self.now = 100.0
        self.clients: list[Client] = []
        self.dials: list[ConnId] = []
        self.providers: dict[ConnId, Provider] = {}
        self.flushed: set[ConnId] = set()
        self.asked = 0
        self.responses = 0
        self.begun = self.ended = self.opened = self.closed = 0
        self.done: list[str] = []
        self.remembered = self.reused = 0  #: requests without what the provider remembers; over sockets used before
        self.signs = 0
        self.left: list[Client] = []  # those that have gone
        self.moves: list[Callable[[int, int], object]] = [
            self._open, self._create, self._create, self._create, self._go_on, self._go_on, self._warm_up, self._odd,
            self._dial, self._dial, self._answer, self._answer, self._answer, self._answer, self._answer, self._lie,
            self._die, self._time, self._takes, self._leave, self._host_cancels,
        ]  # fmt: skip
        if native:  # its sockets live long enough to be used again
            self.moves += [*[self._go_on] * 3, *[self._answer] * 8]
        if asked:
            self.moves += [*[self._host_answers] * 4, self._host_cancels]
        self._open(0, 0)

    def move(self, move: Move) -> None:
        which, who, much = move
        self.moves[which % len(self.moves)](who, much)
        self.settle()
        self.check()

    # -- the driver ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do all that the gateway wants done."""
        while True:
            effects = self.gateway.effects()
            for effect in effects:
                self._do(effect)
            moved = [conn for conn in self.flushed if self._pull(conn)]
            if not effects and not moved:
                return

    def _do(self, effect: object) -> None:
        if isinstance(effect, Connect):
            self.dials.append(effect.conn)
        elif isinstance(effect, Flush):
            self.flushed.add(effect.conn)
        elif isinstance(effect, Accept):
            self._client(effect.conn).open = True
        elif isinstance(effect, CloseMessages | Close):
            self._release(effect.conn)
        elif isinstance(effect, Continue):
            self.gateway.proceed(self.now)
        elif isinstance(effect, PauseReading | ResumeReading):
            for client in self.clients:
                if client.conn == effect.conn:
                    client.paused = isinstance(effect, PauseReading)
        elif isinstance(effect, Ask):
            self.asks.append(effect.id)
        elif isinstance(effect, Emit):
            self._event(effect.event)

    def _event(self, event: object) -> None:
        self.begun += isinstance(event, RequestAdmitted)
        self.opened += isinstance(event, SessionOpened)
        self.waited += isinstance(event, RequestWaiting)
        self.denied += isinstance(event, RequestDenied)
        self.closed += isinstance(event, SessionEnded)
        self.reused += isinstance(event, AttemptConnected) and self._is_socket(event.conn) and event.reach == "reused"
        if isinstance(event, ExchangeEnded):
            self.ended += 1
            self.done.append(event.how)

    def _is_socket(self, conn: ConnId) -> bool:
        return conn in self.providers and self.providers[conn].is_socket

    def _release(self, conn: ConnId) -> None:
        self.flushed.discard(conn)
        if conn in self.dials:
            self.dials.remove(conn)
        self.providers.pop(conn, None)
        for client in [client for client in self.clients if client.conn == conn]:
            while messages := self.gateway.messages_to_send(conn):
                for message in messages:
                    client.take(message.data)
                self.gateway.data_sent(conn, sum(len(message.data) for message in messages), self.now)
            self.clients.remove(client)
            self.left.append(client)
        self.gateway.closed(conn, self.now)

    def _pull(self, conn: ConnId) -> bool:
        provider = self.providers.get(conn)
        if provider is not None:
            data = self.gateway.data_to_send(conn)
            before = provider.request
            provider.take(data)
            if provider.request is not None and provider.request is not before:
                self._check_request(provider, provider.request)
            self.gateway.data_sent(conn, len(data), self.now)
            if provider.reply and conn in self.providers:
                reply, provider.reply = provider.reply, b""
                self.gateway.receive_data(conn, reply, self.now)
            return bool(data)
        client = next((one for one in self.clients if one.conn == conn), None)
        if client is None or not client.taking:
            return False
        messages = self.gateway.messages_to_send(conn, 700)
        for message in messages:
            self.signs += b"response.in_progress" in message.data
            client.take(message.data)
        self.gateway.data_sent(conn, sum(len(message.data) for message in messages), self.now)
        return bool(messages)

    def _client(self, conn: ConnId) -> Client:
        return next(client for client in self.clients if client.conn == conn)

    def _check_request(self, provider: Provider, body: dict[str, Any]) -> None:
        """What a provider gets holds the conversation, or what is new in it, and nothing of the connection."""
        must(not {"stream_id", "generate", "client_metadata"} & body.keys(), body)
        must(body.get("type") == ("response.create" if provider.is_socket else None), body)
        must(body.get("stream") is (None if provider.is_socket else True) and body["store"] is False, body)
        known = body.get("previous_response_id")
        self.remembered += known is not None
        must(known is None or (provider.is_socket and known == provider.latest), body)
        provider.before = [*([] if known is None else provider.before), *body["input"]]
        number = int(body["metadata"]["n"])
        for client in self.clients:
            for lane in client.lanes.values():
                for asked in lane:
                    if asked.number == number:
                        before = [] if asked.parent is None else client.known[asked.parent]
                        must(provider.before == [*before, user(asked.text)], body)

    # -- moves --------------------------------------------------------------------------------------------------

    def _open(self, who: int, much: int) -> None:
        if len(self.clients) < 3:
            headers = ((b"host", b"gw.test"), (b"authorization", b"Bearer k"))
            target = b"/v1/local/default/openai/responses"
            conn = self.gateway.open_messages(target, "192.0.2.1:5", headers, (), None, self.now)
            self.clients.append(Client(conn))

    def _say(self, client: Client, lane: str, **members: object) -> None:
        if not client.open or client.paused:
            return
        parent = members.get("previous_response_id")
        text = f"{self.asked}:" + "x" * (self.asked * 37 % 300)
        named = {"stream_id": lane} if lane else {}
        message = {
            "type": "response.create", "model": "m", "store": False, "input": text, "metadata": {"n": str(self.asked)},
            **named, **members,
        }  # fmt: skip
        is_new = lane and lane not in client.lanes and len(client.lanes.keys() - {""}) >= 3
        if not is_new:
            assert parent is None or isinstance(parent, str)
            is_good = members.get("background") is None
            client.lanes.setdefault(lane, deque()).append(Asked(self.asked, parent, text, is_good))
        self.asked += 1
        self.gateway.receive_message(client.conn, json.dumps(message).encode(), self.now, text=True)

    def _create(self, who: int, much: int, **members: object) -> None:
        if self.clients:
            self._say(self.clients[who % len(self.clients)], LANES[much % len(LANES)], **members)

    def _go_on(self, who: int, much: int) -> None:
        if self.clients:
            client = self.clients[who % len(self.clients)]
            if client.known:
                ids = list(client.known)
                resting = [one for one, asked in client.lanes.items() if not asked and client.latest.get(one)]
                lane = resting[much % len(resting)] if resting and much % 2 else LANES[much % len(LANES)]
                latest = client.latest.get(lane)
                parent = latest if latest is not None and much % 4 else ids[much % len(ids)]
                self._say(client, lane, previous_response_id=parent)

    def _warm_up(self, who: int, much: int) -> None:
        self._create(who, much, generate=False)

    def _odd(self, who: int, much: int) -> None:
        if not self.clients:
            return
        client = self.clients[who % len(self.clients)]
        if much % 3 == 0:
            self._say(client, LANES[much % len(LANES)], background=True)
        elif client.open and not client.paused:
            data = b"{" if much % 3 == 1 else b'{"type":"response.steer","previous_response_id":"r","input":"x"}'
            self.gateway.receive_message(client.conn, data, self.now, text=True)

    def _dial(self, who: int, much: int) -> None:
        if not self.dials:
            return
        conn = self.dials.pop(0)
        if much % 8 == 7:
            self.gateway.connect_failed(conn, "refused", self.now)
            self.gateway.closed(conn, self.now)
        else:
            self.providers[conn] = Provider(conn)
            self.gateway.connected(conn, None, self.now)
            self.flushed.add(conn)

    def _at_work(self, who: int) -> Provider | None:
        working = [one for one in self.providers.values() if one.request is not None or one.key]
        return working[who % len(working)] if working else None

    def _says(self, provider: Provider, *events: dict[str, object]) -> None:
        data = b""
        if not provider.streams:
            provider.streams = True
            self.responses += 1
            provider.id = f"resp_{self.responses}"
            data = (
                b""
                if provider.is_socket
                else b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
        for event in events:
            text = json.dumps(event).encode()
            if provider.wire is not None:
                data += provider.wire.text(text)
            else:
                text = b"data: %b\n\n" % text
                data += b"%x\r\n%b\r\n" % (len(text), text)
        self.gateway.receive_data(provider.conn, data, self.now)

    def _answer(self, who: int, much: int) -> None:
        provider = self._at_work(who)
        if provider is None:
            return
        if provider.key:
            refusal = b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"
            self.gateway.receive_data(provider.conn, refusal if much % 8 == 7 else provider.upgraded(), self.now)
            return
        if not provider.streams:
            self._says(provider)
            if provider.conn in self.providers:
                response = {"id": provider.id, "object": "response", "status": "in_progress", "output": []}
                self._says(provider, {"type": "response.created", "response": response})
            return
        place = {"item_id": f"msg_{len(provider.output)}", "output_index": len(provider.output)}
        item: dict[str, object] = {"id": place["item_id"], "type": "message", "role": "assistant", "content": []}
        if much % 4 < 2:
            self._says(provider, {"type": "response.output_item.added", **place, "item": item})
            delta = {"type": "response.output_text.delta", **place, "content_index": 0, "delta": "y" * much}
            done = {**item, "content": [{"type": "output_text", "text": "y" * much, "annotations": []}]}
            provider.output.append(done)
            self._says(provider, delta, {"type": "response.output_item.done", **place, "item": done})
            return
        status = ("completed", "incomplete")[much % 8 == 7]
        response = {"id": provider.id, "object": "response", "status": status, "output": provider.output}
        provider.latest, provider.before = provider.id, [*provider.before, *provider.output]
        if provider.is_socket:
            provider.request = None  # first: the next one may come at once
        self._says(provider, {"type": f"response.{status}", "response": response})
        if not provider.is_socket:
            self._over(provider, b"0\r\n\r\n")

    def _over(self, provider: Provider, data: bytes) -> None:
        provider.request = None
        if provider.conn in self.providers and data:
            self.gateway.receive_data(provider.conn, data, self.now)

    def _lie(self, who: int, much: int) -> None:
        provider = self._at_work(who)
        if provider is None or provider.key:
            return
        if provider.wire is not None and not provider.streams:
            self._refuse_over_socket(provider, provider.wire, much)
            return
        bodies = (
            b'{"error":{"message":"no","code":"nope","type":"t"}}', b'{"error":"no"}', b"<html>", b"", b"[1]", b"{}",
            json.dumps({"id": "resp_same", "status": "completed", "output": []}).encode(),
            json.dumps({"id": "resp_same", "status": "failed", "output": [], "error": {"code": "c"}}).encode(),
        )  # fmt: skip
        if not provider.streams:
            body = bodies[much % len(bodies)]
            status = (b"200 OK", b"429 Slow", b"500 Oops", b"302 Away")[much // 8 % 4]
            head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
            self._over(provider, head + body)
            return
        if provider.is_socket and much % 8 in (4, 5):  # its end
            provider.request, provider.latest, provider.before = None, None, []
        if provider.is_socket and much % 8 == 6:  # an item that its client sees, and that it does not remember itself
            return
        response: dict[str, object] = {"id": "resp_other", "output": None}
        self._says(
            provider,
            (
                {"type": "response.created", "response": response}, {"type": 7}, {}, {"type": "response.new_thing", "sequence_number": "x"},
                {"type": "error", "code": "c", "message": "no"}, {"type": "response.failed", "response": {"error": {"code": "c"}}},
                {"type": "response.output_item.done", "item": 7, "output_index": "x"}, {"type": "response.in_progress", "response": 7},
            )[much % 8],
        )  # fmt: skip

    def _refuse_over_socket(self, provider: Provider, wire: WebSocketWire, much: int) -> None:
        """An error in place of a response, or something that is none."""
        code = ("previous_response_not_found", "websocket_connection_limit_reached", "rate_limit_exceeded", "")[
            much % 4
        ]
        if code == "previous_response_not_found" and "previous_response_id" not in (provider.request or {}):
            code = "nope"
        if much // 4 % 4 < 3:
            error = {"code": code, "message": "no", "type": "invalid_request_error"}
            whole = {"type": "error", "error": error, "status": (400, 429, 503, None)[much // 16 % 4]}
            provider.request, provider.latest, provider.before = None, None, []
            self.gateway.receive_data(
                provider.conn, wire.text(json.dumps({"error": error} if much % 8 == 3 else whole).encode()), self.now
            )
        else:
            odd = (wire.text(b"<html>"), wire.binary(b'{"type":7}'), wire.ping(b"x"), wire.pong(b""))[much % 4]
            self.gateway.receive_data(provider.conn, odd, self.now)

    def _die(self, who: int, much: int) -> None:
        provider = self._at_work(who)
        if provider is None:
            return
        if much % 2:
            self.gateway.connection_lost(provider.conn, "reset", self.now)
            self._release(provider.conn)
        elif provider.wire is not None and much % 4:
            provider.request = None
            self.gateway.receive_data(provider.conn, (provider.wire.close(1011), b"\xff\x00")[much % 8 == 6], self.now)
        else:
            provider.request = None
            self.gateway.receive_eof(provider.conn, self.now)

    def _time(self, who: int, much: int) -> None:
        until = self.now + (0.5, 5.0, 21.0, 45.0, 110.0, 300.0)[much % 6]
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.gateway.handle_timeout(self.now)
            self.settle()
            self.check()
        self.now = until

    def _takes(self, who: int, much: int) -> None:
        if self.clients:
            client = self.clients[who % len(self.clients)]
            client.taking = not client.taking
            self.flushed.add(client.conn)

    def _leave(self, who: int, much: int) -> None:
        if self.clients and much % 3 == 0:
            client = self.clients[who % len(self.clients)]
            self.gateway.receive_close(client.conn, 1000, "", self.now)
            self.clients.remove(client)
            self.left.append(client)
            self.flushed.discard(client.conn)
            self.gateway.closed(client.conn, self.now)

    def _host_cancels(self, who: int, much: int) -> None:
        sessions = self.gateway._sessions
        waiting = [log_id for one in sessions for log_id in one._log_ids.values()]  # type: ignore[attr-defined]
        running = [*sessions._running, *waiting]
        if running:
            log_id = running[who % len(running)]
            self.called_off += log_id in waiting
            must(self.gateway.cancel_exchange(log_id, self.now), f"nobody has {log_id}")

    def _host_answers(self, who: int, much: int) -> None:
        if self.asks:
            ask = self.asks.pop(who % len(self.asks))
            self.gateway.answer(ask, Denied(429 if much % 2 else 403) if much % 5 == 0 else Admitted(), self.now)

    # -- laws ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        due = self.gateway.next_timeout()
        must(due is None or due > self.now - 1e-9, f"{due} is not later than {self.now}")
        snapshot = self.gateway.snapshot()
        must(snapshot["exchanges"] == self.begun - self.ended, snapshot)
        for session in self.gateway._sessions:
            must(session.running <= AT_ONCE, f"{session.running} run")
            memory = session._laned._memory  # type: ignore[attr-defined]
            must(memory.held <= CONVERSATIONS, f"{memory.held} bytes of conversations")

    def finish(self) -> None:
        """Everything ends, and nothing is left."""
        for client in self.clients:
            client.taking = True
            self.flushed.add(client.conn)
        self.settle()
        for _ in range(400):
            if self.asks:
                self._host_answers(0, 1)
            elif self.dials:
                self._dial(0, 0)
            elif (provider := self._at_work(0)) is not None:
                self._answer(0, 2)
                if provider.request is not None and provider.streams and provider.conn in self.providers:
                    self._answer(0, 2)
            else:
                break
            self.settle()
            self.check()
        self._time(0, 5)
        self.settle()
        for client in list(self.clients):
            must(not any(client.lanes.values()), f"never told of {client.lanes}")
            self._leave(self.clients.index(client), 0)
            self.settle()
        must(not any(one.key or one.is_socket for one in self.providers.values()), "a socket outlives its session")
        snapshot = self.gateway.snapshot()
        must(snapshot["sessions"] == snapshot["exchanges"] == 0, snapshot)
        must((self.begun, self.opened) == (self.ended, self.closed), (self.begun, self.ended, self.opened, self.closed))


def run(moves: Sequence[Move], *, native: bool = False, asked: bool = False) -> World:
    """A whole world."""
    world = World(native=native, asked=asked)
    world.settle()
    for move in moves:
        world.move(move)
    world.finish()
    return world


def random_moves(seed: int, count: int = 150) -> list[Move]:
    chance = random.Random(seed)
    return [(chance.randrange(256), chance.randrange(256), chance.randrange(256)) for _ in range(count)]


if __name__ == "__main__":
    raise SystemExit(
        run_random(
            "random worlds of clients of Responses",
            lambda seed: run(random_moves(seed), native=seed % 3 == 1, asked=seed % 3 == 2),
        )
    )
