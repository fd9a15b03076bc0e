"""The events outside exchanges."""

import pytest

from aigw_sansio.dialects.events import (
    NativeCancelled,
    NativeFailed,
    NativeGoingAway,
    NativeMetadata,
    NativeResponse,
)
from aigw_sansio.dialects.native.dialect import NativeDialect
from aigw_sansio.dialects.native.encoder import EVENT_BYTES
from aigw_sansio.faults import Fault, FaultKind, Side

DIALECT = NativeDialect()
FAULT = Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, "no such provider")


def test_each_is_one_event_of_the_exchange() -> None:
    (answered,) = DIALECT.answered("a", "log", b"[]")
    assert answered.event == NativeResponse(
        "a", NativeMetadata("a", "log", status=200, content_type="application/json"), b"[]"
    )
    assert len(answered) == EVENT_BYTES + 2
    (refused,) = DIALECT.refused("a", "log", FAULT)
    assert refused.event == NativeFailed("a", NativeMetadata("a", "log", status=400), FAULT)
    (cancelled,) = DIALECT.cancelled("a", "log")
    assert cancelled.event == NativeCancelled("a", NativeMetadata("a", "log"))
    (going,) = DIALECT.going_away(5000)
    assert going.event == NativeGoingAway(5000)


def test_it_has_no_messages() -> None:
    assert DIALECT.mode == "native"
    assert DIALECT.pong() == []
    with pytest.raises(AssertionError):
        DIALECT.decode(b"{}")
    with pytest.raises(AssertionError):
        DIALECT.unusable(FAULT, "a")
