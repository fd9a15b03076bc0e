"""FairScheduler on a shared socket: order, room, and who is paused."""

from tests.rigs.compiled import needs_sources

from aigw_sansio.config import Config, Limits
from aigw_sansio.downstream.channel import MessageChannel
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import Side
from aigw_sansio.sessions.scheduler import FairScheduler

pytestmark = needs_sources


class Socket(MessageChannel):
    """A channel whose transport takes bytes when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.unsent = 0
        self.ended = False

    @property
    def outstanding(self) -> int:
        return self.unsent

    def send_text(self, payload: bytes, now: float) -> None:
        self.sent.append(payload)
        self.unsent += len(payload)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        count = 0
        while count < len(payloads) and self.unsent < limit:
            self.send_text(payloads[count], now)
            count += 1
        return payloads[count:]

    def send_control_text(self, payload: bytes, now: float) -> None:
        raise AssertionError("a scheduler sends what waits for its turn")

    def pause(self) -> None:
        raise AssertionError("a scheduler pauses providers")

    def resume(self, now: float) -> None:
        raise AssertionError("a scheduler resumes providers")

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        raise AssertionError("a scheduler closes nothing")


class Running:
    """An exchange as ``FairScheduler`` sees it."""

    def __init__(self, name: str, *, collecting: bool = False) -> None:
        self.event_id = name
        self.ended = False
        self.collecting = collecting
        self.paused_by: set[str] = set()

    @property
    def paused_by_queue(self) -> bool:
        return "queue" in self.paused_by

    def pause_for_queue(self) -> None:
        self.paused_by.add("queue")

    def pause_for_budget(self) -> None:
        self.paused_by.add("budget")

    def resume_after_queue(self, now: float) -> None:
        self.paused_by.discard("queue")

    def resume_after_budget(self, now: float) -> None:
        self.paused_by.discard("budget")


class Rig:
    def __init__(self, *names: str, collecting: bool = False, **limits: int) -> None:
        chosen = Limits(**{"send_high_water_bytes": 100, "buffered_response_bytes_per_connection": 1000, **limits})
        self.services = Services(Config(limits=chosen), b"seed", 0.0)
        self.running = [Running(name, collecting=collecting) for name in names]
        self.emptied: list[str] = []
        self.socket = Socket()
        self.scheduler = FairScheduler(
            self.services,
            self.socket,
            running=lambda: self.running,
            emptied=lambda exchange, now: self.emptied.append(exchange.event_id),
        )

    def post(self, index: int, *messages: bytes) -> None:
        self.scheduler.post(self.running[index], list(messages), 0.0)
        self.services.run_deferred(0.0)

    def account(self, delta: int) -> None:
        self.scheduler.account(delta)
        self.services.run_deferred(0.0)

    def taken(self, size: int) -> list[bytes]:
        """The transport took ``size`` bytes; what is sent because of it."""
        before = len(self.socket.sent)
        self.socket.unsent -= size
        self.scheduler.take(0.0)
        self.services.run_deferred(0.0)
        return self.socket.sent[before:]


def test_messages_go_at_once_while_there_is_room_and_nobody_waits() -> None:
    rig = Rig("a")
    rig.post(0, b"x" * 60, b"y" * 60, b"z")
    assert rig.socket.sent == [b"x" * 60, b"y" * 60]
    assert rig.scheduler.has_queued(rig.running[0])
    assert rig.taken(120) == [b"z"]
    assert not rig.scheduler.has_queued(rig.running[0])


def test_exchanges_take_turns_one_message_each() -> None:
    rig = Rig("a", "b", "c")
    rig.post(0, b"0" * 100, *[b"a%d" % n for n in range(3)])
    rig.post(1, *[b"b%d" % n for n in range(3)])
    rig.post(2, b"c0")
    assert rig.socket.sent == [b"0" * 100]
    assert rig.taken(100) == [b"a0", b"b0", b"c0", b"a1", b"b1", b"a2", b"b2"]


def test_whoever_comes_later_does_not_overtake() -> None:
    rig = Rig("a", "b")
    rig.post(0, b"0" * 100, b"1" * 100)
    rig.socket.unsent = 0
    rig.post(1, b"late")
    assert rig.socket.sent == [b"0" * 100], "a waits already"
    assert rig.taken(0) == [b"1" * 100]
    assert rig.taken(100) == [b"late"]


def test_a_token_waits_for_one_message_of_each_other_exchange_at_most() -> None:
    rig = Rig("blob", "token")
    rig.post(0, b"0" * 100, *[b"B" * 5000] * 10)
    rig.post(1, b"t")
    assert rig.taken(100) == [b"B" * 5000]
    assert rig.taken(5000)[0] == b"t"


def test_its_own_queue_holds_an_exchange_back_until_a_quarter_is_left() -> None:
    rig = Rig("a", "b")
    rig.post(0, b"0" * 100, *[b"q" * 30] * 4)
    rig.post(1, b"t" * 50)
    assert rig.running[0].paused_by == {"queue"}
    assert rig.running[1].paused_by == set()
    rig.taken(70)
    rig.taken(30)
    assert rig.running[0].paused_by_queue
    left = 2
    while rig.scheduler.has_queued(rig.running[0]):
        assert rig.running[0].paused_by_queue is (left > 0)
        left -= len(rig.taken(rig.socket.outstanding))
    assert not rig.running[0].paused_by_queue


def test_an_ended_exchange_is_reported_when_its_last_message_is_taken() -> None:
    rig = Rig("a")
    rig.post(0, b"0" * 100, b"1", b"2")
    rig.running[0].ended = True
    assert rig.emptied == []
    rig.taken(100)
    assert rig.emptied == ["a"]


def test_above_the_account_all_wait_but_the_oldest_that_collects() -> None:
    rig = Rig("a", "b", "c", collecting=True, response_body_bytes=500)
    rig.account(1001)
    assert [running.paused_by for running in rig.running] == [set(), {"budget"}, {"budget"}]
    rig.account(-200)
    assert rig.running[1].paused_by == {"budget"}, "not before three quarters"
    rig.account(-51)
    assert all(not running.paused_by for running in rig.running)


def test_the_oldest_waits_too_where_the_client_has_something_to_take() -> None:
    rig = Rig("a", "b", collecting=True, response_body_bytes=500)
    rig.post(0, b"0" * 100, b"q" * 400)
    rig.account(1200)
    assert rig.running[0].paused_by == {"queue", "budget"}
    assert rig.running[1].paused_by == {"budget"}


def test_dropping_and_clearing_leave_nothing_on_account() -> None:
    rig = Rig("a", "b")
    rig.post(0, b"0" * 100, b"1" * 50)
    rig.post(1, b"2" * 50)
    rig.scheduler.discard(rig.running[0])
    assert not rig.scheduler.has_queued(rig.running[0])
    rig.scheduler.close()
    assert not rig.scheduler.has_queued(rig.running[1])
    rig.account(1000)
    assert [running.paused_by for running in rig.running] == [set(), set()], "what was dropped is on no account"
    rig.account(1)
    assert [running.paused_by for running in rig.running] == [{"budget"}, {"budget"}]
    rig.socket.unsent = 0
    assert rig.taken(0) == []


def test_nothing_is_queued_for_a_socket_that_is_gone() -> None:
    rig = Rig("a")
    rig.socket.ended = True
    rig.post(0, b"x")
    assert not rig.socket.sent
    assert not rig.scheduler.has_queued(rig.running[0])
