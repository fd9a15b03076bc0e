"""The pool: who waits for whom, and which dial is for whom."""

import gc
import weakref

import pytest
from h2.settings import SettingCodes
from tests.peers.http2_frames import goaway, settings
from tests.rigs.core_rig import OK, Handler, Rig

from aigw_sansio.config import GatewaySettings, Limits, Timeouts
from aigw_sansio.engine.client import Client, Requester
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Origin

PLAIN = Origin("https", "up.test", 443, None, "off")
AUTO = Origin("https", "up.test", 443)


def test_each_request_gets_its_own_dial_and_its_answer() -> None:
    rig = Rig()
    one, two = Handler(), Handler()
    rig.call(one, PLAIN)
    rig.call(two, PLAIN)
    assert rig.short() == ["connect 1", "connect 2"]
    rig.connect(2)
    rig.connect(1)
    assert (one.told, two.told) == (["placed 1 dialled", "sent"], ["placed 2 dialled", "sent"])
    rig.receive(1, OK)
    assert one.told[2:] == ["activity", "head 200", "body ok", "end"]
    assert rig.pool.waiting == 0


def test_whoever_waits_longest_is_served_first() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1))
    handlers = [Handler() for _ in range(4)]
    for handler in handlers:
        rig.call(handler, PLAIN)
    assert rig.short() == ["connect 1"]
    rig.connect(1)
    for index, handler in enumerate(handlers):
        assert [len(one.told) > 0 for one in handlers] == [i <= index for i in range(4)]
        rig.receive(1, OK)
        rig.take(1)
        assert handler.told[-1] == "end"
    assert all(f"placed 1 {'reused' if i else 'dialled'}" == handler.told[0] for i, handler in enumerate(handlers))


def test_a_freed_connection_serves_before_the_dial_is_done_and_the_dial_is_kept() -> None:
    rig = Rig()
    first, second, third = Handler(), Handler(), Handler()
    rig.call(first, PLAIN)
    rig.connect(1)
    rig.call(second, PLAIN)
    rig.receive(1, OK)
    assert second.told[0] == "placed 1 reused"
    rig.connect(2)
    assert rig.connections[ConnId(2)].idle
    rig.call(third, PLAIN)
    assert third.told[0] == "placed 2 dialled"
    assert rig.short().count("connect 3") == 0


def test_a_surplus_dial_is_cut_and_a_wanted_one_handed_over() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1))
    gone, heir = Handler(), Handler()
    call = rig.call(gone, PLAIN)
    waiting = rig.call(heir, PLAIN)
    rig.pool.withdraw(call, rig.now)
    assert rig.short() == ["connect 1"], "handed over"
    rig.connect(1)
    assert heir.told == ["placed 1 dialled", "sent"]
    assert gone.told == []
    rig = Rig(Limits(upstream_connections_per_origin=1))
    call, waiting = rig.call(gone, PLAIN), rig.call(heir, PLAIN)
    rig.pool.withdraw(waiting, rig.now)
    assert rig.short() == ["connect 1"]
    rig.pool.withdraw(call, rig.now)
    assert rig.short() == ["abort 1"]
    assert rig.pool.waiting == 0


def test_the_heir_of_a_dial_has_its_own_time() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1), Timeouts(pool_wait_s=100))
    gone, heir = Handler(), Handler()
    call = rig.call(gone, PLAIN)
    rig.call(heir, PLAIN, connect_s=3.0)
    rig.pass_time(5)
    rig.pool.withdraw(call, rig.now)
    rig.pass_time(2.9)
    assert heir.told == []
    rig.pass_time(0.2)
    assert heir.told == ["failed connect_timeout"]
    assert rig.short() == ["connect 1", "abort 1"]


def test_a_dead_dial_does_not_go_from_hand_to_hand() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1), Timeouts(connect_s=10, pool_wait_s=60))
    unlucky, heir = Handler(), Handler()
    rig.call(unlucky, PLAIN)
    rig.pass_time(5)
    rig.call(heir, PLAIN)
    rig.pass_time(5)
    assert unlucky.told == ["failed connect_timeout"]
    assert rig.short() == ["connect 1", "abort 1", "connect 2"]
    rig.connections[ConnId(1)].closed(rig.now)
    rig.connect(2)
    assert heir.told == ["placed 2 dialled", "sent"]


def test_a_failed_dial_fails_its_request_and_dials_for_the_next() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1))
    one, two = Handler(), Handler()
    rig.call(one, PLAIN)
    rig.call(two, PLAIN)
    rig.connections[ConnId(1)].connect_failed("connection refused", 0.0)
    assert one.told == ["failed connect_failed"]
    assert one.fault is not None
    assert one.fault.retryable
    assert one.fault.detail == "cannot connect to the provider: connection refused"
    assert rig.short() == ["connect 1", "connect 2"]
    rig.connect(2)
    assert two.told[0] == "placed 2 dialled"


def test_the_clock_of_a_dial() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN, connect_s=3.0)
    rig.pass_time(2.9)
    assert handler.told == []
    rig.pass_time(0.2)
    assert handler.told == ["failed connect_timeout"]
    assert handler.fault is not None
    assert handler.fault.detail == "no connection to the provider within 3 s"
    assert rig.short() == ["connect 1", "abort 1"]
    rig.connections[ConnId(1)].closed(rig.now)
    assert handler.told == ["failed connect_timeout"]


def test_the_clock_of_those_without_a_place() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1), Timeouts(pool_wait_s=7))
    handler = Handler()
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.call(handler, PLAIN)
    rig.pass_time(6.9)
    assert handler.told == []
    rig.pass_time(0.2)
    assert handler.told == ["failed pool_timeout"]
    assert rig.pool.waiting == 0


def test_a_reused_and_lost_connection_is_replaced_once() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.receive(1, OK)
    rig.call(handler, PLAIN)
    rig.take(1)
    rig.connections[ConnId(1)].receive_eof(rig.now)
    assert handler.told == ["placed 1 reused", "sent", "replaced"]
    assert rig.short() == ["connect 1", "flush 1", "flush 1", "close 1", "connect 2"]
    rig.connect(2)
    rig.connections[ConnId(2)].connection_lost("reset", rig.now)
    assert handler.told[3:] == ["placed 2 dialled", "sent", "failed connection_lost"]
    assert "connect 3" not in rig.short()


def test_a_replacement_takes_no_connection_that_has_served() -> None:
    rig = Rig()
    handler = Handler()
    for _ in range(2):
        rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.connect(2)
    rig.receive(1, OK)
    rig.receive(2, OK)
    rig.call(handler, PLAIN)
    reused = int(handler.told[0].split()[1])
    rig.connections[ConnId(reused)].connection_lost("reset", rig.now)
    assert "connect 3" in rig.short()
    rig.connect(3)
    assert handler.told[-2:] == ["placed 3 dialled", "sent"]


def test_what_was_answered_in_part_is_not_replaced() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.receive(1, OK)
    rig.call(handler, PLAIN)
    rig.take(1)
    rig.receive(1, b"HTTP/1.1 ")
    rig.connections[ConnId(1)].connection_lost("reset", rig.now)
    assert handler.told[-1] == "failed connection_lost"
    assert "connect 2" not in rig.short()


def test_an_old_connection_takes_nothing_new() -> None:
    rig = Rig(timeouts=Timeouts(pool_age_s=100, pool_idle_s=1000))
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.receive(1, OK)
    rig.pass_time(100)
    handler = Handler()
    rig.call(handler, PLAIN)
    assert rig.short() == ["connect 1", "flush 1", "close 1", "connect 2"]
    assert handler.told == []


def test_an_idle_connection_goes() -> None:
    rig = Rig(timeouts=Timeouts(pool_idle_s=60))
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.pass_time(1000)
    assert "close 1" not in rig.short(), "it is not idle while it carries a request"
    rig.receive(1, OK)
    rig.pass_time(59.9)
    assert rig.short() == []
    rig.pass_time(0.2)
    assert rig.short() == ["close 1"]
    rig.call(Handler(), PLAIN)
    assert rig.short() == ["connect 2"]


def test_http2_is_shared_and_a_second_dial_is_not_made() -> None:
    rig = Rig()
    handlers = [Handler() for _ in range(4)]
    rig.call(handlers[0], AUTO)
    rig.connect(1, "h2")
    rig.call(handlers[1], AUTO)
    rig.exchange(1)
    assert [handler.told[0] for handler in handlers[:2]] == ["placed 1 dialled", "placed 1 shared"]
    rig.respond(1, 1)
    rig.respond(1, 3)
    assert handlers[1].told[-2:] == ["body ok", "end"]
    rig.call(handlers[2], AUTO)
    assert handlers[2].told[0] == "placed 1 reused"
    rig.connections[ConnId(1)].connection_lost("reset", rig.now)
    rig.short()
    rig.call(handlers[3], AUTO)
    rig.call(Handler(), AUTO)
    assert rig.short() == [], "the replacement's dial will do for all: it likely speaks HTTP/2"
    rig.connect(2, "h2")
    assert [handlers[2].told[-1], handlers[3].told[0]] == ["placed 2 dialled", "placed 2 shared"] or handlers[3].told[
        0
    ] == "placed 2 shared"


def test_a_dial_that_turns_out_not_to_be_shareable_serves_one_and_the_rest_dial() -> None:
    rig = Rig(Limits(streams_per_connection=1))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    rig.call(Handler(), AUTO)
    assert rig.short()[-1] == "connect 2"
    for _ in range(3):
        rig.call(Handler(), AUTO)
    assert rig.short() == [], "the dial under way is likely one for many"
    rig.connect(2, "http/1.1")
    assert sorted(rig.short()) == ["connect 3", "connect 4", "connect 5", "flush 2"]


def test_the_limit_of_streams() -> None:
    rig = Rig(Limits(streams_per_connection=2, upstream_connections_per_origin=1))
    handlers = [Handler() for _ in range(3)]
    rig.call(handlers[0], AUTO)
    rig.connect(1, "h2")
    rig.call(handlers[1], AUTO)
    rig.call(handlers[2], AUTO)
    rig.exchange(1)
    assert handlers[2].told == []
    assert rig.pool.waiting == 1
    rig.respond(1, 1)
    assert handlers[2].told[0] == "placed 1 shared"


@pytest.mark.parametrize("other", [
    Origin("http", "up.test", 443), Origin("https", "up.test", 8443, None, "off"), Origin("https", "x.test", 443, None, "off"),
    Origin("https", "up.test", 443, "ca.pem", "off"), AUTO,
])  # fmt: skip
def test_origins_share_nothing(other: Origin) -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1))
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.receive(1, OK)
    rig.short()
    rig.call(Handler(), other)
    assert rig.short() == ["connect 2"]


def test_nothing_is_left_of_an_origin() -> None:
    rig = Rig()
    for number in range(100):  # clients may choose hosts: each must be forgotten
        origin = Origin("https", f"r{number}.test", 443)
        call = rig.call(Handler(), origin)
        if number % 3 == 0:
            rig.pool.withdraw(call, rig.now)
        elif number % 3 == 1:
            rig.connections[ConnId(number + 1)].connect_failed("refused", rig.now)
        else:
            rig.connect(number + 1, "http/1.1")
            rig.receive(number + 1, OK)
    rig.pass_time(1000)
    assert rig.pool._origins == {}


def test_a_request_that_left_is_not_kept_for_its_clock() -> None:
    rig = Rig()
    rig.call(Handler(), AUTO, connect_s=86400.0)
    rig.connect(1, "h2")
    handler = Handler()
    gone = weakref.ref(handler)
    call = rig.call(handler, Origin("https", "other.test", 443), connect_s=86400.0)
    rig.pool.withdraw(call, 0.0)
    del call, handler
    rig.connections.pop(ConnId(2))
    gc.collect()
    assert gone() is None


def test_close_all_cuts_what_runs_and_lets_the_idle_go_politely() -> None:
    rig = Rig()
    rig.call(Handler(), PLAIN)
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.connect(2)
    rig.receive(1, OK)
    rig.short()
    rig.pool.close_all(rig.now)
    assert sorted(rig.short()) == ["abort 2", "close 1"]


H2C = Origin("http", "up.test", 80, None, "on")


def _burst(rig: Rig, origin: Origin, n: int, **more: float) -> list[Handler]:
    handlers = [Handler() for _ in range(n)]
    for handler in handlers:
        rig.call(handler, origin, **more)
    return handlers


@pytest.mark.parametrize("origin", [H2C, Origin("https", "up.test", 443, None, "on"), AUTO])
def test_a_first_burst_begins_with_one_connection_and_shares_it(origin: Origin) -> None:
    rig = Rig()
    handlers = _burst(rig, origin, 20)
    assert rig.short() == ["connect 1"]
    rig.connect(1, "h2")
    assert [handler.told[0] for handler in handlers] == ["placed 1 dialled", *["placed 1 shared"] * 19]
    assert not [effect for effect in rig.short() if effect.startswith("connect")]


def test_until_the_provider_says_how_many_streams_it_takes_the_rest_of_a_burst_waits() -> None:
    rig = Rig()
    handlers = _burst(rig, H2C, 20)
    rig.connections[ConnId(1)].connected(None, rig.now)
    placed = sum(1 for handler in handlers if handler.told)
    assert 0 < placed < 20
    assert [effect for effect in rig.short() if effect.startswith("connect")] == ["connect 1"]
    rig.receive(1, settings({SettingCodes.MAX_CONCURRENT_STREAMS: 12}))
    assert sum(1 for handler in handlers if handler.told) == 12
    assert [effect for effect in rig.short() if effect.startswith("connect")] == ["connect 2"], "for the other eight"


@pytest.mark.parametrize("origin", [PLAIN, Origin("http", "up.test", 80)])
def test_where_no_connection_can_be_shared_each_request_dials(origin: Origin) -> None:
    rig = Rig()
    _burst(rig, origin, 3)
    assert rig.short() == ["connect 1", "connect 2", "connect 3"]


def test_what_waits_for_a_dial_that_is_not_shareable_dials_side_by_side() -> None:
    rig = Rig()
    _burst(rig, AUTO, 4)
    assert rig.short() == ["connect 1"]
    rig.connect(1, "http/1.1")
    assert sorted(rig.short()) == ["connect 2", "connect 3", "connect 4", "flush 1"]
    _burst(rig, AUTO, 2)
    assert rig.short() == ["connect 5", "connect 6"], "it is known now"


@pytest.mark.parametrize("late", [False, True])
def test_what_waits_for_a_dial_that_fails_dials_side_by_side(late: bool) -> None:
    rig = Rig()
    handlers = _burst(rig, AUTO, 1, connect_s=3.0) + _burst(rig, AUTO, 3)
    assert rig.short() == ["connect 1"]
    if late:
        rig.pass_time(3.0)
        assert rig.short() == ["connect 2", "connect 3"], "the first dial goes on, for one of the others"
    else:
        rig.connections[ConnId(1)].connect_failed("refused", rig.now)
        assert rig.short() == ["connect 2", "connect 3", "connect 4"]
    assert handlers[0].told == [f"failed connect_{'timeout' if late else 'failed'}"]
    assert [handler.told for handler in handlers[1:]] == [[]] * 3


def test_a_connection_that_is_too_old_and_still_serves_keeps_nobody_from_dialling() -> None:
    rig = Rig(timeouts=Timeouts(pool_age_s=100, upstream_ping_s=1000))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    rig.pass_time(100)
    rig.short()
    _burst(rig, AUTO, 4)
    assert rig.short() == ["connect 2"]
    rig.connections[ConnId(2)].connect_failed("refused", rig.now)
    assert rig.short() == ["connect 3", "connect 4", "connect 5"]


def test_waiting_for_the_dial_of_another_is_connecting() -> None:
    rig = Rig(timeouts=Timeouts(pool_wait_s=30))
    rig.call(Handler(), AUTO)
    impatient = Handler()
    rig.call(impatient, AUTO, connect_s=2.0)
    rig.pass_time(1.9)
    assert impatient.told == []
    rig.pass_time(0.2)
    assert impatient.told == ["failed connect_timeout"]
    assert impatient.fault is not None
    assert impatient.fault.detail == "no connection to the provider within 2 s"
    assert rig.short() == ["connect 1"]


def test_who_waited_for_a_dial_and_finds_it_full_waits_for_a_place() -> None:
    rig = Rig(Limits(streams_per_connection=1, upstream_connections_per_origin=1), Timeouts(pool_wait_s=30))
    late = Handler()
    rig.call(Handler(), AUTO)
    rig.call(late, AUTO, connect_s=2.0)
    rig.connect(1, "h2")
    rig.pass_time(29.9)
    assert late.told == []
    rig.pass_time(0.2)
    assert late.told == ["failed pool_timeout"]


def test_all_that_a_provider_leaves_behind_share_the_next_connection() -> None:
    rig = Rig()
    handlers = _burst(rig, AUTO, 10)
    rig.connect(1, "h2")
    rig.short()
    rig.receive(1, goaway(0))
    assert [handler.told[-1] for handler in handlers] == ["replaced"] * 10
    assert [effect for effect in rig.short() if effect.startswith("connect")] == ["connect 2"]
    rig.connect(2, "h2")
    assert {handler.told[-2].split()[1] for handler in handlers} == {"2"}
    assert not [effect for effect in rig.short() if effect.startswith("connect")]


def test_the_place_of_a_lost_connection_is_for_a_fresh_one() -> None:
    rig = Rig(Limits(upstream_connections_per_origin=2))
    _burst(rig, PLAIN, 2)
    for conn in (1, 2):
        rig.connect(conn)
    for conn in (1, 2):
        rig.receive(conn, OK)
    handler = Handler()
    rig.call(handler, PLAIN)
    used = int(handler.told[0].split()[1])
    rig.connections[ConnId(used)].connection_lost("reset", rig.now)
    assert [handler.told[-1], rig.short()[-1]] == ["replaced", "connect 3"], "not the other one, which may be stale too"


@pytest.mark.parametrize("alone", [False, True])
def test_at_the_limit_a_refused_stream_is_tried_again_where_it_was_refused(alone: bool) -> None:
    rig = Rig(Limits(upstream_connections_per_origin=1))
    handlers = _burst(rig, AUTO, 1 if alone else 2)
    rig.connect(1, "h2")
    rig.servers[ConnId(1)].reset_stream(1, error_code=7)
    (again,) = rig.exchange(1)
    rig.respond(1, again)
    assert "replaced" in handlers[0].told
    assert handlers[0].told[-2:] == ["body ok", "end"]
    for _ in range(5):
        handler = Handler()
        rig.call(handler, AUTO)
        for _ in range(5):
            for stream in rig.exchange(1):
                rig.servers[ConnId(1)].reset_stream(stream, error_code=7)
        assert handler.told[-1] == "failed stream_refused", "not for ever"


def test_a_dial_that_nobody_waits_for_any_more_ends_in_time_too() -> None:
    rig = Rig(Limits(streams_per_connection=1), Timeouts(connect_s=5.0))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    served, late = Handler(), Handler()
    rig.call(served, AUTO)
    assert rig.short()[-1] == "connect 2"
    rig.respond(1, 1)
    assert served.told[0] == "placed 1 reused"
    rig.call(late, AUTO)
    rig.short()
    rig.pass_time(4.9)
    assert rig.short() == []
    rig.pass_time(0.2)
    assert rig.short() == ["abort 2", "connect 3"], "late counted on it"
    rig.connections[ConnId(2)].closed(rig.now)
    rig.connect(3, "h2")
    assert late.told == ["placed 3 dialled", "sent"]


def test_a_dial_that_nobody_waits_for_any_more_may_fail_before() -> None:
    rig = Rig(Limits(streams_per_connection=1), Timeouts(connect_s=5.0))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    rig.call(Handler(), AUTO)
    rig.respond(1, 1)
    rig.connections[ConnId(2)].connect_failed("refused", rig.now)
    rig.connections[ConnId(2)].closed(rig.now)
    rig.short()
    rig.pass_time(10.0)
    assert rig.short() == []


def test_whoever_waits_behind_inherits_the_dial_of_one_that_got_a_place() -> None:
    rig = Rig(Limits(streams_per_connection=1), Timeouts(pool_wait_s=60.0))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    served, late = Handler(), Handler()
    rig.call(served, AUTO)
    rig.call(late, AUTO, connect_s=3.0)
    rig.pass_time(2.0)
    rig.respond(1, 1)
    assert served.told[0] == "placed 1 reused"
    rig.pass_time(2.9)
    assert late.told == []
    rig.pass_time(0.2)
    assert late.told == ["failed connect_timeout"]
    assert rig.short()[-1] == "abort 2"


def test_a_connection_that_is_too_old_lets_nobody_stand_in_the_way_of_others() -> None:
    """A's request may have no more of its own, and could share the old one only: B is served with what is free."""
    rig = Rig(
        Limits(upstream_connections_per_origin=3, streams_per_connection=2),
        Timeouts(pool_age_s=5, pool_wait_s=50),
        gateways={"l/a": GatewaySettings(), "l/b": GatewaySettings()},
    )
    a, b = Requester("l/a", Client()), Requester("l/b", Client())
    rig.call(Handler(), AUTO, requester=a)
    rig.call(Handler(), AUTO, requester=a)
    rig.connect(1, "h2")
    rig.exchange(1)
    rig.pass_time(4)
    rig.call(Handler(), AUTO, requester=a)
    rig.call(Handler(), AUTO, requester=a)
    rig.connect(2, "h2")
    rig.exchange(2)
    over = Handler()
    rig.call(over, AUTO, requester=a)
    rig.pass_time(1)
    rig.call(Handler(), AUTO, requester=b)
    rig.connect(3)
    waits = Handler()
    rig.call(waits, AUTO, requester=b)
    rig.pass_time(1.5)
    rig.respond(1, 3)
    rig.receive(3, OK)
    assert (over.told, waits.told) == ([], ["placed 3 reused"])
