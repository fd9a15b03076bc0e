"""What could not be said is told once."""

from aigw_sansio.formats.answers.losses import MOST, Losses
from aigw_sansio.formats.translation import Note


def test_each_loss_is_told_once() -> None:
    losses = Losses()
    for _ in range(2):
        losses.dropped("image.delta", "no place")
        losses.dropped("citation", "no place")
    assert losses.notes == [Note("dropped", "image.delta", "no place"), Note("dropped", "citation", "no place")]


def test_a_provider_cannot_make_them_grow_without_end() -> None:
    losses = Losses()
    for number in range(1000):
        losses.dropped("unrecognised", f"type {number}")
    assert len(losses.notes) == MOST + 1
    assert losses.notes[-1].field == "notes"
