"""One line for each refusal and limit, and never more than so many."""

import logging

import pytest

from aigw_drivers.server.security_log import LINES, LINES_OF_ADDRESS, SecurityLog
from aigw_sansio import ConnectionRefused, ConnId, Event, SessionEnded, Side, UpgradeRefused


class Log:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "aigw.security")
        self.caplog = caplog
        self.now = 0.0
        self.events: list[Event] = []
        self.log = SecurityLog(self.events.append, lambda: self.now)

    def lines(self) -> list[str]:
        found = [record.getMessage() for record in self.caplog.records]
        self.caplog.clear()
        return found


def refused(status: int = 403, address: str = "192.0.2.1", reason: str = "why") -> UpgradeRefused:
    return UpgradeRefused(ConnId(7), status, 2014, reason, address=address)


def test_a_refusal_is_one_line_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(caplog)
    event = refused()
    log.log(event)
    assert log.lines() == ["192.0.2.1 refused conn=7 status=403 code=2014: why"]
    assert log.events == [event]


def test_what_a_stranger_named_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(caplog)
    log.log(refused(reason="a\x1b[2J\nb\u202e", address="\x9b"))
    (line,) = log.lines()
    assert line.isascii()
    assert line.isprintable()


def test_wrong_tokens_are_one_line_for_an_address_and_minute(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(caplog)
    for _ in range(50):
        log.log(refused(401))
    log.log(refused(401, "192.0.2.2"))
    assert len(log.lines()) == 2
    log.now = 60.0
    log.log(refused(401))
    assert log.lines() == [
        "49 more lines like these were left out",
        "192.0.2.1 refused conn=7 status=401 code=2014: why",
    ]


def test_no_flood_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(caplog)
    for _ in range(100):
        log.log(refused())
    assert len(log.lines()) == LINES_OF_ADDRESS
    for number in range(10_000):
        log.log(refused(address=str(number)))
    assert len(log.lines()) == LINES - LINES_OF_ADDRESS
    assert len(log.log._lines) <= LINES


def test_limits_and_broken_protocols(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(caplog)
    log.log(ConnectionRefused(ConnId(3), "too many", "192.0.2.1"))
    for code, by in ((1009, Side.GATEWAY), (1000, Side.CLIENT), (1009, Side.PROVIDER)):
        log.log(SessionEnded(1, by, code, "why", "open", 1.0, 0, 0, 0, 0))
    assert log.lines() == ["192.0.2.1 closed conn=3: too many", "ended session=1 code=1009: why"]
