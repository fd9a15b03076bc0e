"""A relay through the whole gateway, held against wsproto, recorded sessions and the laws of its closing.

The dialogues stand in ``tests/transcripts/rt_*.txt``; here is what they cannot say: any frames in any cuts, what stands
on the wire, what is left behind.
"""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.reference_driver import Cuts, End, Link, PerfectDriver
from tests.peers.websocket_client import WsClient, upgrade_request
from tests.peers.websocket_frames import RESERVED, Item, cut, read_by_wsproto, same_end, streams
from tests.peers.websocket_provider import WsProvider
from tests.reading.recordings import FOLDER, needs_recordings
from tests.rigs.compiled import needs_sources
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import Close, Effect, Flush
from aigw_sansio.events import ProviderEventRead, SessionEnded, SessionOpened, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.realtime.states import RELAY_TABLE, RelayInput, RelayState
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.websocket.masking import apply_mask

SESSIONS = sorted(Path(FOLDER).glob("ws-*/*.jsonl")) if FOLDER else []
CANARY = "canary-of-a-key"


class World:
    """A gateway with one realtime session, both of whose peers are these bytes alone."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        path: str = "openai?model=m",
        headers: list[tuple[str, str]] | None = None,
        cuts: Cuts = "whole",
        behind: bytes = b"",
    ) -> None:
        self.gateway = Gateway(config or Config(), b"a seed for relays", 1_700_000_000.0)
        self.driver = PerfectDriver(self.gateway, cuts, 1)
        client = WsClient()
        self.client = self.driver.open_client(Sink(client))
        self.driver.send(self.client, client.request(upgrade_request(f"/v1/local/default/{path}", headers or [])))
        self.provider = next(link for link in self.driver.links.values() if link.kind == "up")
        provider = WsProvider()
        self.driver.connected(self.provider, Sink(provider), "http/1.1")
        self.driver.send(self.provider, provider.switch(101, []) + behind)
        self.to_client().clear()
        self.to_provider().clear()

    def to_client(self) -> bytearray:
        return sink(self.client)

    def to_provider(self) -> bytearray:
        return sink(self.provider)

    def ended(self) -> SessionEnded:
        ended = [event for event in self.driver.events if isinstance(event, SessionEnded)]
        assert len(ended) == 1
        return ended[0]


class Sink:
    """A peer during the handshake, then a place where bytes are collected."""

    def __init__(self, of: WsClient | WsProvider) -> None:
        self.of = of
        self.bytes = bytearray()
        self._shaken = False

    def receive(self, data: bytes) -> list[Any]:
        if not self._shaken:
            self.of.receive(data)
            _, blank, rest = data.partition(b"\r\n\r\n")
            self._shaken = True
            data = rest if blank else data
        self.bytes += data
        return []

    def take(self) -> bytes:
        return b""


def sink(link: Link) -> bytearray:
    assert isinstance(link.peer, Sink)
    return link.peer.bytes


def messages(role: Role, data: bytes | bytearray) -> list[Item]:
    return [item for item in read_by_wsproto(role, bytes(data)) if item[0] in ("text", "binary")]


# -- what passes ----------------------------------------------------------------------------------------------------


@given(st.data())
def test_the_provider_reads_what_the_client_sent(data: st.DataObject) -> None:
    """Any frames, right and wrong, in any cuts; ``streams`` knows the rare ones."""
    stream = data.draw(streams(Role.SERVER))
    world = World(Config(limits=Limits(message_bytes=2000)))
    for read in data.draw(cut(stream)):
        world.driver.send(world.client, read)
    assert_passed(Role.SERVER, stream, bytes(world.to_provider()), bytes(world.to_client()))


@given(st.data())
def test_the_client_reads_what_the_provider_sent(data: st.DataObject) -> None:
    stream = data.draw(streams(Role.CLIENT))
    world = World(Config(limits=Limits(message_bytes=2000)))
    for read in data.draw(cut(stream)):
        world.driver.send(world.provider, read)
    assert_passed(Role.CLIENT, stream, bytes(world.to_client()), bytes(world.to_provider()))


@pytest.mark.parametrize("role", [Role.SERVER, Role.CLIENT])
def test_a_code_that_wsproto_does_not_know_is_no_fault(role: Role) -> None:
    world = World()
    link = world.client if role is Role.SERVER else world.provider
    key = bytes(4) if role is Role.SERVER else None
    world.driver.send(link, stream := encode_frame(FIN | Opcode.CLOSE, (1014).to_bytes(2), key))
    to_client, to_provider = bytes(world.to_client()), bytes(world.to_provider())
    assert_passed(role, stream, *((to_provider, to_client) if role is Role.SERVER else (to_client, to_provider)))


def assert_passed(role: Role, stream: bytes, onward: bytes, back: bytes) -> None:
    """``role`` is ours towards the sender. All messages go on; a close or a fault ends both sides."""
    other = Role.CLIENT if role is Role.SERVER else Role.SERVER
    direct = read_by_wsproto(role, stream)
    behind = read_by_wsproto(role, onward)
    answers = read_by_wsproto(other, back)
    if behind and behind[-1] == ("fault", 1007):
        return  # the receiver judges the text: what it sends back is another story
    sent = [item for item in direct if item[0] in ("text", "binary")]
    assert [item for item in behind if item[0] in ("text", "binary")] == sent[: len(behind)]
    assert [item for item in answers if item[0] == "pong"] == [
        ("pong", item[1]) for item in direct if item[0] == "ping"
    ][: sum(item[0] == "pong" for item in answers)]
    last = direct[-1:] or [("nothing",)]
    if last[0][0] == "close":
        assert same_end(answers[-1:], last)
        assert behind[-1] == answers[-1]
    elif last[0] == RESERVED and answers and answers[-1:] == behind[-1:]:
        assert answers[-1][:2] == ("close", 1011)  # of a close with 1014, which wsproto does not know
    elif last[0][0] in ("fault", "reserved code") and answers and answers[-1][0] == "close":
        assert answers[-1][1] in (1002, 1007, 1009)
        assert behind[-1][1] == (1001 if role is Role.SERVER else 1011)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 65537, 200_000, 1_000_000])
@pytest.mark.parametrize("cuts", ["whole", "random"])
def test_messages_of_every_size_pass_both_ways(size: int, cuts: Cuts) -> None:
    payload = random.Random(size).randbytes(size)
    world = World(cuts=cuts)
    world.driver.send(world.client, encode_frame(FIN | Opcode.BINARY, payload, b"\x01\x02\x03\x04"))
    world.driver.send(world.provider, encode_frame(FIN | Opcode.BINARY, payload))
    assert messages(Role.SERVER, world.to_provider()) == [("binary", payload)]
    assert messages(Role.CLIENT, world.to_client()) == [("binary", payload)]


def test_frames_are_passed_on_as_the_very_bytes() -> None:
    frame = encode_frame(FIN | Opcode.TEXT, b"hello", b"\x0a\x0b\x0c\x0d")
    world = World()
    world.driver.send(world.client, frame)
    world.driver.send(world.provider, answer := encode_frame(FIN | Opcode.BINARY, b"\x00\xff"))
    assert (world.to_provider(), world.to_client()) == (frame, answer)


@needs_sources
@pytest.mark.parametrize(
    ("url", "verbatim"),
    [
        ("wss://provider.test", True),
        ("ws://localhost:9", True),
        ("ws://127.0.0.1:9", True),
        ("ws://[::1]:9", True),
        ("ws://provider.test", False),
        ("ws://127.provider.test", False),
        ("ws://localhost.provider.test", False),
    ],
)
def test_masks_are_replaced_where_somebody_may_look(url: str, verbatim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings allow no plain URL but on loopback. What is on the wire is safe without them."""
    monkeypatch.setattr("aigw_sansio.gateway.check_config", lambda config, rows: None)
    frame = encode_frame(FIN | Opcode.TEXT, b"hello", b"\x0a\x0b\x0c\x0d")
    world = World(Config(providers={"openai": ProviderSettings(realtime_url=url)}))
    world.driver.send(world.client, frame)
    passed = bytes(world.to_provider())
    assert (passed == frame) is verbatim
    assert apply_mask(passed[6:], passed[2:6]) == b"hello"


def path_of(session: Path) -> str:
    """Where a recorded session was held, as a client of ours asks for it."""
    if "gemini" in session.parent.name or "gateway-google" in session.name:
        return "google"
    paths = {
        "ws-azure-realtime": "azure-openai/res?model=d",
        "ws-azure-voice-live": "azure-openai/res/voice-live/realtime?model=d",
        "ws-xai-realtime": "grok?model=m",
        "ws-deepgram": f"deepgram/v2/{'speak' if 'speak' in session.name else 'listen'}",
    }
    return paths.get(session.parent.name, "openai?model=m")


def connections(session: Path) -> list[list[dict[str, Any]]]:
    """The lines of a recorded session, of each connection by itself; a close is the last line of one."""
    found: list[list[dict[str, Any]]] = [[]]
    for line in map(json.loads, session.read_text().splitlines()):
        found[-1].append(line)
        if line["opcode"] == "close":
            found.append([])
    return [lines for lines in found if lines]


@needs_recordings
@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_recorded_sessions_arrive_unchanged(session: Path) -> None:
    """And the tap beside them counts what each response used, once, also where the client had to connect again."""
    for lines in connections(session):
        world = World(Config(emit_provider_events=True), path=path_of(session), cuts="random")
        client, provider = Connection(ConnectionType.CLIENT), Connection(ConnectionType.SERVER)
        sent: dict[bool, list[Item]] = {True: [], False: []}  #: by whether the provider said it
        used = asked = 0
        for line in lines:
            from_provider = line["dir"] == "server"
            peer, link = (provider, world.provider) if from_provider else (client, world.client)
            if line["opcode"] == "close":
                sent[from_provider].append(("close", line["code"], line["reason"]))
                world.driver.send(link, peer.send(CloseConnection(line["code"], line["reason"])))
                continue
            data = json.dumps(line["json"]) if "json" in line else line["data"]
            event: TextMessage | BytesMessage
            event = TextMessage(data=data) if line["opcode"] == "text" else BytesMessage(data=data.encode())
            world.driver.send(link, peer.send(event))
            sent[from_provider].append((line["opcode"], data.encode()))
            asked += 0 if from_provider else len(data.encode())
            value = line.get("json", {})
            if from_provider and value.get("type") == "response.done":
                used += (value["response"].get("usage") or value["usage"])["output_tokens"]
        for from_provider, role, got in (
            (True, Role.CLIENT, world.to_client()),
            (False, Role.SERVER, world.to_provider()),
        ):
            said = [item for item in read_by_wsproto(role, bytes(got)) if item[0] in ("text", "binary", "close")]
            assert said[: len(sent[from_provider])] == sent[from_provider]
            assert all(item[0] == "close" for item in said[len(sent[from_provider]) :])
        world.driver.end(world.client, End.EOF)
        world.driver.end(world.provider, End.EOF)
        ended = world.ended()
        assert ended.messages_sent == sum(item[0] != "close" for item in sent[True])
        assert ended.bytes_received == asked
        if used:
            assert ended.usage is not None
            assert (ended.usage.output_tokens, ended.usage.quality) == (used, "final")
        if path_of(session) == "google":
            assert ended.usage is not None
            assert ended.usage.input_tokens


def test_what_comes_with_the_101_passes() -> None:
    hello = encode_frame(FIN | Opcode.TEXT, b"hello")
    world = World(behind=hello + encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8"))
    world.driver.wind_up()
    assert world.ended().messages_sent == 1
    assert (world.ended().by, world.ended().code) == ("provider", 1000)


# -- ends -----------------------------------------------------------------------------------------------------------


def test_an_end_is_recorded_with_who_and_how_much() -> None:
    world = World()
    world.driver.send(world.client, encode_frame(FIN | Opcode.TEXT, b"12345", bytes(4)))
    world.driver.send(world.client, encode_frame(Opcode.TEXT, b"123", bytes(4)))
    world.driver.send(world.provider, encode_frame(FIN | Opcode.BINARY, bytes(70_000)))
    world.driver.now += 7
    world.driver.send(world.provider, encode_frame(FIN | Opcode.CLOSE, (4000).to_bytes(2) + b"why"))
    ended = world.ended()
    assert (ended.by, ended.code, ended.reason, ended.phase, ended.duration_s) == ("provider", 4000, "why", "open", 7)
    assert (ended.messages_received, ended.bytes_received) == (1, 8)
    assert (ended.messages_sent, ended.bytes_sent) == (1, 70_000)
    opened = [event for event in world.driver.events if isinstance(event, SessionOpened)]
    assert [(event.mode, event.provider, event.session) for event in opened] == [("realtime", "openai", ended.session)]


def test_a_relay_is_counted_until_both_sides_have_ended() -> None:
    world = World()
    assert world.gateway.snapshot()["sessions"] == 1
    world.driver.send(world.client, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4)))
    assert world.ended().by == "client"
    assert world.client.ended
    assert world.gateway.snapshot()["sessions"] == 1  # the provider has not answered yet
    assert not world.gateway.idle
    world.driver.send(world.provider, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8"))
    assert world.provider.ended
    assert world.gateway.idle
    assert not any(world.gateway.snapshot().values())


ENDS = ["eof", "reset", "close", "violation", "too big", "silence"]


@pytest.mark.parametrize("second", ["nothing", *ENDS])
@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("side", ["client", "provider"])
@pytest.mark.parametrize("stalled", ["nobody", "client", "provider", "both"])
def test_whatever_happens_nothing_is_left(side: str, first: str, second: str, stalled: str) -> None:
    """Every end of one side, then every end of the other, with anybody not reading."""
    world = World(Config(limits=Limits(message_bytes=1000)))
    driver = world.driver
    links = {"client": world.client, "provider": world.provider}
    for name, link in links.items():
        if stalled in (name, "both"):
            driver.take(link, False)
    for name in links:
        send_data(world, name, 100)
    end_side(world, side, first)
    end_side(world, "provider" if side == "client" else "client", second)
    driver.advance(700)
    world.ended()
    assert world.client.ended
    assert world.provider.ended
    left = world.gateway.snapshot()
    assert not any(left.values()), left


def send_data(world: World, name: str, size: int) -> None:
    key = bytes(4) if name == "client" else None
    link = world.client if name == "client" else world.provider
    if not link.ended:
        world.driver.send(link, encode_frame(FIN | Opcode.BINARY, bytes(size), key))


def end_side(world: World, name: str, how: str) -> None:
    link = world.client if name == "client" else world.provider
    if link.ended or how in ("nothing", "silence"):
        return
    key = bytes(4) if name == "client" else None
    match how:
        case "eof":
            world.driver.end(link, End.EOF)
        case "reset":
            world.driver.end(link, End.RESET)
        case "close":
            world.driver.send(link, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe9bye", key))
        case "violation":
            world.driver.send(link, encode_frame(FIN | 0x3, b"", key))
        case "too big":
            send_data(world, name, 1001)


def test_a_flood_of_pings_costs_no_memory() -> None:
    world = World()
    world.driver.take(world.client, False)
    ping = encode_frame(FIN | Opcode.PING, bytes(125), bytes(4))
    for number in range(2000):
        world.driver.send(world.client, ping[:-1] + bytes((number % 256,)))
    assert world.gateway.snapshot()["send_buffer_bytes"] < 65536 + 200
    world.driver.take(world.client, True)
    pongs = [item[1] for item in read_by_wsproto(Role.CLIENT, bytes(world.to_client())) if item[0] == "pong"]
    assert len(pongs) < 600
    assert pongs[-1] == bytes(124) + bytes((1999 % 256,))  # the latest is answered


def test_a_slow_side_holds_back_the_other_sides_sending_alone() -> None:
    world = World()
    driver = world.driver
    driver.take(world.client, False)
    for _ in range(20):
        send_data(world, "provider", 30_000)
    assert world.provider.paused
    assert world.gateway.snapshot()["send_buffer_bytes"] < 65536 + 30_000 + 20
    for _ in range(20):
        send_data(world, "client", 30_000)
    assert not world.client.paused
    assert len(messages(Role.SERVER, world.to_provider())) == 20
    driver.take(world.client, True)
    assert not world.provider.paused
    assert len(messages(Role.CLIENT, world.to_client())) == 20


@pytest.mark.parametrize(("limit", "lives"), [(None, True), (600.0, False)])
def test_without_an_idle_limit_nobody_has_to_say_anything(limit: float | None, lives: bool) -> None:
    world = World(Config(timeouts=Timeouts(realtime_idle_s=limit)))
    for _ in range(40):
        world.driver.advance(25)
        for link, key in ((world.client, bytes(4)), (world.provider, None)):
            if not link.ended:
                world.driver.send(link, encode_frame(FIN | Opcode.PONG, b"", key))
    assert (not world.client.ended, not world.provider.ended) == (lives, lives)


def test_a_side_that_still_takes_what_was_sent_is_not_idle() -> None:
    world = World(Config(timeouts=Timeouts(realtime_idle_s=100, write_stall_s=1000)))
    world.driver.take(world.client, False)
    send_data(world, "provider", 10_000)
    for _ in range(9):
        world.driver.advance(25)
        world.driver.send(world.provider, encode_frame(FIN | Opcode.PONG, b""))
    assert not world.client.ended
    world.driver.take(world.client, True)
    for _ in range(5):
        world.driver.advance(25)
        for link, key in ((world.client, bytes(4)), (world.provider, None)):
            if not link.ended:
                world.driver.send(link, encode_frame(FIN | Opcode.PONG, b"", key))
    assert world.ended().reason == "no message within the gateway's idle limit of 100 s"


@pytest.mark.parametrize("who", ["client", "provider"])
def test_whoever_ends_it_is_answered_first(who: str) -> None:
    world = World()
    [relay] = world.gateway._relays
    ended, other = (world.client, world.provider) if who == "client" else (world.provider, world.client)
    close = encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4) if who == "client" else None)
    world.gateway.receive_data(ended.conn, close, world.driver.now)
    effects = world.gateway.effects()
    assert [effect.conn for effect in effects if isinstance(effect, Flush)] == [ended.conn, other.conn]
    assert [effect.conn for effect in effects if isinstance(effect, Close)] == [ended.conn]
    assert relay.state is RelayState.CLOSING
    answer = encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4) if who == "provider" else None)
    world.gateway.receive_data(other.conn, answer, world.driver.now)
    for link in (ended, other):
        assert relay.state is RelayState.CLOSING, "its close frame is not taken yet"
        world.gateway.data_sent(link.conn, len(world.gateway.data_to_send(link.conn)), world.driver.now)
    assert relay.state is RelayState.CLOSED


def test_a_drain_that_is_over_ends_no_session_twice() -> None:
    """The session has ended, its provider's closing handshake has not."""
    world = World(Config(timeouts=Timeouts(drain_s=1, close_s=5)))
    world.driver.send(world.client, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4)))
    world.gateway.drain(world.driver.now)
    world.driver.settle()
    world.driver.advance(2)
    assert not world.provider.ended
    assert (world.ended().by, world.ended().phase) == ("client", "open")
    world.driver.advance(4)
    assert world.provider.ended


@pytest.mark.parametrize("listens", [False, True])
def test_messages_are_read_for_a_host_that_listens_alone(listens: bool) -> None:
    world = World(Config(emit_provider_events=listens))
    done = b'{"type":"response.done","response":{"id":"r","status":"completed","usage":{"output_tokens":3}}}'
    world.driver.send(world.provider, encode_frame(FIN | Opcode.TEXT, done))
    world.driver.end(world.client, End.EOF)
    world.driver.advance(6)
    assert any(isinstance(event, ProviderEventRead) for event in world.driver.events) is listens
    assert (world.ended().usage is not None) is listens


def test_clocks_stand_still_while_a_side_is_held_back() -> None:
    """A provider that is not read cannot show that it lives; and no ping waits behind what is queued."""
    world = World(Config(timeouts=Timeouts(write_stall_s=1000, realtime_idle_s=2000)))
    driver = world.driver
    driver.take(world.client, False)
    for _ in range(3):
        send_data(world, "provider", 30_000)
    send_data(world, "provider", 5)
    assert world.provider.paused
    driver.advance(500)
    assert not world.provider.ended
    assert not world.client.ended
    assert ("ping", b"") not in read_by_wsproto(Role.SERVER, bytes(world.to_provider()))
    driver.take(world.client, True)
    driver.advance(31)
    assert ("ping", b"") in read_by_wsproto(Role.SERVER, bytes(world.to_provider()))


# -- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    "outcome", ["open", "refused", "lost", "nonsense", "dial", "silence", "unknown path", "closed", "leaves", "breaks"]
)
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("openai?model=m", [("authorization", f"Bearer {CANARY}")]),
        ("openai?model=m", [("sec-websocket-protocol", f"realtime, openai-insecure-api-key.{CANARY}")]),
        (f"google?key={CANARY}", []),
        (f"google?api_key={CANARY}&access_token={CANARY}", []),
        ("elevenlabs?agent_id=a", [("sec-websocket-protocol", f"convai, xi-api-key.{CANARY}")]),
        ("deepgram?model=m", [("sec-websocket-protocol", f"token, {CANARY}")]),
        ("fal/a/b/realtime", [("sec-websocket-protocol", f"realtime, fal-api-key.{CANARY}")]),
        (f"openai?model=m&cf-aig-authorization={CANARY}", [("sec-websocket-protocol", "realtime")]),
        ("openai?model=m", [("sec-websocket-protocol", f"realtime, cf-aig-authorization.{CANARY}")]),
        ("cartesia", [("x-api-key", CANARY), ("cf-aig-authorization", CANARY)]),
    ],
)
def test_a_key_reaches_the_provider_alone(
    path: str, headers: list[tuple[str, str]], outcome: str, stored: bool
) -> None:
    providers = {
        slug: ProviderSettings(api_key=Secret(CANARY) if stored else None)
        for slug in ("openai", "google-ai-studio", "elevenlabs", "deepgram", "fal", "cartesia")
    }
    config = Config(
        gateways={"local/default": GatewaySettings(tokens=(Secret(CANARY),) * stored, query_token=True)},
        providers=providers,
    )
    gateway = Gateway(config, b"a seed for relays", 1_700_000_000.0)
    driver = PerfectDriver(gateway, "whole", 1)
    shown = bytearray()
    effects: list[str] = []
    driver.core = Watched(gateway, effects)
    asked = bytearray()
    driver.on_bytes = lambda link, data: (shown if link.kind == "client" else asked).extend(data)
    if stored:
        headers = [*headers, ("cf-aig-authorization", f"Bearer {CANARY}")]
    if outcome == "unknown path":
        path = f"{path.partition('?')[0]}/..%2f{CANARY}"
    client = driver.open_client(WsClient())
    assert isinstance(client.peer, WsClient)
    driver.send(client, client.peer.request(upgrade_request(f"/v1/local/default/{path}", headers)))
    up = next((link for link in driver.links.values() if link.kind == "up"), None)
    assert (up is None) is (outcome == "unknown path")
    if up is not None:
        relays = list(gateway._relays)
        assert CANARY not in "".join(repr(relay._call) + repr(relay) + repr(relay._upstream) for relay in relays)
        provider = WsProvider()
        if outcome == "dial":
            driver.refused(up, "connection refused")
        elif outcome == "silence":
            driver.advance(11)
        else:
            driver.connected(up, provider, "http/1.1")
        quote = CANARY if CANARY.encode() in asked else "nothing"  # of a gateway's token the provider knows nothing
        assert quote == CANARY or not (stored and asked)
        match outcome:
            case "refused":
                fields = [("content-type", f"text/plain; x={quote}"), ("retry-after", quote), ("x-key", quote)]
                body = f"no such key: {quote}, {quote}".encode()
                length = ("content-length", str(len(body)))
                driver.send(up, provider.head(403, [*fields, length], "length") + body)
            case "nonsense":
                driver.send(up, f"nonsense {quote}\r\n{quote}\r\n\r\n".encode())
            case "lost":
                driver.end(up, End.RESET)
            case "open":
                driver.send(up, provider.switch(101, []))
                driver.end(up, End.RESET)
            case "closed":
                last = f"bad key {quote}".encode()
                driver.send(up, provider.switch(101, []) + encode_frame(FIN | Opcode.CLOSE, b"\x0f\xa1" + last))
            case "leaves":
                driver.send(up, provider.switch(101, []))
                last = f"I am {quote}".encode()
                driver.send(client, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8" + last, bytes(4)))
            case "breaks":
                driver.send(up, provider.switch(101, []) + b"\x83\x0f" + quote.encode().ljust(15))
    sessions = ("open", "closed", "leaves", "breaks")
    if outcome in sessions:
        assert [event for event in driver.events if isinstance(event, SessionEnded)]
    else:
        assert any(isinstance(event, UpgradeRefused) for event in driver.events)
    driver.wind_up()
    assert CANARY.encode() not in shown
    assert not [effect for effect in effects if CANARY in effect]


class Watched:
    """A core whose effects are written down."""

    def __init__(self, core: Gateway, seen: list[str]) -> None:
        self._core = core
        self._seen = seen

    def effects(self) -> list[Effect]:
        taken = self._core.effects()
        self._seen += map(repr, taken)
        return taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


# -- opening --------------------------------------------------------------------------------------------------------


_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=20)


@given(
    path=st.text(alphabet="abc/.%?=&+-_~0123456789\"'<>:;@\x80\xff", max_size=30),
    fields=st.lists(
        st.tuples(st.sampled_from(["x-a", "authorization", "openai-beta", "connection", "x-b"]), _VALUES), max_size=4
    ),
    subprotocols=st.lists(st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,9}", fullmatch=True), unique=True, max_size=3),
)
def test_whatever_a_client_asks_for_is_refused_or_written(
    path: str, fields: list[tuple[str, str]], subprotocols: list[str]
) -> None:
    """Nothing in an upgrade makes the writer of ours raise; what was dialled is asked properly."""
    driver = PerfectDriver(Gateway(Config(), b"a seed for relays", 0.0), "whole", 1)
    client = WsClient()
    link = driver.open_client(client)
    if subprotocols:
        fields = [*fields, ("sec-websocket-protocol", ", ".join(subprotocols))]
    request = upgrade_request(f"/v1/local/default/openai/{path}", [*fields, ("connection", "Upgrade")])
    driver.send(link, client.request(request.decode().encode("latin-1", "replace")))
    for up in [up for up in driver.links.values() if up.kind == "up"]:
        driver.connected(up, WsProvider(), "http/1.1")
        assert [one.seen.line for one in driver.output if one.link is up and one.seen.headers]
    driver.wind_up()


@pytest.mark.parametrize("how", ["refused", "client gone"])
def test_a_relay_that_never_opened_is_closed(how: str) -> None:
    gateway = Gateway(Config(), b"a seed for relays", 0.0)
    driver = PerfectDriver(gateway, "whole", 1)
    client = WsClient()
    link = driver.open_client(client)
    driver.send(link, client.request(upgrade_request("/v1/local/default/openai?model=m", [])))
    (relay,) = gateway._relays
    if how == "refused":
        driver.refused(next(up for up in driver.links.values() if up.kind == "up"), "no route")
    else:
        driver.end(link, End.EOF)
    assert relay.state is RelayState.CLOSED
    assert gateway.idle


def test_tls_is_offered_http_1_1_alone() -> None:
    world = World()
    assert world.provider.offered == ("http/1.1",)
    plain = World(Config(providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9")}))
    assert plain.provider.offered == ()


@pytest.mark.parametrize(("state", "event"), list(itertools.product(RelayState, RelayInput)))
def test_the_table_is_whole(state: RelayState, event: RelayInput) -> None:
    """Every state but the last can be left; what is not in the table is never asked for."""
    target = RELAY_TABLE.get((state, event))
    assert state is not RelayState.CLOSED or target is None
    assert target is None or target > state  # it only goes on


def test_reads_that_come_after_the_end_are_ignored() -> None:
    world = World()
    gateway, now = world.gateway, world.driver.now
    world.driver.send(world.client, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4)))
    gateway.receive_data(world.client.conn, b"\x81\x00", now)
    gateway.connection_lost(world.client.conn, "late", now)
    gateway.closed(world.client.conn, now)
    assert world.ended().code == 1000


def test_a_session_keeps_neither_the_head_of_its_client_nor_that_for_its_provider() -> None:
    world = World()
    (relay,) = world.gateway._relays
    assert relay._admitted.request.headers == []
    assert relay._call.headers == []
    assert relay._upstream is not None
    assert relay._upstream.call.headers == []
