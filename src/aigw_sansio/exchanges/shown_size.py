"""How large a chunk is as the client is shown it.

Decides: which chunks become too large when they are quoted. Must not know: how they are quoted (dialects), and who
holds them.
"""

from collections.abc import Sequence

from ..bodies.chunk import Chunk
from ..json_text import base64_string_size, string_size, valid_json


def first_too_large(chunks: Sequence[Chunk], most: int, charset: str | None) -> tuple[int, str] | None:
    """The index of the first chunk that becomes too large, and why it is; ``None`` if there is none. A text that is no
    JSON is shown as a JSON string, of which it is known before it is made how large it is. Base64 of a chunk of
    ``most`` bytes, the largest that is read, is not too large."""
    limit = base64_string_size(most)
    for index, chunk in enumerate(chunks):
        data = chunk.data
        if 6 * len(data) <= limit or string_size(data, charset) <= limit or valid_json(data) is not None:
            continue
        return index, f"{len(data)} bytes that are no JSON take more than the {limit} bytes allowed as a JSON string"
    return None
