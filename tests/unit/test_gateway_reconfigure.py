"""New settings for a gateway that runs: what begins has them, what runs ends under the old ones."""

from typing import Any

import msgspec
import pytest
from tests.peers.single_client import OneClient
from tests.peers.websocket_provider import WsProvider
from tests.rigs.crowd import OK, Crowd
from tests.rigs.message_client import MessageClient
from tests.rigs.native_client import NativeClient

from aigw_sansio import (
    Admit,
    Admitted,
    Authenticated,
    Config,
    ConfigError,
    Create,
    FindKey,
    Gateway,
    GatewaySettings,
    HeaderFields,
    Key,
    Limits,
    LocalProtocolError,
    NativeFailed,
    ProviderSettings,
    Recorder,
    Retry,
    Secret,
    SessionEnded,
    Step,
    Timeouts,
    replay,
)
from aigw_sansio.ids import ConnId

NAME = "local/default"
ANY: dict[str, Any] = {"provider": "openai", "endpoint": "chat/completions"}


def config(key: str = "old", **more: Any) -> Config:
    fields: dict[str, Any] = {
        "providers": {"openai": ProviderSettings(api_key=Secret(f"canary-{key}"), base_url="http://127.0.0.1:9/v1")}
    }
    return Config(**(fields | more))


def gateway_of(**settings: Any) -> dict[str, GatewaySettings]:
    return {NAME: GatewaySettings(**settings)}


class Client(OneClient):
    def reconfigure(self, config: Config) -> None:
        self.driver.reconfigure(config)

    def refused(self) -> tuple[int, str]:
        """Status and text of the one request that was refused."""
        (message,) = self.messages()
        return message["metadata"]["status"], message["response"]["error"][0]["message"]


def authorization(headers: Any) -> str:
    return dict(headers)["authorization"]


# -- what begins and what runs --------------------------------------------------------------------------------------


def test_the_next_exchange_of_an_open_session_has_the_new_key_on_the_same_connection() -> None:
    scene = Client(config())
    scene.create("a", ANY)
    assert authorization(scene.accept(2).headers) == "Bearer canary-old"
    scene.reconfigure(config("new"))
    scene.respond(2, b"{}")
    scene.create("b", ANY)
    assert authorization(scene.request(2).headers) == "Bearer canary-new"
    assert scene.dialled() == ["#2 http://127.0.0.1:9"], "the connection was kept"
    scene.finish()


def test_a_running_exchange_has_the_attempts_that_it_began_with() -> None:
    scene = Client(config(gateways=gateway_of(retry=Retry(max_attempts=3))))
    scene.create("a", ANY)
    scene.accept(2)
    scene.reconfigure(config(limits=Limits(attempts_per_exchange=1)))
    for _ in range(2):
        scene.respond(2, b"{}", status=500)
        scene.request(2)
    scene.respond(2, b"{}")
    (message,) = scene.messages()
    assert (message["metadata"]["status"], message["metadata"]["attempts"]) == (200, 3)
    scene.create("b", ANY)
    scene.request(2)
    scene.respond(2, b"{}", status=500)
    (message,) = scene.messages()
    assert (message["metadata"]["status"], message["metadata"]["attempts"]) == (500, 1)


def test_a_request_that_waits_for_the_host_is_finished_under_the_settings_that_it_came_under() -> None:
    """The answers belong to questions of the old settings; the new ones would ask none."""
    scene = Client(config(gateways=gateway_of(ask=("admit", "find_key"))))
    scene.create("a", ANY, {**ANY, "headers": {"authorization": "Bearer canary-own"}})
    scene.reconfigure(config("new"))
    for number, kind in enumerate((Admit, Admit), 1):
        assert scene.take("ask")[0].line == f"#{number} {kind.__name__}"
        scene.answer(number, Admitted())
    assert scene.take("ask")[0].line == f"#3 {FindKey.__name__}"
    scene.answer(3, Key(Secret("canary-found"), HeaderFields(())))
    assert authorization(scene.accept(2).headers) == "Bearer canary-found"
    scene.respond(2, b"{}")
    scene.messages()
    scene.create("b", ANY)
    assert scene.take("ask") == []
    assert authorization(scene.request(2).headers) == "Bearer canary-new"


def test_a_session_keeps_its_idle_timeout_and_a_new_one_has_the_new() -> None:
    crowd = Crowd(config(timeouts=Timeouts(client_idle_s=10.0)))
    old = crowd.open()
    crowd.gateway.reconfigure(config(timeouts=Timeouts(client_idle_s=None)), crowd.now)
    new = crowd.open()
    crowd.pass_time(9.0)
    crowd.send(old, type="universal.ping")
    crowd.pass_time(11.0)
    assert crowd.close_code(old) == (1001, "no message for too long")
    assert crowd.close_code(new) is None


def test_a_session_counts_unusable_messages_as_when_it_began() -> None:
    crowd = Crowd(config(limits=Limits(unusable_messages_in_a_row=2)))
    conn = crowd.open()
    crowd.gateway.reconfigure(config(limits=Limits(unusable_messages_in_a_row=50)), crowd.now)
    for _ in range(2):
        crowd.send(conn, type="odd")
    assert (crowd.close_code(conn) or (0,))[0] == 1008


def test_the_next_request_is_read_within_the_new_limits() -> None:
    scene = Client(config())
    scene.reconfigure(config(limits=Limits(steps_per_request=1)))
    scene.create("a", ANY, ANY)
    status, text = scene.refused()
    assert status == 400
    assert "steps_per_request" in text or "at most 1" in text


# -- who may begin an exchange ----------------------------------------------------------------------------------------


def test_a_gateway_that_is_gone_takes_no_exchange_and_running_ones_go_on() -> None:
    scene = Client(config())
    scene.create("a", ANY)
    scene.accept(2)
    scene.reconfigure(config(gateways={"acme/main": GatewaySettings()}))
    scene.create("b", ANY)
    assert scene.refused() == (400, "there is no gateway 'local/default' any more")
    scene.respond(2, b"{}")
    assert scene.messages()[0]["metadata"]["status"] == 200
    scene.reconfigure(config("again"))
    scene.create("c", ANY)
    assert authorization(scene.request(2).headers) == "Bearer canary-again"


TOKEN = [("cf-aig-authorization", "canary-one")]
MORE = gateway_of(tokens=("canary-one", "canary-two"))
OTHERS = gateway_of(tokens=("canary-two",))


def test_a_token_that_is_gone_begins_nothing_more_and_goes_to_no_provider() -> None:
    scene = Client(config(gateways=MORE), TOKEN)
    scene.reconfigure(config(gateways=OTHERS))
    scene.create("a", ANY)
    status, text = scene.refused()
    assert status == 401
    assert "connect again" in text
    scene.reconfigure(config(gateways=gateway_of()))
    scene.create("b", {**ANY, "headers": {"authorization": "Bearer canary-one"}})
    assert authorization(scene.accept(2).headers) == "Bearer canary-old", "what let it in is no key for a provider"


def test_a_token_that_stays_is_good() -> None:
    scene = Client(config(gateways=MORE), TOKEN)
    scene.reconfigure(config("new", gateways=gateway_of(tokens=("canary-one",))))
    scene.create("a", ANY)
    assert authorization(scene.accept(2).headers) == "Bearer canary-new"


def test_who_needed_no_token_may_need_one_now() -> None:
    scene = Client(config())
    scene.reconfigure(config(gateways=OTHERS))
    scene.create("a", ANY)
    assert scene.refused()[0] == 401


def test_whom_the_host_has_let_in_the_host_sends_away() -> None:
    scene = Client(config(gateways=gateway_of(authentication=True)), TOKEN)
    scene.answer(1, Authenticated(True, "alice"))
    scene.take("client")
    scene.reconfigure(config("new", gateways=OTHERS))
    scene.create("a", ANY)
    assert authorization(scene.accept(2).headers) == "Bearer canary-new"


def test_clients_of_the_host_need_no_token() -> None:
    create = Create(None, [Step("openai", "chat/completions", "POST", [], b"{}")])
    native = NativeClient(config())
    native.gateway.reconfigure(config(gateways=OTHERS), native.now)
    native.gateway.create(native.conn, create, native.now)
    native.collect()
    native.dialled()
    native.gateway.reconfigure(config(gateways={"acme/main": GatewaySettings()}), native.now)
    native.gateway.create(native.conn, create, native.now)
    (failed,) = native.gateway.take_events(native.conn, 9, native.now)
    assert isinstance(failed, NativeFailed)
    assert "no gateway" in failed.fault.detail


# -- clients that come ------------------------------------------------------------------------------------------------


def test_clients_that_come_are_judged_by_the_new_settings() -> None:
    crowd = Crowd(config())
    crowd.open()
    crowd.gateway.reconfigure(config(gateways=OTHERS, limits=Limits(connections=3)), crowd.now)
    second = crowd.come()
    assert crowd.asks, "a token is wanted now"
    crowd.gateway.reconfigure(config(limits=Limits(connections=3)), crowd.now)
    third = crowd.open()
    fourth = crowd.come()
    assert crowd.refusal(fourth)[0] == 503
    crowd.leave(third)
    assert crowd.refusal(second)[0] == 0
    crowd.gateway.reconfigure(config(), crowd.now)
    crowd.open()
    crowd.open()


def test_a_client_whose_token_is_being_judged_comes_in_under_the_old_settings() -> None:
    crowd = Crowd(config(gateways=gateway_of(authentication=True)))
    conn = crowd.come()
    crowd.gateway.reconfigure(config(gateways={"acme/main": GatewaySettings()}), crowd.now)
    crowd.gateway.answer(crowd.asks[0].id, Authenticated(True), crowd.now)
    crowd.settle()
    crowd.heard(conn)
    event_id = crowd.create(conn, **ANY)
    assert crowd.statuses(conn) == [(event_id, 400)]


def test_a_proxy_is_believed_from_now_on() -> None:
    crowd = Crowd(config(limits=Limits(connections_per_address=1)))
    crowd.open(peer="10.0.0.1:5")
    trusted = config(limits=Limits(connections_per_address=1), trusted_proxies=("10.0.0.0/8",))
    crowd.gateway.reconfigure(trusted, crowd.now)
    crowd.open(peer="10.0.0.1:6")
    crowd.gateway.reconfigure(config(limits=Limits(connections_per_address=1)), crowd.now)
    assert crowd.refusal(crowd.come(peer="10.0.0.1:7"))[0] == 503


# -- what all share ---------------------------------------------------------------------------------------------------


def test_another_proxy_is_another_way_and_the_same_one_is_kept() -> None:
    far = {"openai": ProviderSettings(api_key="canary", base_url="https://up.test/v1", http2="off")}
    through = config(providers=far, proxy="http://one.test:1")
    scene = Client(through)
    for proxy, dialled in (
        ("http://one.test:1", ["#2 https://up.test via one.test:1"]),
        ("http://one.test:1", []),
        ("http://two.test:2", ["#3 https://up.test via two.test:2"]),
        (None, ["#4 https://up.test"]),
        ("http://two.test:2", []),
        ("http://one.test:1", []),
    ):
        scene.reconfigure(msgspec.structs.replace(through, proxy=None if proxy is None else Secret(proxy)))
        scene.create("a", ANY)
        assert scene.dialled() == dialled
        up = ConnId(4) if proxy is None else ConnId(2 if "one" in proxy else 3)
        if dialled:
            scene.accept(up)
        scene.respond(up, b"{}")
        assert scene.messages()[0]["metadata"]["status"] == 200


def test_more_connections_serve_those_who_wait() -> None:
    few = Limits(upstream_connections_per_origin=1)
    providers = {"custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1")}
    crowd = Crowd(Config(providers=providers, limits=few))
    conn = crowd.open()
    for _ in range(3):
        crowd.create(conn)
    assert len(crowd.accept_all()) == 1
    crowd.gateway.reconfigure(Config(providers=providers), crowd.now)
    crowd.settle()
    assert len(crowd.accept_all()) == 2


def test_shares_are_those_of_the_gateways_that_there_are() -> None:
    limits = Limits(upstream_connections_per_origin=4)
    providers = {"custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1")}
    crowd = Crowd(Config(providers=providers, limits=limits))
    conn = crowd.open()
    crowd.create(conn)
    (up,) = crowd.accept_all()
    gateways = {NAME: GatewaySettings(), "a/b": GatewaySettings(), "c/d": GatewaySettings()}
    crowd.gateway.reconfigure(Config(gateways=gateways, providers=providers, limits=limits), crowd.now)
    for _ in range(5):
        crowd.create(conn)
    assert len(crowd.accept_all()) == 1, "one is kept for each of two gateways that have none"
    crowd.gateway.reconfigure(Config(providers=providers, limits=limits), crowd.now)
    crowd.settle()
    assert len(crowd.accept_all()) == 2
    crowd.receive(up, OK)


def test_dials_that_are_held_back_go_out_if_more_look_ups_are_allowed() -> None:
    def named(at_once: int) -> Config:
        return Config(limits=Limits(lookups_at_once_per_client=at_once))

    crowd = Crowd(named(1))
    conn = crowd.open()
    for name in ("a", "b"):
        crowd.create(
            conn, provider="azure-openai", endpoint=f"{name}/dep/chat/completions", headers={"api-key": "canary"}
        )
    assert len(crowd.dials) == 1
    crowd.gateway.reconfigure(named(2), crowd.now)
    crowd.settle()
    assert len(crowd.dials) == 2


def test_a_limit_of_memory_comes_and_goes() -> None:
    big = b"x" * 40_000
    crowd = Crowd(config())
    conn = crowd.open()
    crowd.deaf.add(conn)
    crowd.create(conn, **ANY)
    (up,) = crowd.accept_all()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 40000\r\n\r\n"
    crowd.receive(up, head + big)
    crowd.gateway.reconfigure(config(limits=Limits(memory_bytes=60_000)), crowd.now)
    crowd.settle()
    assert conn in crowd.paused
    assert crowd.refusal(crowd.come())[0] == 503
    crowd.gateway.reconfigure(config(limits=Limits(memory_bytes=1 << 30)), crowd.now)
    crowd.settle()
    assert conn not in crowd.paused
    crowd.gateway.reconfigure(config(limits=Limits(memory_bytes=60_000)), crowd.now)
    crowd.settle()
    assert conn in crowd.paused
    crowd.gateway.reconfigure(config(limits=Limits(memory_bytes=None)), crowd.now)
    crowd.settle()
    assert conn not in crowd.paused
    crowd.open()
    timers = crowd.gateway.snapshot()["timers"]
    crowd.gateway.reconfigure(config(), crowd.now)
    assert crowd.gateway.snapshot()["timers"] == timers


# -- realtime ---------------------------------------------------------------------------------------------------------


def test_a_realtime_session_keeps_its_longest_life() -> None:
    client = MessageClient(config(timeouts=Timeouts(session_s=50.0)), b"/v1/local/default/openai?model=m")
    provider = WsProvider()
    up = client.dialled(request=provider.receive)
    client.provider_says(up, provider.switch(101, []))
    client.gateway.reconfigure(config(timeouts=Timeouts(session_s=None)), client.now)
    client.pass_time(51.0)
    (ended,) = [event for event in client.events if isinstance(event, SessionEnded)]
    assert ended.reason == "the gateway's session limit of 50 s is over"


# -- what is wrong ----------------------------------------------------------------------------------------------------


def test_settings_that_are_wrong_change_nothing() -> None:
    scene = Client(config())
    wrong = config("new", gateways=gateway_of(providers=("nonsense",)))
    before = scene.gateway.snapshot()
    with pytest.raises(ConfigError, match="is not a known provider"):
        scene.reconfigure(wrong)
    assert scene.gateway.snapshot() == before
    scene.create("a", ANY)
    assert authorization(scene.accept(2).headers) == "Bearer canary-old"


def test_time_that_goes_back_changes_nothing() -> None:
    gateway = Gateway(config(), b"a seed of sixteen", 0.0)
    gateway.handle_timeout(5.0)
    with pytest.raises(LocalProtocolError, match="time runs backwards"):
        gateway.reconfigure(config(gateways={"acme/main": GatewaySettings()}), 4.0)
    gateway.open_local(NAME, None, 5.0)


def test_a_gateway_that_goes_away_takes_settings_too() -> None:
    scene = Client(config())
    scene.create("a", ANY)
    scene.accept(2)
    scene.driver.drain()
    scene.reconfigure(config("new"))
    scene.respond(2, b"{}")
    assert scene.gateway.idle
    scene.finish()


# -- a record ---------------------------------------------------------------------------------------------------------


def test_a_record_is_replayed_with_the_settings_that_came_later() -> None:
    lines: list[bytes] = []
    first, second = config("one", gateways=MORE), config("two", gateways=OTHERS)
    recorder = Recorder(first, b"a seed of sixteen", 0.0, lines.append)
    target, headers = b"/v1/local/default", [(b"host", b"gw.test")]
    for later, token in ((first, b"canary-one"), (second, b"canary-two"), (second, b"canary-one")):
        if later is not first:
            recorder.reconfigure(later, 1.0)
        shown = [*headers, (b"cf-aig-authorization", token)]
        recorder.open_messages(target, "192.0.2.1:5000", shown, [], None, 1.0)
        recorder.effects()
    with pytest.raises(ConfigError):
        recorder.reconfigure(config(gateways=gateway_of(providers=("nonsense",))), 2.0)
    recorder.handle_timeout(3.0)
    assert b"canary" not in b"".join(lines)
    gateway = replay(lines, first, configs=[second, second])
    assert gateway.snapshot() == recorder.snapshot()
    with pytest.raises(ValueError, match="configs must have them"):
        replay(lines, first, configs=[second])
    with pytest.raises(ValueError, match="more tokens"):
        replay(lines, first, configs=[config(gateways={"acme/main": GatewaySettings()}), second])
