"""Shares over the whole gateway: what a greedy client takes, and that bystanders are served."""

from base64 import b64encode

import pytest
from tests.rigs.crowd import OK, Crowd
from tests.rigs.rsa_keys import pem, pkcs8
from tests.rigs.streams import Streams

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import Sign, Signed, Unavailable
from aigw_sansio.events import AttemptConnected, UpgradeRefused
from aigw_sansio.ids import ConnId

PLAIN = ProviderSettings(base_url="http://127.0.0.1:9/v1")
NAMED = ProviderSettings(base_url="https://up.test/v1", http2="off")


def crowd(limits: Limits, provider: ProviderSettings = PLAIN, *gateways: str, **timeouts: float) -> Crowd:
    names = gateways or ("local/default",)
    return Crowd(
        Config(
            gateways={name: GatewaySettings() for name in names},
            providers={"custom-x": provider, "custom-y": ProviderSettings(base_url="https://other.test/v1")},
            limits=limits,
            timeouts=Timeouts(**timeouts),  # type: ignore[arg-type]
        )
    )


# -- connections of one origin --------------------------------------------------------------------------------------


def test_sockets_that_hang_leave_a_connection_to_other_gateways_and_clients() -> None:
    """One client takes what there is: 6 sockets with 100 hanging requests each."""
    scene = crowd(Limits(upstream_connections_per_origin=64), PLAIN, "a/greedy", "b/other", "c/third")
    bystander = scene.open("/v1/a/greedy")
    greedy = [scene.open("/v1/a/greedy") for _ in range(6)]
    for conn in greedy:
        for _ in range(100):
            scene.create(conn)
    taken = scene.accept_all()
    assert len(taken) == 64 - 2 - 1, "one for each other gateway, one for the client that has none"
    event_id = scene.create(bystander)
    (up,) = scene.accept_all()
    scene.receive(up, OK)
    assert scene.statuses(bystander) == [(event_id, 200)]
    for gateway in ("b/other", "c/third"):
        late = scene.open(f"/v1/{gateway}")
        event_id = scene.create(late)
        (up,) = scene.accept_all() or [up]
        scene.receive(up, OK)
        assert scene.statuses(late) == [(event_id, 200)]


def test_connections_that_become_free_go_round() -> None:
    scene = crowd(Limits(upstream_connections_per_origin=1), PLAIN, "a/x", "b/y")
    greedy, modest, other = scene.open("/v1/a/x"), scene.open("/v1/a/x"), scene.open("/v1/b/y")
    names = {}
    for conn, name, count in ((greedy, "greedy", 4), (modest, "modest", 2), (other, "other", 2)):
        for _ in range(count):
            names[scene.create(conn)] = name
    (up,) = scene.accept_all()
    order = []
    for _ in range(8):
        scene.receive(up, OK)
        scene.take(up)
        scene.settle()
        order += [names[str(event_id)] for conn in scene.clients for event_id, _ in scene.statuses(conn)]
    assert order == ["greedy", "other", "modest", "other", "greedy", "modest", "greedy", "greedy"]


def test_a_place_kept_for_a_client_that_leaves_is_given_away() -> None:
    scene = crowd(Limits(upstream_connections_per_origin=4))
    quiet, greedy = scene.open(), scene.open()
    for _ in range(4):
        scene.create(greedy)
    assert len(scene.accept_all()) == 3
    scene.leave(quiet)
    assert len(scene.accept_all()) == 1


def test_a_cancel_over_http1_gives_its_share_to_who_waits() -> None:
    scene = crowd(Limits(upstream_connections_per_origin=4))
    other, client, third = scene.open(), scene.open(), scene.open()
    for _ in range(3):
        scene.create(third)
    scene.accept_all()
    running = scene.create(client)
    scene.accept_all()
    scene.create(client)
    assert scene.dials == {}, "the last one is kept for the first client"
    scene.send(client, type="universal.cancel", eventId=running)
    assert len(scene.dials) == 1
    assert other in scene.clients


def test_who_waits_too_long_is_told_what_the_limit_is() -> None:
    scene = crowd(Limits(upstream_connections_per_origin=1), pool_wait_s=5)
    first, second = scene.open(), scene.open()
    scene.create(first)
    scene.accept_all()
    scene.create(second)
    scene.pass_time(5)
    (message,) = scene.messages(second)
    assert "upstream_connections_per_origin" in str(message["response"])


# -- look-ups -------------------------------------------------------------------------------------------------------


def test_slow_names_of_one_client_keep_only_itself_waiting() -> None:
    scene = crowd(Limits(), NAMED)
    slow, bystander = scene.open(), scene.open()
    for number in range(60):
        scene.create(slow, provider="azure-openai", endpoint=f"name{number}/deployment/chat/completions?api-version=1")
    assert len(scene.dials) == 4
    made_up(scene, slow, "other")
    assert len(scene.dials) == 4
    made_up(scene, bystander, "new")
    made_up(scene, bystander, "other")
    assert [effect.host.partition(".")[0] for effect in list(scene.dials.values())[4:]] == ["new", "other"], (
        "nobody waits for a dial that is held back"
    )
    scene.fail_dial(next(iter(scene.dials)))
    assert len(scene.dials) == 6, "one ended, the next went out"


def made_up(scene: Crowd, conn: ConnId, name: str) -> str:
    """A request to a host that the client made up."""
    return scene.create(
        conn, provider="azure-openai", endpoint=f"{name}/deployment/chat/completions?api-version=1", headers={}
    )


def test_what_waits_for_a_look_up_and_is_cancelled_is_over_at_once() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), NAMED)
    conn = scene.open()
    made_up(scene, conn, "name1")
    held = made_up(scene, conn, "name2")
    before = scene.gateway.snapshot()["connections"]
    scene.send(conn, type="universal.cancel", eventId=held)
    assert scene.gateway.snapshot()["connections"] == before
    assert len(scene.aborted) == 1
    (up,) = scene.accept_all()
    scene.receive(up, OK)
    assert scene.gateway.snapshot()["exchanges"] == 0


def test_a_held_dial_waits_for_its_turn_and_leaves_nothing_behind() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), NAMED, connect_s=30, pool_wait_s=3)
    conn = scene.open()
    first, second = made_up(scene, conn, "name1"), made_up(scene, conn, "name2")
    scene.pass_time(3)
    (message,) = scene.messages(conn)
    assert "lookups_at_once_per_client" in str(message["response"])
    assert second in str(message["metadata"])
    assert scene.gateway.snapshot()["connections"] == 2
    scene.pass_time(27)
    assert scene.statuses(conn) == [(first, 504)]
    assert scene.gateway.snapshot()["connections"] == 1
    made_up(scene, conn, "name3")
    assert len(scene.dials) == 1


def test_the_time_to_connect_begins_when_the_dial_goes_out() -> None:
    """Neither its timeout nor the time that its handshake took includes what it waited."""
    scene = crowd(Limits(lookups_at_once_per_client=1), NAMED, connect_s=10, pool_wait_s=30)
    conn = scene.open()
    made_up(scene, conn, "name1")
    made_up(scene, conn, "name2")
    scene.pass_time(8)
    scene.fail_dial(next(iter(scene.dials)))
    scene.messages(conn)
    scene.pass_time(9)
    assert scene.messages(conn) == []
    (up,) = scene.dials
    scene.accept(up, "http/1.1")
    (connected,) = [event for event in scene.events if isinstance(event, AttemptConnected)]
    assert connected.handshake_s == pytest.approx(9)
    made_up(scene, conn, "name3")
    made_up(scene, conn, "name4")
    scene.pass_time(8)
    scene.fail_dial(next(iter(scene.dials)))
    scene.messages(conn)
    scene.pass_time(11)
    assert "no connection to the provider within 10 s" in str(scene.messages(conn))


@pytest.mark.parametrize(("lost_after_s", "sent_again"), [(0.9, True), (1.1, False), (8.5, False)])
def test_what_a_dial_waited_gives_a_lost_request_no_second_sending(lost_after_s: float, sent_again: bool) -> None:
    """The dial waits for 8 s and its handshake takes 1 s: a kept connection that ends later than that after a request
    may have begun it."""
    scene = crowd(Limits(lookups_at_once_per_client=1), NAMED, connect_s=10, pool_wait_s=30)
    conn = scene.open()
    made_up(scene, conn, "name1")
    first = made_up(scene, conn, "name2")
    scene.pass_time(8)
    scene.fail_dial(next(iter(scene.dials)))
    (up,) = scene.dials
    scene.pass_time(1)
    scene.accept(up, "http/1.1")
    scene.receive(up, OK)
    assert (first, 200) in scene.statuses(conn)
    lost = made_up(scene, conn, "name2")
    assert b"POST" in scene.take(up), "on the kept connection"
    scene.pass_time(lost_after_s)
    scene.gateway.connection_lost(up, "reset", scene.now)
    scene.gateway.closed(up, scene.now)
    scene.settle()
    assert len(scene.dials) == sent_again
    assert scene.statuses(conn) == ([] if sent_again else [(lost, 502)])


def test_creating_and_cancelling_does_not_evade_the_limit_of_look_ups() -> None:
    scene = crowd(Limits(), NAMED)
    conn = scene.open()
    dialled: set[str] = set()
    for number in range(60):
        event_id = made_up(scene, conn, f"name{number}")
        dialled |= {effect.host for effect in scene.dials.values()}
        scene.send(conn, type="universal.cancel", eventId=event_id)
    assert len(dialled) == 4
    scene.pass_time(10)
    made_up(scene, conn, "name100")
    assert len(scene.dials) == 1


def test_hosts_of_the_operator_and_of_providers_are_never_held_back() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), NAMED)
    conn = scene.open()
    made_up(scene, conn, "slow1")
    for _ in range(9):
        scene.create(conn)
    scene.create(conn, provider="openai", headers={"authorization": "Bearer k"})
    assert [effect.host for effect in scene.dials.values()][1:] == ["up.test"] * 9 + ["api.openai.com"]


def test_addresses_need_no_look_up() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), PLAIN)
    conn = scene.open()
    for _ in range(9):
        scene.create(conn)
    assert len(scene.dials) == 9


def test_realtime_dials_count_too() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1))
    for _ in range(2):
        scene.come("/v1/local/default/openai?model=m")
    assert len(scene.dials) == 2, "each client has its own"


def held_realtime(scene: Crowd) -> tuple[Streams, int]:
    """A realtime client whose dial is held back: the only look-up of its connection is for another stream."""
    streams = Streams(scene, "192.0.2.1:1")
    first, second = (
        streams.come(f"/v1/local/default/azure-openai/{name}/rest?api_key=k") for name in ("name1", "name2")
    )
    assert first not in streams.status
    assert [effect.host.partition(".")[0] for effect in scene.dials.values()] == ["name1"]
    return streams, second


def test_the_time_of_a_realtime_upgrade_begins_when_its_dial_goes_out() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), realtime_open_s=10, pool_wait_s=30)
    streams, second = held_realtime(scene)
    scene.pass_time(9)
    scene.fail_dial(next(iter(scene.dials)))
    assert len(scene.dials) == 1
    scene.pass_time(9)
    streams.flow()
    assert second not in streams.status
    scene.pass_time(1)
    streams.flow()
    assert streams.status[second] == 504


def test_a_realtime_dial_that_is_held_back_for_too_long_says_why() -> None:
    scene = crowd(Limits(lookups_at_once_per_client=1), realtime_open_s=30, pool_wait_s=3)
    streams, second = held_realtime(scene)
    scene.pass_time(3)
    streams.flow()
    assert streams.status[second] == 504
    refused = [event for event in scene.events if isinstance(event, UpgradeRefused)]
    assert "lookups_at_once_per_client" in refused[0].reason
    assert len(refused) == 1
    assert scene.gateway.snapshot()["connections"] == 2


# -- cancels --------------------------------------------------------------------------------------------------------


def test_creating_and_cancelling_in_a_row_is_slowed_and_others_go_on() -> None:
    """3,000 pairs: without a limit each is a request to the provider."""
    scene = crowd(Limits(exchanges_per_connection=100))
    conn, bystander = scene.open(), scene.open()
    dialled = 0
    for _ in range(3000):
        event_id = scene.create(conn)
        dialled += len(scene.dials)
        scene.send(conn, type="universal.cancel", eventId=event_id)
    assert dialled == 200
    refused = [message for message in scene.messages(conn) if message["type"] == "universal.created"]
    assert len(refused) == 2800
    assert "were cancelled within 1 s" in str(refused[0]["response"])
    scene.create(bystander)
    assert len(scene.accept_all()) == 1
    scene.pass_time(1.0)
    scene.create(conn)
    assert len(scene.dials) == 1


# -- signatures -----------------------------------------------------------------------------------------------------


def google(private_key: str, number: int) -> dict[str, str]:
    account = f'{{"client_email": "a{number}@b", "private_key": "{private_key}"}}'
    return {"authorization": "Bearer " + b64encode(account.encode()).decode()}


VERTEX = {
    "provider": "google-vertex-ai",
    "endpoint": "v1/projects/p/locations/us-central1/publishers/google/models/m:x",
}


def test_keys_of_clients_are_signed_with_one_at_a_time_in_turn() -> None:
    scene = crowd(Limits())
    greedy, bystander = scene.open(), scene.open()
    for number in range(60):
        scene.create(greedy, **VERTEX, headers=google("k", number))
    refused = scene.messages(greedy)
    assert len(refused) == 60 - 16 - 1
    assert "wait on this connection for a signature" in str(refused[0]["response"])
    event_id = scene.create(bystander, **VERTEX, headers=google("k", 99))
    signed = []
    for _ in range(3):
        (ask,) = scene.asks
        assert isinstance(ask.question, Sign)
        scene.asks.clear()
        signed.append(ask.question.message)
        scene.gateway.answer(ask.id, Unavailable() if len(signed) == 3 else Signed(b"s"), scene.now)
        scene.settle()
    assert scene.statuses(bystander) == [(event_id, 503)], "it was the third at the latest"


def test_neither_cancelling_nor_leaving_begins_more_signatures() -> None:
    scene = crowd(Limits())
    conn = scene.open()
    for number in range(20):
        event_id = scene.create(conn, **VERTEX, headers=google("k", number))
        scene.send(conn, type="universal.cancel", eventId=event_id)
    for number in range(10):
        scene.create(conn, **VERTEX, headers=google("k", 100 + number))
    scene.leave(conn)
    assert len(scene.asks) == 1
    scene.pass_time(5)
    assert len(scene.asks) == 1
    assert scene.gateway.snapshot()["asks"] == 0


@pytest.mark.parametrize("bits", [1024, 6144])
def test_a_key_of_a_wrong_size_is_never_signed_with(bits: int) -> None:
    scene = crowd(Limits())
    conn = scene.open()
    key = pem("PRIVATE KEY", pkcs8(bits)).replace("\n", "\\n")
    scene.create(conn, **VERTEX, headers=google(key, 1))
    (message,) = scene.messages(conn)
    assert f"a private_key of {bits} bits; allowed are 2048 to 4096" in str(message["response"])
    assert scene.asks == []


def test_limits_of_a_connection_count_for_it_alone() -> None:
    scene = crowd(Limits(exchanges_per_connection=2))
    one, two = scene.open(), scene.open()
    for _ in range(3):
        scene.create(one)
    assert [status for _, status in scene.statuses(one)] == [429]
    scene.create(two)
    assert scene.statuses(two) == []
    assert ConnId(0) not in scene.clients
