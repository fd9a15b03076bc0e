"""A refusal is an event for the host and an envelope for the client."""

import json

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.downstream.ports import ClientRequest
from aigw_sansio.downstream.refusal import refuse_request
from aigw_sansio.effects import Emit
from aigw_sansio.engine.connection import BytePipe, PipeReceiver
from aigw_sansio.events import UpgradeRefused
from aigw_sansio.faults import ENVELOPE_CODE, HTTP_STATUS, Fault, FaultKind, Side
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.http import Headers
from aigw_sansio.wires.websocket.handshake import NotUpgrade


class Answers:
    """A responder that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[int, Headers, bytes, float]] = []

    @property
    def pipe(self) -> BytePipe:
        raise AssertionError("nothing is accepted")

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        raise AssertionError("nothing is accepted")

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        self.given.append((status, headers, body, now))


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind(kind: FaultKind) -> None:
    rig, responder = Rig(), Answers()
    request = ClientRequest(ConnId(3), "p", b"GET", b"/", [], NotUpgrade())
    fault = Fault(kind, Side.CLIENT, "why")
    refuse_request(rig.services, request, responder, fault, 5.0, address="192.0.2.1", headers=[(b"x", b"y")])
    ((status, headers, body, now),) = responder.given
    assert (status, headers, now) == (HTTP_STATUS[kind], [(b"content-type", b"application/json"), (b"x", b"y")], 5.0)
    assert json.loads(body)["error"] == [{"code": ENVELOPE_CODE[kind], "message": "why"}]
    event = UpgradeRefused(ConnId(3), status, ENVELOPE_CODE[kind], "why", address="192.0.2.1")
    assert rig.services.take_effects() == [Emit(event)]
