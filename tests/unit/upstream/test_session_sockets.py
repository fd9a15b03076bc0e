"""Which WebSocket of a session a request uses, how many there are, and for how long."""

from tests.rigs.response_sockets import ORIGIN, UPGRADE, Sockets, key_of

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.effects import Close, Connect
from aigw_sansio.faults import Fault
from aigw_sansio.ids import Lineage
from aigw_sansio.upstream.response_socket import ResponseSocket, SocketKey

KEY = key_of()
ANOTHER = key_of(beta=b"x")


class User:
    """Takes what comes."""

    def __init__(self) -> None:
        self.failed: list[Fault] = []

    def dial_begun(self, now: float) -> None:
        pass

    def socket_open(self, now: float) -> None:
        pass

    def request_sent(self, now: float) -> None:
        pass

    def messages_received(self, messages: list[bytes], now: float) -> None:
        pass

    def socket_failed(self, fault: Fault, now: float) -> None:
        self.failed.append(fault)


def opened(rig: Sockets, lane: str, latest: str = "", key: SocketKey = KEY) -> ResponseSocket:
    """An idle socket that was used in ``lane``."""
    socket = rig.sockets.dial(key, UPGRADE, Lineage(lane), rig.client, rig.now)
    assert socket.dial(User(), rig.now)
    rig.connect()
    socket.free(rig.now)
    socket.latest = latest
    return socket


def test_the_one_that_knows_the_response_then_that_of_the_lane_then_one_that_no_lane_needs() -> None:
    rig = Sockets()
    a, b, free = opened(rig, "a", "r1"), opened(rig, "b", "r2"), opened(rig, "c")

    def find(lane: str, previous: str = "", key: SocketKey = KEY) -> ResponseSocket | None:
        return rig.sockets.find(key, Lineage(lane, previous), "openai", rig.now)

    assert find("b", "r1") is a  # and its lane is b now
    assert a.lane == "b"
    a.lane = "a"
    assert find("b") is b
    assert find("d") is free
    assert find("d", key=ANOTHER) is None
    busy = User()
    free.take(busy)
    assert find("e") is None  # the others remember responses that their lanes may go on from
    assert rig.sockets.held >= 0


def test_at_the_limit_one_that_a_lane_needs_is_used_and_one_of_another_key_is_closed() -> None:
    rig = Sockets(Config(limits=Limits(responses_at_once_per_connection=2)))
    a, b = opened(rig, "a", "r1"), opened(rig, "b", "r2")
    assert rig.sockets.find(KEY, Lineage("c"), "openai", 0.0) is a
    assert rig.sockets.find(ANOTHER, Lineage("c"), "openai", 0.0) is None
    rig.effects()
    another = rig.sockets.dial(ANOTHER, UPGRADE, Lineage("c"), rig.client, 0.0)
    another.dial(User(), 0.0)
    assert b.over
    assert not a.over
    assert [type(effect) for effect in rig.effects()] == [Close, Connect]


def test_an_old_socket_gets_no_new_request() -> None:
    rig = Sockets()
    socket, other = opened(rig, "a", "r1"), opened(rig, "b", "r2")
    later = 25 * 60.0
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", later) is socket
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "grok", later) is None
    assert socket.over
    assert other.over
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", later) is None


def test_after_a_refusal_none_is_dialled_for_a_minute() -> None:
    rig = Sockets()
    assert rig.sockets.may_dial(ORIGIN, 5.0)
    rig.sockets.rest(ORIGIN, 5.0)
    assert not rig.sockets.may_dial(ORIGIN, 64.9)
    assert rig.sockets.may_dial(ORIGIN, 65.0)


def test_few_descriptors_are_left_to_others() -> None:
    rig = Sockets(Config(descriptors=100))
    for rig.taken, may in ((67, True), (68, False)):
        assert rig.sockets.may_dial(ORIGIN, 0.0) is may


def test_what_waits_on_a_connection_is_counted_beside_what_is_held() -> None:
    rig = Sockets()
    dialled = rig.sockets.dial(KEY, UPGRADE, Lineage("b"), rig.client, 0.0)
    dialled.dial(User(), 0.0)
    rig.pipes[-1].connected("http/1.1", rig.now)
    assert rig.sockets.outstanding == dialled.outstanding > 100, "the request for the upgrade"
    assert rig.sockets.held == 0, "the connection counts it"


def test_the_end_of_the_session_closes_all() -> None:
    rig = Sockets()
    idle = opened(rig, "a")
    dialled = rig.sockets.dial(KEY, UPGRADE, Lineage("b"), rig.client, 0.0)
    dialled.dial(User(), 0.0)
    rig.effects()
    rig.sockets.close(0.0)
    assert idle.over
    assert dialled.over
    assert [effect.abort for effect in rig.effects() if isinstance(effect, Close)] == [False, True]
    assert rig.heard(0) == ["close 1000"]
    assert rig.sockets.held == 0


def test_one_that_may_be_dead_gets_no_request() -> None:
    rig = Sockets(Config(limits=Limits(responses_at_once_per_connection=2), timeouts=Timeouts(ping_after_s=10.0)))
    a = opened(rig, "a", "r1")
    rig.wait(5.0)
    b = opened(rig, "b", "r2")
    rig.wait(5.0)
    assert rig.heard(0) == ["ping"]
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", rig.now) is b  # no more may be dialled
    b.take(User())
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", rig.now) is None
    rig.say("pong", number=0)
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", rig.now) is a
    rig.wait(10.0)
    assert rig.heard(0) == ["ping"]
    assert a.awaiting
    rig.sockets.dial(KEY, UPGRADE, Lineage("a"), rig.client, rig.now)
    assert a.over  # it makes room


def test_one_on_which_something_has_come_gets_no_request() -> None:
    rig = Sockets()
    a = opened(rig, "a", "r1")
    rig.receive(b"\x81")
    assert rig.sockets.find(KEY, Lineage("a", "r1"), "openai", 0.0) is None
    assert a.over


def test_those_of_another_credential_end_when_they_were_idle_for_long() -> None:
    rig = Sockets()
    old, other, path = opened(rig, "a"), opened(rig, "b", key=ANOTHER), opened(rig, "c", key=key_of(target=b"/x"))
    new = key_of(b"Bearer new")
    later = Timeouts().pool_idle_s
    rig.sockets.find(new, Lineage("d"), "openai", later - 1)
    assert not old.over
    rig.sockets.find(KEY, Lineage("d"), "openai", later)
    assert not other.over  # it has the same credential
    rig.sockets.find(new, Lineage("d"), "openai", later)
    assert (old.over, other.over, path.over) == (True, True, False)


def test_whether_a_provider_has_spoken() -> None:
    rig = Sockets()
    socket = opened(rig, "a")
    assert not rig.sockets.has_heard(ORIGIN)
    socket.has_spoken = True
    assert rig.sockets.has_heard(ORIGIN)
    socket.close(0.0)
    assert not rig.sockets.has_heard(ORIGIN)


def test_a_key_shows_no_credential() -> None:
    assert repr(key_of(b"Bearer canary")) == "SocketKey('provider.test')"
