"""The seam for dialects: one that is shaped unlike ``universal`` runs in a session from its first message to its end, on
a channel without bytes and with a source without a pool. And what implements a seam implements all of it."""

import inspect
import json
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from tests.peers.memory_source import JSON, STREAM, MemorySource, Remembered
from tests.peers.toy_dialect import ToyDialect, message
from tests.rigs.compiled import needs_sources
from tests.rigs.core_rig import Rig

import aigw_sansio
from aigw_sansio.config import GatewaySettings, Limits, Timeouts
from aigw_sansio.dialects.base import Dialect, LanedDialect
from aigw_sansio.downstream.channel import ChannelOwner, MessageChannel
from aigw_sansio.effects import Ask, Authenticated
from aigw_sansio.events import ExchangeEnded, SessionEnded, SessionOpened
from aigw_sansio.exchanges.encoder import ResponseEncoder
from aigw_sansio.faults import Side
from aigw_sansio.ids import ConnId
from aigw_sansio.sessions.planner import ClientInfo
from aigw_sansio.sessions.session import Session

pytestmark = needs_sources  # a compiled class has no subclasses that are not, and keeps no signatures

TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
HI = '{"choices":[{"index":0,"delta":{"content":"hi"}}]}'


class Channel(MessageChannel):
    """Messages in a list. ``room``: bytes that the client takes before it says that it has taken them."""

    def __init__(self, owner: ChannelOwner, room: int) -> None:
        self._owner = owner
        self._room = room
        self.sent: list[bytes] = []
        self._outstanding = 0
        self.ended = False
        self.messages_received = self.messages_sent = self.bytes_received = self.bytes_sent = 0
        self.closed_with: tuple[int, str] | None = None

    @property
    def outstanding(self) -> int:
        return self._outstanding

    def send_text(self, payload: bytes, now: float) -> None:
        self.sent.append(payload)
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._outstanding += len(payload)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        waiting = list(payloads)
        while waiting and self._outstanding < min(limit, self._room):
            self.send_text(waiting.pop(0), now)
        return waiting

    def send_control_text(self, payload: bytes, now: float) -> None:
        self.send_text(payload, now)

    def pause(self) -> None:
        raise AssertionError("a session does not pause its client")

    def resume(self, now: float) -> None:
        raise AssertionError("a session does not pause its client")

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        if not self.ended:
            self.ended = True
            self.closed_with = code, reason
            self._owner.channel_ended(by, code, reason, now)

    def take(self, now: float) -> None:
        """The client took everything, and takes on."""
        self._room = 1 << 20
        self._outstanding = 0
        self._owner.room_made(now)


class World(Rig):
    """One session in the toy dialect."""

    def __init__(
        self,
        source: MemorySource,
        *,
        room: int = 1 << 20,
        settings: GatewaySettings | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        super().__init__(limits, timeouts)
        self.over = 0
        client = ClientInfo(
            conn=ConnId(1),
            peer="peer",
            account="local",
            gateway="default",
            settings=settings or GatewaySettings(),
            config=self.services.config,
            headers={},
            principal=None,
            subprotocol=None,
        )
        self.session = Session(
            self.services,
            lambda requester: source,
            ToyDialect(),
            client=client,
            session_id=3,
            open_channel=lambda owner: Channel(owner, room),
            on_ended=self._over,
            now=0.0,
        )
        self.channel = self.session.channel
        self._act(lambda: self.session.start(0.0))

    def _over(self, session: Session[Channel], now: float) -> None:
        assert session is self.session
        self.over += 1

    def _act(self, action: Callable[[], None]) -> None:
        action()
        self.services.run_deferred(self.now)

    def say(self, kind: str, name: str | None, payload: object = None) -> None:
        self.say_bytes(message(kind, name, payload))

    def say_bytes(self, data: bytes) -> None:
        self.channel.messages_received += 1
        self._act(lambda: self.session.message_received(data, self.now, text=True))

    def take_all(self) -> None:
        self._act(lambda: self.channel.take(self.now))

    def answer(self, *, allowed: bool) -> None:
        """The host answers the one question that is open."""
        (ask,) = [effect for effect in self.effects() if isinstance(effect, Ask)]
        self._act(lambda: self.services.answer(ask.id, Authenticated(allowed), self.now))

    def heard(self) -> list[list[Any]]:
        """What the client was told since the last call."""
        sent, self.channel.sent = self.channel.sent, []
        return [json.loads(one) for one in sent]

    def all_of(self, kind: type) -> list[Any]:
        self.effects()
        return [event for event in self.events if type(event) is kind]


def test_a_foreign_dialect_from_its_first_message_to_its_end() -> None:
    source = MemorySource(Remembered(200, STREAM, (TOKEN, TOKEN)), Remembered(200, JSON, (b'{"a":1}',)))
    world = World(source, timeouts=Timeouts(client_idle_s=100.0, session_s=1000.0))
    (opened,) = world.all_of(SessionOpened)
    assert (opened.session, opened.mode) == (3, "universal")
    world.say("ping", None)
    assert world.heard() == [["pong", None, 1], ["pong", None, 2]]
    world.say("ask", "a", [{"q": 1}])
    assert world.heard() == [["begin", "a", [200, 0, 1]], ["chunk", "a", HI], ["chunk", "a", HI], ["end", "a", None]]
    world.say("ask", "b", [{"q": 2}])
    assert world.heard() == [["whole", "b", [200, '{"a":1}']]]
    assert [(end.event_id, end.how) for end in world.all_of(ExchangeEnded)] == [("a", "done"), ("b", "created")]
    assert world.session.running == 0
    world.session.drain(30.0, 0.0)  # nothing runs, and the dialect has no word for it
    assert world.heard() == []
    assert world.channel.closed_with == (1001, "the gateway is going away")
    (ended,) = world.all_of(SessionEnded)
    assert (ended.by, ended.code, ended.messages_received, ended.messages_sent) == (Side.GATEWAY, 1001, 3, 7)
    assert world.over == 1
    assert world.services.timers.next_deadline() is None


def test_the_request_is_what_the_dialect_made_of_it() -> None:
    source = MemorySource(Remembered(200, JSON, (b"{}",)))
    world = World(source)
    world.say("ask", "a", [{"q": 1}])
    (call,) = source.asked
    assert call.request.body == b'{"q": 1}'
    assert (call.provider, call.request.method) == ("openai", b"POST")


def test_an_exchange_without_a_name_is_called_by_its_log_id() -> None:
    world = World(MemorySource(Remembered(200, JSON, (b"{}",))))
    world.say("ask", None, [{"q": 1}])
    (end,) = world.all_of(ExchangeEnded)
    assert world.heard() == [["whole", end.log_id, [200, "{}"]]]


def test_a_slow_client_pauses_the_source_and_gets_everything_in_order() -> None:
    source = MemorySource(Remembered(200, STREAM, (TOKEN,) * 50))
    world = World(source, room=100, limits=Limits(send_high_water_bytes=200))
    world.say("ask", "a", [{}])
    assert source.said == ["pause"]
    assert world.session.running == 1
    for _ in range(60):
        world.take_all()
    assert [kind for kind, *_ in world.heard()] == ["begin", *["chunk"] * 50, "end"]
    assert world.session.running == 0
    assert "resume" in source.said


def test_what_a_session_says_without_an_exchange() -> None:
    source = MemorySource(Remembered(200, STREAM, (TOKEN,)), stuck=True)
    world = World(source)
    world.say("ask", "a", [])
    assert world.heard() == [["refused", "a", "invalid_request"]]
    world.say("ask", "a", [{"provider": "nobody"}])
    assert world.heard() == [["refused", "a", "unknown_provider"]]
    world.say_bytes(b"{}")
    assert world.heard() == [["unusable", None, "malformed_message"]]
    world.say("ask", "a", [{}])
    world.heard()
    world.say("ask", "a", [{}])
    assert world.heard() == [["unusable", "a", "invalid_request"]]
    world.say("stop", "a")
    assert world.heard() == [["stopped", "a", 200]]
    world.say("stop", "a")
    assert world.heard() == []
    assert len(source.asked) == 1


def test_a_foreign_dialect_and_a_token_that_the_host_judges() -> None:
    source = MemorySource(Remembered(200, JSON, (b"{}",)))
    world = World(source, settings=GatewaySettings(authentication=True))
    question = {"headers": {"cf-aig-authorization": "Bearer theirs"}}
    world.say("ask", "a", [question])
    world.say("stop", "a")
    assert world.heard() == [["stopped", "a", None]]
    world.effects()
    world.say("ask", "b", [question])
    world.answer(allowed=False)
    assert world.heard() == [["refused", "b", "unauthorized"]]
    assert not source.asked
    world.say("ask", "c", [question])
    world.answer(allowed=True)
    assert world.heard() == [["whole", "c", [200, "{}"]]]


def test_the_end_of_the_channel_reaches_the_source() -> None:
    source = MemorySource(Remembered(200, STREAM, (TOKEN,)), Remembered(200, STREAM, (TOKEN,)), stuck=True)
    world = World(source)
    world.say("ask", "a", [{}])
    world.say("ask", "b", [{}])
    world.channel.close(1000, "enough", 0.0, by=Side.CLIENT)
    assert source.said == ["cancel", "cancel"]
    assert [end.how for end in world.all_of(ExchangeEnded)] == ["gone", "gone"]
    assert world.over == 1


# -- completeness -----------------------------------------------------------------------------------------------------


def subclasses(base: type) -> set[type]:
    """All of the core, also those of modules that nothing has imported yet."""
    for module in pkgutil.walk_packages(aigw_sansio.__path__, "aigw_sansio."):
        import_module(module.name)
    found: set[type] = set()
    wanted: list[type[Any]] = [base]
    while wanted:
        one: type[Any]
        for one in wanted.pop().__subclasses__():
            if one.__module__.startswith("aigw_sansio."):
                found.add(one)
            wanted.append(one)
    return found


@pytest.mark.parametrize("base", [Dialect, LanedDialect, ResponseEncoder, MessageChannel])
def test_what_implements_a_seam_implements_all_of_it(base: type[Any]) -> None:
    assert inspect.isabstract(base)
    found = subclasses(base) - {LanedDialect}  # a seam itself
    assert found
    for one in found:
        assert not inspect.isabstract(one), f"{one.__name__} is not complete"
        for name in base.__abstractmethods__:
            declared, implemented = inspect.getattr_static(base, name), inspect.getattr_static(one, name)
            assert isinstance(implemented, property) is isinstance(declared, property), f"{one.__name__}.{name}"
            if callable(declared) and inspect.isfunction(implemented):
                expected = list(inspect.signature(declared).parameters.values())
                actual = list(inspect.signature(implemented).parameters.values())
                assert [(p.name, p.kind, p.default) for p in actual] == [(p.name, p.kind, p.default) for p in expected]


@pytest.mark.parametrize("base", [Dialect, LanedDialect, ResponseEncoder, MessageChannel])
def test_what_lacks_a_method_cannot_be_made(base: type[Any]) -> None:
    names = sorted(base.__abstractmethods__)
    assert len(names) >= 5
    for left_out in names:
        members = {name: (lambda self: None) for name in names if name != left_out}
        with pytest.raises(TypeError, match=left_out):
            type("Half", (base,), members)()
