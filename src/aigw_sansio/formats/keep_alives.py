"""Chunks that say nothing: terminators in all spellings, keep-alives, and what is glued to a chunk by mistake.

Decides: which data is the terminator ``[DONE]``, which is a keep-alive. Must not know: any format.
"""

from typing import Final

from ..bodies.chunk import Chunk
from ..bodies.terminator import is_done as is_done
from .values import parse

_WORDS: Final = frozenset(
    {
        "ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat", "noop", "no-op", "processing",
        "response.keepalive", "response.heartbeat", "response.ping",
    }
)  # fmt: skip
_LONGEST: Final = 24


def is_keep_alive(value: object) -> bool:
    """Whether ``value``, the data of a chunk or the type of an object, is a known word that keeps connections alive.
    Empty data is one too."""
    if type(value) is bytes:
        if len(value) > _LONGEST:
            return False
        value = value.strip(b" \t\r\n\"':").decode("utf-8", "replace")
        if not value:
            return True
    return type(value) is str and value.lower() in _WORDS


def says_nothing(chunk: Chunk) -> bool:
    """Whether ``chunk`` only keeps the connection alive."""
    if is_keep_alive(chunk.data) or is_keep_alive(chunk.event):
        return True
    value = parse(chunk.data)
    return type(value) is dict and (not value or is_keep_alive(value.get("type")))


def glued(data: bytes) -> tuple[bytes, bool] | None:
    """``data`` without a doubled ``data:`` before it and a ``data: [DONE]`` glued to its end, and whether that was
    there; ``None`` if there is neither."""
    rest = data.removeprefix(b"data:").strip() if data.startswith(b"data:") else data
    done = rest.endswith(b"[DONE]")
    if done:
        rest = rest.removesuffix(b"[DONE]").rstrip().removesuffix(b"data:").rstrip()
    return (rest, done) if rest != data else None
