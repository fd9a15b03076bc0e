"""The question about a response and its answers, as values."""

from aigw_sansio.faults import FaultKind, Side
from aigw_sansio.review import STOPPED, Passage, Released, Review, Stopped


def test_a_host_that_says_no_more_stops_with_a_fault_of_its_own() -> None:
    assert Stopped().fault == STOPPED
    assert (STOPPED.kind, STOPPED.side, STOPPED.retryable) == (FaultKind.RESPONSE_STOPPED, Side.GATEWAY, False)
    assert (STOPPED.http_status, STOPPED.envelope_code) == (424, 2017)


def test_nothing_is_changed_unless_a_host_says_so() -> None:
    assert Released().texts is None
    assert Released(()) != Released()


def test_a_question_shows_how_much_it_is_about() -> None:
    said = (Passage("text", "canary"), Passage("reasoning", "canary"))
    review = Review("me", "acme", "prod", "openai", "log", "stream", said, data=(b"canary",), step=2, last=True)
    assert repr(review) == "Review('me', 'acme', 'prod', 'openai', 'stream', 2 passages, step=2, last=True)"
