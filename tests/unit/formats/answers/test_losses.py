"""What could not be said is told once."""

from aigw_sansio.formats.answers.losses import Losses
from aigw_sansio.formats.translation import Note


def test_each_loss_is_told_once() -> None:
    losses = Losses()
    for _ in range(2):
        losses.dropped("image.delta", "no place")
        losses.dropped("citation", "no place")
    assert losses.notes == [Note("dropped", "image.delta", "no place"), Note("dropped", "citation", "no place")]
