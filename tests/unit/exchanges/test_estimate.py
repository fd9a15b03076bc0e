"""What a provider did not report: how it is estimated, and what is left as it is."""

import pytest

from aigw_sansio.events import ProviderEvent, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, UsageReported
from aigw_sansio.exchanges.estimate import cut_short, text_size, unanswered, with_unreported
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.quotas.claim import Unreported

ESTIMATED = Unreported(None)
FIXED = Unreported(70)
FINAL = UsageReported(input_tokens=3, output_tokens=2)
BODY = b'{"x":"' + b"x" * 33 + b'"}'


def test_text_is_what_a_model_has_said() -> None:
    said: list[ProviderEvent] = [
        TextDelta("four"),
        ReasoningDelta("h\u00e9"),
        RefusalDelta("\ud83d"),
        ToolCallDelta(0, '{"a":1}'),
        FINAL,
    ]
    assert text_size(said) == 4 + 3 + 3 + 7
    assert text_size([]) == 0


@pytest.mark.parametrize(("usage", "said", "counts"), [
    (None, 0, None),
    (None, 1, (11, 1)),
    (None, 9, (11, 3)),
    (UsageReported(input_tokens=5, quality="partial"), 9, (5, 3)),
    (UsageReported(input_tokens=5, output_tokens=1, quality="partial"), 9, (5, 3)),
    (UsageReported(input_tokens=5, output_tokens=8, quality="partial"), 9, (5, 8)),
    (UsageReported(input_tokens=5, output_tokens=1, quality="partial"), 0, (5, 1)),
    (FINAL, 4000, (3, 2)),
    (UsageReported(output_audio_s=2.0), 4000, (None, None)),
])  # fmt: skip
def test_what_is_missing_is_estimated(
    usage: UsageReported | None, said: int, counts: tuple[int | None, int | None] | None
) -> None:
    found = with_unreported(usage, ESTIMATED, BODY, said, cut=False)
    assert (None if found is None else (found.input_tokens, found.output_tokens)) == counts


def test_media_in_a_request_are_no_text() -> None:
    body = b'{"image":"data:image/png;base64,' + b"QUJD" * 5000 + b'","text":"hello"}'
    found = with_unreported(None, ESTIMATED, body, 4, cut=False)
    assert found is not None
    assert found.input_tokens == -(-(len(body) - 20_000) // 4)


@pytest.mark.parametrize("body", [b"--form\r\n\r\n" + b"\x00" * 10_000, b"", b" " * 100 + BODY])
def test_a_request_that_is_no_json_is_no_text(body: bytes) -> None:
    found = with_unreported(None, ESTIMATED, body, 4, cut=False)
    assert found is not None
    assert (found.input_tokens, found.output_tokens) == (0, 1)


@pytest.mark.parametrize(("usage", "output"), [
    (None, 70),
    (UsageReported(quality="partial"), 70),
    (UsageReported(input_tokens=1, quality="partial"), None),
    (UsageReported(output_tokens=1, quality="partial"), 1),
    (FINAL, 2),
])  # fmt: skip
@pytest.mark.parametrize("said", [0, 500])
def test_the_operator_may_say_what_it_counts(usage: UsageReported | None, output: int | None, said: int) -> None:
    found = with_unreported(usage, FIXED, BODY, said, cut=False)
    assert found is not None
    assert found.output_tokens == output


def test_of_a_response_that_was_cut_short_the_request_is_estimated_also_without_text() -> None:
    assert unanswered(ESTIMATED, BODY) == UsageReported(input_tokens=11, output_tokens=0, quality="partial")
    assert unanswered(FIXED, BODY) == UsageReported(output_tokens=70, quality="partial")
    assert unanswered(ESTIMATED, b"") is None
    assert unanswered(FIXED, b"") is None
    assert with_unreported(FINAL, ESTIMATED, BODY, 0, cut=True) == FINAL


@pytest.mark.parametrize(("kind", "side", "cut"), [
    (FaultKind.CLIENT_GONE, Side.CLIENT, True),
    (FaultKind.OVERLOADED, Side.GATEWAY, True),
    (FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, True),
    (FaultKind.IDLE_TIMEOUT, Side.PROVIDER, True),
    (FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, True),
    (FaultKind.CONNECT_TIMEOUT, Side.PROVIDER, False),
])  # fmt: skip
def test_who_cut_it_short(kind: FaultKind, side: Side, *, cut: bool) -> None:
    assert cut_short(Fault(kind, side, "x", retryable=False)) is cut
    assert not cut_short(None)
