"""Each of these rows is reached by its slug. What they lead to is :mod:`.test_registry`'s and :mod:`.test_realtime`'s."""

from aigw_sansio.providers.model_rows import MODEL_ROWS
from aigw_sansio.providers.registry import REGISTRY


def test_every_row_has_a_slug_of_its_own() -> None:
    slugs = [row.slug for row in MODEL_ROWS]
    assert len(slugs) == len(set(slugs))
    assert all(REGISTRY[row.slug] is row for row in MODEL_ROWS)
