"""Realtime parts of the host's own: what they get, what may come back, and what a bug in one costs."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.peers.websocket_provider import WsProvider
from tests.rigs.message_client import HOST, MessageClient
from tests.rigs.review_settings import reviewed

from aigw_sansio import (
    Admit,
    Ask,
    Config,
    Emit,
    Fault,
    FaultKind,
    Gateway,
    GatewaySettings,
    KeyLocation,
    PartFailed,
    Parts,
    Passage,
    Provider,
    ProviderEvent,
    ProviderEventRead,
    ProviderSettings,
    RealtimeReader,
    RealtimeRoute,
    Refuse,
    ResponseFinished,
    Review,
    Route,
    Secret,
    SessionEnded,
    Side,
    TextDelta,
    Unrecognised,
    UpgradeRequest,
    UsageReported,
)
from aigw_sansio.effects import Connect
from aigw_sansio.engine.services import Services
from aigw_sansio.realtime.own_parts import NO_PARTS, GuardedRealtimeReader, transform_upgrade

ROW = Provider(
    slug="acme",
    routes=(Route(url="https://api.acme.test"),),
    realtime=RealtimeRoute(url="wss://live.acme.test/v2", path="listen", key=KeyLocation("x-acme-key"), format="acme"),
)


class Listener:
    """``say TEXT``, ``done ID N``; audio counts nothing. It raises at ``bug``, and returns text at ``odd``."""

    def __init__(self) -> None:
        self.response_id: Any = ""
        self.responding: Any = False

    def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
        if not is_text:
            return []
        word, _, rest = data.decode().partition(" ")
        if word == "bug":
            raise ValueError(f"canary in {rest}")
        if word == "odd":
            return ["canary"]  # type: ignore[list-item]
        if word == "id":
            self.response_id = 7
        if word == "done":
            self.response_id, _, tokens = rest.partition(" ")
            return [UsageReported(output_tokens=int(tokens)), ResponseFinished("stop")]
        return [TextDelta(rest)]


PARTS = Parts(providers=[ROW], realtime_readers={"acme": Listener})
CONFIG = Config(providers={"acme": ProviderSettings(api_key=Secret("canary"))}, emit_provider_events=True)


class Session:
    """An open session with acme, whose messages its host hears of."""

    def __init__(self, parts: Parts = PARTS, config: Config = CONFIG) -> None:
        gateway = Gateway(config, b"a seed of sixteen", 0.0, parts)
        self.client = MessageClient(config, b"/v1/local/default/acme", gateway=gateway)
        self.provider = WsProvider()
        self.up = self.client.dialled(request=self.provider.receive)
        self.client.provider_says(self.up, self.provider.switch(101, []))

    def say(self, *texts: str) -> list[ProviderEvent]:
        """What the host hears of these messages."""
        before = len(self.client.events)
        for text in texts:
            self.client.provider_says(self.up, self.provider.act(text, text))
        return [event.event for event in self.client.events[before:] if isinstance(event, ProviderEventRead)]

    def end(self) -> SessionEnded:
        self.client.close()
        self.client.pass_time(60.0)
        (ended,) = [event for event in self.client.events if isinstance(event, SessionEnded)]
        return ended

    @property
    def bugs(self) -> list[PartFailed]:
        return [event for event in self.client.events if isinstance(event, PartFailed)]


def test_the_host_hears_what_its_reader_reads() -> None:
    session = Session()
    assert session.say("say hello") == [TextDelta("hello")]
    assert session.say("done r1 3", "done r1 3", "done r2 4")[-1] == ResponseFinished("stop")
    assert session.say("binary 00ff") == []
    assert [message.data for message in session.client.pull()][:1] == [b"say hello"], "the client gets all as it is"
    ended = session.end()
    assert (ended.usage and ended.usage.output_tokens, ended.usage and ended.usage.quality) == (7, "final")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("bug here", "ValueError"),
        ("odd", "it returned something else than provider events"),
        ("id", "response_id is no str"),
    ],
)
def test_a_bug_in_a_reader_costs_the_events_and_no_session(text: str, error: str) -> None:
    session = Session()
    session.say("done r1 3")
    (unread,) = session.say(text)
    assert isinstance(unread, Unrecognised)
    assert [type(event) for event in session.say("say more", "done r2 4")] == [Unrecognised, Unrecognised]
    (bug,) = session.bugs
    assert (bug.part, bug.error) == ("realtime reader of acme", error)
    assert "canary" not in repr(bug)
    assert len(session.client.pull()) == 4, "the client gets all"
    ended = session.end()
    assert bug.log_id == ended.log_id
    assert ended.usage is not None
    assert (ended.usage.output_tokens, ended.usage.quality) == (3, "partial")


def test_a_reader_that_cannot_be_made_any_more_reads_nothing() -> None:
    made = [Listener()]
    session = Session(Parts(providers=[ROW], realtime_readers={"acme": made.pop}))
    assert session.bugs[0].error == "IndexError"
    assert isinstance(session.say("say hello")[0], Unrecognised)


def test_a_review_reads_with_the_hosts_reader() -> None:
    class Reads(Listener):
        def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
            return [TextDelta(data.decode())]

    config = msgspec.structs.replace(CONFIG, gateways={"local/default": reviewed()})
    session = Session(Parts(providers=[ROW], realtime_readers={"acme": Reads}), config)
    session.say("hello")
    (asked,) = session.client.of(Ask)
    assert isinstance(asked, Ask)
    assert isinstance(asked.question, Review)
    assert asked.question.passages == (Passage("text", "hello"),)


def test_what_ends_a_program_still_does() -> None:
    class Stops(Listener):
        def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
            raise KeyboardInterrupt

    reader = GuardedRealtimeReader("acme", Stops, "log 1", [].append)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        reader.read_message(b"x", is_text=True)


def test_a_reader_fits_the_interface() -> None:
    reader: RealtimeReader = Listener()
    assert reader.read_message(b"say x", is_text=True) == [TextDelta("x")]


# -- transforms of upgrades -------------------------------------------------------------------------------------------

FIELDS = [
    (b"host", b"gw.test"),
    (b"X-A", b"b"),
    (b"cf-aig-metadata", b"{}"),
    (b"sec-websocket-key", b"abc"),
    (b"x-token", b"canary"),
]


def transformed(parts: Parts, path: str = "acme/v1/x?a=b&t=canary") -> tuple[Any, list[PartFailed]]:
    services = Services(CONFIG, b"a seed of sixteen", 0.0)
    result = transform_upgrade(services, parts, path, FIELDS, lambda text: text == "canary")
    return result, [one.event for one in services.take_effects() if isinstance(one, Emit)]  # type: ignore[misc]


def with_transforms(*, every: Any = None, **own: Any) -> Parts:
    return Parts(providers=[ROW], realtime_readers={"acme": Listener}, upgrade_transforms=own, upgrade_transform=every)


def test_an_upgrade_without_a_transform_is_left_alone() -> None:
    result, _ = transformed(with_transforms(openai=lambda upgrade: upgrade))
    assert result == ("acme/v1/x?a=b&t=canary", FIELDS)
    assert transform_upgrade(Services(CONFIG, b"x" * 16, 0.0), NO_PARTS, "a", FIELDS, bool) == ("a", FIELDS)


def test_transforms_get_what_would_go_and_give_it() -> None:
    seen: list[UpgradeRequest] = []

    def every(upgrade: UpgradeRequest) -> UpgradeRequest:
        seen.append(upgrade)
        return msgspec.structs.replace(upgrade, endpoint="/v2?c=d")

    def acme(upgrade: UpgradeRequest) -> UpgradeRequest:
        seen.append(upgrade)
        return msgspec.structs.replace(upgrade, headers=[["x-b", "é"]])  # a list will do

    result, failed = transformed(with_transforms(every=every, acme=acme))
    first = UpgradeRequest(provider="acme", endpoint="v1/x?a=b", headers=(("x-a", "b"),))
    assert seen == [first, msgspec.structs.replace(first, endpoint="/v2?c=d")]
    assert "v1/x" not in repr(first)
    assert result == ("acme/v2?c=d", [(b"x-b", b"\xe9")])
    assert not failed


@pytest.mark.parametrize(
    ("path", "endpoint", "becomes"),
    [
        ("acme", "", "acme"),
        ("acme?t=canary", "", "acme"),
        ("acme?a=b", "?a=b", "acme?a=b"),
        ("acme/", "", "acme"),
        ("azure/x", "x", "azure/x"),
    ],
)
def test_the_endpoint_is_what_stands_behind_the_provider(path: str, endpoint: str, becomes: str) -> None:
    seen: list[str] = []

    def every(upgrade: UpgradeRequest) -> UpgradeRequest:
        seen.append(upgrade.endpoint)
        return upgrade

    result, _ = transformed(with_transforms(every=every), path)
    assert (seen, result[0]) == ([endpoint], becomes)


DENIED = Fault(FaultKind.NOT_ALLOWED, Side.CLIENT, "not at night")


@pytest.mark.parametrize(
    ("transform", "error"),
    [
        (lambda upgrade: 1 / 0, "ZeroDivisionError"),
        (lambda upgrade: None, "it returned neither an UpgradeRequest nor a Fault"),
        (lambda upgrade: msgspec.structs.replace(upgrade, provider="openai"), "it named another provider"),
        (lambda upgrade: msgspec.structs.replace(upgrade, endpoint=7), "its upgrade has a field of a wrong type"),
        (lambda upgrade: msgspec.structs.replace(upgrade, headers=(("a", "\u0100"),)), "a header of its upgrade is no latin-1"),
        (lambda upgrade: msgspec.structs.replace(DENIED, detail=7), "the fault has a field of a wrong type"),
    ],
)  # fmt: skip
def test_a_bug_in_a_transform_refuses_the_upgrade(transform: Callable[[Any], Any], error: str) -> None:
    result, (bug,) = transformed(with_transforms(acme=transform))
    assert (result.kind, result.side) == (FaultKind.INTERNAL, Side.GATEWAY)
    assert (bug.log_id, bug.part, bug.error) == ("", "upgrade transform of acme", error)


class Scene:
    """A client that asks for acme."""

    def __init__(self, transform: Any, config: Config = CONFIG) -> None:
        gateway = Gateway(config, b"a seed of sixteen", 0.0, with_transforms(acme=transform))
        self.client = MessageClient(
            config, b"/v1/local/default/acme/v1/x", headers=[HOST, (b"x-a", b"b")], gateway=gateway
        )


def to_talk(upgrade: UpgradeRequest) -> UpgradeRequest:
    return msgspec.structs.replace(upgrade, endpoint="talk/y?lang=de", headers=(*upgrade.headers, ("x-project", "p1")))


def test_the_provider_gets_the_upgrade_as_the_host_made_it_with_the_stored_key() -> None:
    scene = Scene(to_talk)
    provider = WsProvider()
    seen: list[Any] = []
    scene.client.dialled(request=lambda data: seen.extend(provider.receive(data)))
    headers = dict(seen[0].headers)
    assert seen[0].line == "GET /v2/talk/y?lang=de"
    assert (headers["x-a"], headers["x-project"], headers["x-acme-key"]) == ("b", "p1", "canary")


def test_the_settings_and_the_host_judge_what_a_transform_made() -> None:
    own = GatewaySettings(endpoints=("v1/x", "listen/*"))
    scene = Scene(to_talk, msgspec.structs.replace(CONFIG, gateways={"local/default": own}))
    assert scene.client.refused.status == 403
    asks = GatewaySettings(ask=("admit",))
    scene = Scene(to_talk, msgspec.structs.replace(CONFIG, gateways={"local/default": asks}))
    (ask,) = scene.client.of(Ask)
    assert isinstance(ask, Ask)
    assert isinstance(ask.question, Admit)
    assert ask.question.endpoint == "talk/y"


def test_a_transform_may_refuse() -> None:
    scene = Scene(lambda upgrade: DENIED)
    refused = scene.client.refused
    assert isinstance(refused, Refuse)
    assert refused.status == 403
    assert b"not at night" in refused.body
    assert not scene.client.of(Connect)


@pytest.mark.parametrize(
    ("give", "error", "says"),
    [
        (lambda: Parts(realtime_readers={"deepgram": Listener}), ValueError, "parts.realtime_readers['deepgram'] is taken by a built-in one"),
        (lambda: Parts(realtime_readers={"acme": Listener}), ValueError, "parts.realtime_readers has acme, which no provider of parts.providers names in its realtime"),
        (lambda: Parts(realtime_readers={"acme": dict}), TypeError, "parts.realtime_readers['acme'] makes a dict without response_id, responding, read_message"),
        (lambda: Parts(providers=[ROW]), ValueError, "names 'acme'; allowed are "),
        (lambda: Parts(upgrade_transforms={"opnai": to_talk}), ValueError, "parts.upgrade_transforms['opnai'] is for no provider"),
        (lambda: Parts(upgrade_transforms={"openai": 7}), TypeError, "parts.upgrade_transforms['openai'] is not callable; it takes an UpgradeRequest"),
        (lambda: Parts(upgrade_transform=7), TypeError, "parts.upgrade_transform is not callable"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_an_error(give: Callable[[], Parts], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        give()
