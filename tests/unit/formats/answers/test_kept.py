"""Text that is kept is what it was, whatever its pieces, and counts its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.formats.answers.kept import KeptText

ANY = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs too


@given(st.lists(ANY))
def test_it_is_what_it_was(pieces: list[str]) -> None:
    kept = KeptText()
    for piece in pieces:
        kept.add(piece)
    whole = "".join(pieces)
    assert len(kept) == len(whole.encode("utf-8", "surrogatepass"))
    assert kept.take() == whole
    assert len(kept) == 0
    assert kept.take() == ""
