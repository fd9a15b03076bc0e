"""What wires keep of a head. How they use it: ``http1/test_client`` and ``http2/test_client``."""

import pytest

from aigw_sansio.wires.head_memo import HeaderSection, HeadMemo

HEAD = (b"POST", b"https", b"a", b"/v1", [(b"x-key", b"k")])


def test_h2_gets_what_it_reads_itself_and_no_key() -> None:
    fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/"), (b"x-key", b"k")]
    section = HeaderSection(fields)
    assert section.fields == fields
    assert section.named == [(b":method", b"GET"), (b":authority", b"a")]
    assert section.block is None  # it was not compressed yet


@pytest.mark.parametrize("index", range(5))
def test_a_memo_is_of_these_very_values(index: int) -> None:
    memo = HeadMemo(*HEAD)
    assert (memo.http1, memo.http2) == (None, None)
    assert memo.is_of(*HEAD)
    other = list(HEAD)
    other[index] = [*HEAD[4]] if index == 4 else bytes(bytearray(HEAD[index]))  # equal, but another object
    assert other == list(HEAD)
    assert not memo.is_of(*other)
