"""The five money rules: which requests may be sent again without counting."""

import pytest

from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.upstream.resend import cannot_have_begun
from aigw_sansio.wires.http import StreamFailed

LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost", retryable=True)
RESET = Fault(FaultKind.STREAM_RESET, Side.PROVIDER, "reset", retryable=True)


def ask(fault: Fault = LOST, *, said: str = "", **facts: object) -> bool:
    failed = StreamFailed(
        1, fault, unprocessed=said == "refused", processed=said == "covered", needs_http1=said == "http1"
    )
    usual = {"answered": False, "sent_since_s": 0.05, "kept": True, "handshake_s": 0.1, "stalled": False}
    return cannot_have_begun(failed, **{**usual, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize("said", ["", "refused", "http1"])
def test_never_after_a_byte_of_a_response(said: str) -> None:
    assert ask(said=said)
    assert not ask(said=said, answered=True)


@pytest.mark.parametrize("said", ["refused", "http1"])
def test_if_the_provider_says_so(said: str) -> None:
    assert ask(RESET, said=said, kept=False, sent_since_s=100.0)


def test_goaway_that_covers_it_is_the_opposite() -> None:
    assert not ask(said="covered")
    assert not ask(said="covered", sent_since_s=None)


@pytest.mark.parametrize("fault", [RESET, Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "x")])
def test_other_faults_say_nothing(fault: Fault) -> None:
    assert not ask(fault)
    assert not ask(fault, sent_since_s=None)


def test_a_part_of_a_request_is_not_begun() -> None:
    assert ask(sent_since_s=None, kept=False)
    assert not ask(sent_since_s=None, stalled=True)


@pytest.mark.parametrize(("since", "kept", "wanted"), [
    (0.0, True, True), (0.1, True, True), (0.11, True, False), (0.0, False, False), (2.0, True, False),
])  # fmt: skip
def test_the_close_crosses_a_request_only_within_a_handshake(since: float, kept: bool, wanted: bool) -> None:
    assert ask(sent_since_s=since, kept=kept) is wanted
