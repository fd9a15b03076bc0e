"""How large a chunk is as the client is shown it."""

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.exchanges.shown_size import first_too_large


@pytest.mark.parametrize(
    ("data", "large"),
    [
        (b"x" * 120, False),
        (b'"' * 59, False),  # each takes two bytes
        (b'"' * 80, True),
        (b"\x01" * 21, False),  # each takes six
        (b"\x01" * 30, True),
        (b'["' + b"x" * 200 + b'"]', False),  # JSON is shown as it stands
        (b"\xff" * 90, False),  # base64
    ],
)
def test_what_is_quoted_is_measured(data: bytes, large: bool) -> None:
    small = Chunk(b"small")
    found = first_too_large([small, Chunk(data), small], 100, None)
    assert (found is not None) is large
    if found is not None:
        index, detail = found
        assert index == 1
        assert detail.startswith(f"{len(data)} bytes that are no JSON")
