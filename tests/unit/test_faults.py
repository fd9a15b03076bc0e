"""Faults: tables that leave no kind out, and codes that may stand on the wire."""

from http import HTTPStatus

import msgspec
import pytest

from aigw_sansio.faults import (
    CLOSE_CODE,
    ENVELOPE_CODE,
    HTTP_STATUS,
    Fault,
    FaultKind,
    Side,
)
from aigw_sansio.wires.websocket.frames import may_send_close

TABLES = {"status": HTTP_STATUS, "envelope": ENVELOPE_CODE, "close": CLOSE_CODE}

#: Client protocol, section 5: each code with the statuses it goes with.
DOCUMENTED = {
    2001: {400},
    2003: {429},
    2005: {502, 504},
    2006: {400},
    2008: {400},
    2009: {401},
    2010: {429, 503},
    2011: {503},
    2012: {404},
    2013: {426},
    2014: {403},
    2017: {424},
    7013: {503},
}
#: Kinds that are never told as a gateway's own HTTP answer with a documented pair: the status says more than the code.
BESIDE = {
    FaultKind.NOT_CONFIGURED,
    FaultKind.MESSAGE_TOO_BIG,
    FaultKind.POLICY_VIOLATION,
    FaultKind.CANCELLED,
    FaultKind.CLIENT_GONE,
    FaultKind.INTERNAL,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_total(name: str) -> None:
    assert set(TABLES[name]) == set(FaultKind)


def test_statuses_are_final_and_of_errors() -> None:
    assert all(400 <= status <= 599 for status in HTTP_STATUS.values())
    known = {int(status) for status in HTTPStatus} | {499}
    assert set(HTTP_STATUS.values()) <= known


def test_envelope_codes_are_documented() -> None:
    assert set(ENVELOPE_CODE.values()) == set(DOCUMENTED)


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - BESIDE))
def test_code_and_status_go_together(kind: FaultKind) -> None:
    assert HTTP_STATUS[kind] in DOCUMENTED[ENVELOPE_CODE[kind]]


def test_close_codes_may_be_sent() -> None:
    assert all(may_send_close(code) for code in CLOSE_CODE.values())
    assert CLOSE_CODE[FaultKind.PROTOCOL_ERROR] == 1002
    assert CLOSE_CODE[FaultKind.INVALID_PAYLOAD] == 1007
    assert CLOSE_CODE[FaultKind.MESSAGE_TOO_BIG] == 1009
    assert CLOSE_CODE[FaultKind.SHUTDOWN] == CLOSE_CODE[FaultKind.GOING_AWAY] == 1001
    assert CLOSE_CODE[FaultKind.CONNECTION_LOST] == 1011


def test_timeouts_are_504_and_other_failures_of_providers_502() -> None:
    timeouts = {kind for kind in FaultKind if kind.value.endswith("_timeout")}
    assert {HTTP_STATUS[kind] for kind in timeouts} == {504}
    assert len(timeouts) == 5
    breaks = ("connect_failed", "connection_lost", "stream_", "malformed_response", "incomplete_body", "body_too_large")
    assert {HTTP_STATUS[kind] for kind in FaultKind if kind.value.startswith(breaks)} == {502}


def test_kinds_are_words_of_the_protocol() -> None:
    for kind in FaultKind:
        assert kind.value == kind.name.lower()
        assert str(kind) == kind.value


def test_a_fault_is_an_immutable_value() -> None:
    fault = Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, "nothing came for 600 s", retryable=True)
    assert fault == Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, "nothing came for 600 s", True)
    with pytest.raises(AttributeError):
        fault.detail = "other"  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(fault), type=Fault) == fault
