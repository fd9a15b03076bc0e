"""What steps put around the encoder of a dialect."""

from typing import Any

from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.exchanges.encoder import ResponseEncoder
from aigw_sansio.exchanges.keeping import KeepingEncoder
from aigw_sansio.exchanges.ports import AnswerPlan, PlannedStep
from aigw_sansio.exchanges.translating import TranslatingEncoder
from aigw_sansio.formats.translation import Note
from aigw_sansio.ids import NO_OPTIONS, RecordOptions
from aigw_sansio.sessions.encoders import with_steps

NOTHING: Any = None
OWN: ResponseEncoder[bytes] = UniversalEncoder("e", "l", mode="raw", listener=None)
NOTED = AnswerPlan(notes=(Note("dropped", "top_k", "it has no place"),))
KEPT = RecordOptions(collect_payload=True)


def wrapped(*steps: tuple[AnswerPlan, RecordOptions]) -> ResponseEncoder[bytes]:
    planned = [PlannedStep(NOTHING, NOTHING, answer, record=record) for answer, record in steps]
    return with_steps(OWN, planned, id="l", created=0, limits=Limits())


def test_the_encoder_of_most_requests_is_that_of_the_dialect() -> None:
    assert wrapped((AnswerPlan(), NO_OPTIONS), (AnswerPlan(), NO_OPTIONS)) is OWN


def test_one_step_that_wants_it_is_enough() -> None:
    plain = (AnswerPlan(), NO_OPTIONS)
    assert type(wrapped(plain, (NOTED, NO_OPTIONS))) is TranslatingEncoder
    assert type(wrapped(plain, (AnswerPlan(), KEPT))) is KeepingEncoder


def test_what_the_client_gets_is_kept_as_the_provider_wrote_it() -> None:
    outer = wrapped((NOTED, KEPT))
    assert type(outer) is KeepingEncoder
    assert type(outer._encoder) is TranslatingEncoder
