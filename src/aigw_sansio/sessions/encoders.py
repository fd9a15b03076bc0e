"""What an exchange's steps put around the encoder of its dialect.

Decides: that the translation of a response comes first, then what is kept of it for its record, then what a budget
reads. Must not know: the dialect, and how any of these works.
"""

from collections.abc import Sequence

from ..config import Limits
from ..exchanges.encoder import ResponseEncoder
from ..exchanges.keeping import KeepingEncoder
from ..exchanges.metering import MeteringEncoder
from ..exchanges.ports import MessageT, PlannedStep


def with_steps(
    encoder: ResponseEncoder[MessageT], steps: Sequence[PlannedStep], *, id: str, created: int, limits: Limits
) -> ResponseEncoder[MessageT]:
    """``encoder``, or one in front of it that keeps something of the response. ``id`` and ``created`` (Unix time, in
    seconds) are those of the response."""
    answers = [step.answer for step in steps]
    if any(answer.writer or answer.notes for answer in answers):
        from ..exchanges.translating import TranslatingEncoder

        encoder = TranslatingEncoder(encoder, answers, id=id, created=created, most=limits.response_body_bytes)
    if any(step.record.keeps_payload for step in steps):
        encoder = KeepingEncoder(encoder, limits.record_payload_bytes)
    if any(step.metered for step in steps):
        encoder = MeteringEncoder(encoder, [step.hides_usage for step in steps])
    return encoder
