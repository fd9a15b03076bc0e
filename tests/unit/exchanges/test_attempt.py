"""One attempt: four clocks, standing still while held, one end in every phase."""

from typing import Any

import pytest
from tests.rigs.core_rig import CALLER, OK, Rig

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Timeouts
from aigw_sansio.events import AttemptConnected, AttemptEnded, AttemptFirstByte, AttemptStarted
from aigw_sansio.exchanges.attempt import PAUSED_BY_BUDGET, PAUSED_BY_QUEUE, Attempt
from aigw_sansio.exchanges.policy import Policy
from aigw_sansio.exchanges.record import ExchangeRecord
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.exchanges.states import ExchangeInput
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.origin import Origin
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.wires.http import Request

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\n"
CANCEL = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled")


class Owner:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.fault: Fault | None = None

    def attempt_moved(self, event: ExchangeInput) -> None:
        self.told.append(event.name.lower())

    def attempt_read(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        self.told += [f"chunk {chunk.data.decode()}" for chunk in chunks]

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        self.told.append("finished " + "".join(chunk.data.decode() for chunk in chunks))

    def attempt_failed(self, fault: Fault, now: float) -> None:
        self.fault = fault
        self.told.append(f"failed {fault.kind.value}")

    def attempt_buffered(self, now: float) -> None:
        pass


def begin(rig: Rig, *, last_resort: bool = False, paused: int = 0, **more: Any) -> tuple[Attempt, Owner]:
    settings: dict[str, Any] = {"connect_s": 10.0, "first_byte_s": 5.0, "idle_s": 30.0, "total_s": None, **more}
    policy = Policy(attempts=1, delay_s=0.0, backoff="constant", response="raw", **settings)
    request = Request(b"POST", b"https", b"up.test", b"/v1/x?key=canary", [], b"{}")
    call = ProviderCall("openai", Origin("https", "up.test", 443, None, "off"), request, "openai-chat", False)
    owner = Owner()
    attempt = Attempt(
        rig.services, rig.pool, owner=owner, call=call, config=rig.services.config, policy=policy,
        record=ExchangeRecord(CALLER, "a", "log", rig.now), step=0, number=1, last_resort=last_resort, paused=paused, now=rig.now,
    )  # fmt: skip
    attempt.start(rig.now)
    return attempt, owner


def kinds(rig: Rig) -> list[type]:
    rig.effects()
    return [type(event) for event in rig.events]


def test_a_good_attempt_is_told_in_order() -> None:
    rig = Rig()
    attempt, owner = begin(rig)
    rig.connect(1)
    rig.receive(1, OK)
    assert owner.told == ["placed", "sent", "head", "finished ok"]
    attempt.close(None, rig.now)
    attempt.close(CANCEL, rig.now)
    assert kinds(rig) == [AttemptStarted, AttemptConnected, AttemptFirstByte, AttemptEnded]
    started = rig.events[0]
    assert isinstance(started, AttemptStarted)
    assert "canary" not in repr(started)


@pytest.mark.parametrize(
    ("kind", "until", "seconds"),
    [
        (FaultKind.CONNECT_TIMEOUT, "dial", 10),
        (FaultKind.FIRST_BYTE_TIMEOUT, "sent", 5),
        (FaultKind.IDLE_TIMEOUT, "head", 30),
        (FaultKind.IDLE_TIMEOUT, "chunk", 30),
    ],
)
def test_each_clock_ends_it_at_its_time(kind: FaultKind, until: str, seconds: int) -> None:
    rig = Rig()
    _, owner = begin(rig)
    if until != "dial":
        rig.connect(1)
    if until in ("head", "chunk"):
        rig.pass_time(4)
        rig.receive(1, STREAM)
    if until == "chunk":
        rig.pass_time(29)
        rig.receive(1, b"data: x\n\n")
    rig.pass_time(seconds - 0.1)
    assert owner.fault is None
    rig.pass_time(0.2)
    assert owner.fault is not None
    assert owner.fault.kind is kind
    assert owner.fault.retryable
    assert rig.short()[-1] == "abort 1"


def test_idle_runs_from_the_last_byte_of_the_request_before_the_head() -> None:
    rig = Rig()
    _, owner = begin(rig, first_byte_s=None)
    rig.connect(1)
    rig.pass_time(29.9)
    assert owner.fault is None
    rig.pass_time(0.2)
    assert owner.told[-1] == "failed idle_timeout"


def test_a_last_resort_waits_for_its_first_byte() -> None:
    rig = Rig()
    _, owner = begin(rig, last_resort=True)
    rig.connect(1)
    rig.pass_time(20)
    assert owner.fault is None


@pytest.mark.parametrize("reason", [PAUSED_BY_QUEUE, PAUSED_BY_BUDGET])
def test_clocks_stand_still_while_it_is_held(reason: int) -> None:
    rig = Rig()
    attempt, owner = begin(rig)
    rig.connect(1)
    rig.receive(1, STREAM + b"data: a\n\n")
    rig.short()
    attempt.pause(reason)
    assert rig.short() == ["pause 1"]
    rig.pass_time(1000)
    rig.receive(1, b"data: b\n\n")  # the read under way
    assert ("chunk b" in owner.told) is (reason == PAUSED_BY_BUDGET), "room in the session does not keep chunks back"
    assert owner.fault is None
    attempt.resume(reason, rig.now)
    assert owner.told[-1] == "chunk b"
    assert rig.short() == ["resume 1"]
    rig.pass_time(29)
    assert owner.fault is None
    rig.pass_time(2)
    assert owner.told[-1] == "failed idle_timeout"


def test_an_end_behind_what_is_held_is_told_after_it() -> None:
    rig = Rig()
    attempt, owner = begin(rig)
    rig.connect(1)
    rig.receive(1, STREAM.replace(b"1000", b"18") + b"data: a\n\n")
    attempt.pause(PAUSED_BY_QUEUE)
    rig.receive(1, b"data: b\n\n")
    assert owner.told[-1] == "chunk a"
    attempt.resume(PAUSED_BY_QUEUE, rig.now)
    assert owner.told[-2:] == ["chunk b", "finished "]


@pytest.mark.parametrize("phase", ["dial", "sent", "head", "chunk"])
def test_its_end_lets_the_provider_go_in_every_phase(phase: str) -> None:
    rig = Rig()
    attempt, owner = begin(rig)
    if phase != "dial":
        rig.connect(1)
    if phase in ("head", "chunk"):
        rig.receive(1, STREAM)
    if phase == "chunk":
        rig.receive(1, b"data: x\n\n")
    rig.short()
    attempt.close(CANCEL, rig.now)
    assert rig.short() == ["abort 1"]
    assert kinds(rig).count(AttemptEnded) == 1
    assert not any(told.startswith("failed") for told in owner.told)
    assert rig.services.timers.next_deadline() is None or not rig.connections


def test_a_broken_body_and_an_unreadable_coding_fail_it() -> None:
    rig = Rig(timeouts=Timeouts())
    _, owner = begin(rig)
    rig.connect(1)
    rig.receive(1, STREAM + b"data: x\n\n")
    rig.connections[next(iter(rig.connections))].receive_eof(rig.now)
    assert owner.told[-2:] == ["chunk x", "failed incomplete_body"]
    rig = Rig()
    _, owner = begin(rig)
    rig.connect(1)
    rig.receive(1, OK.replace(b"\r\n\r\n", b"\r\ncontent-encoding: br\r\n\r\n"))
    assert owner.told[-1] == "failed unsupported_coding"
