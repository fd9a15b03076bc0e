"""The error envelope: its exact text."""

import json

import pytest

from aigw_sansio.faults import ENVELOPE_CODE, Fault, FaultKind, Side, error_envelope, success_envelope


def test_exact_texts() -> None:
    fault = Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, 'there is no provider "x"')
    assert error_envelope(fault) == (
        b'{"success":false,"result":[],"messages":[],"error":[{"code":2008,"message":"there is no provider \\"x\\""}]}'
    )
    assert success_envelope() == b'{"success":true,"result":[],"messages":[],"error":[]}'


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_has_one(kind: FaultKind) -> None:
    body = json.loads(error_envelope(Fault(kind, Side.GATEWAY, "why")))
    assert body["error"] == [{"code": ENVELOPE_CODE[kind], "message": "why"}]
