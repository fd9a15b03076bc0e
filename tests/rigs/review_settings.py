"""The settings of a gateway whose host reviews responses."""

from aigw_sansio.config import GatewaySettings
from aigw_sansio.review import ReviewWindow


def reviewed(window: ReviewWindow | None = None) -> GatewaySettings:
    """In this ``window``; ``None``: in the usual one."""
    chunks, size, wait_ms = window or ReviewWindow()
    return GatewaySettings(ask=("review",), review_chunks=chunks, review_bytes=size, review_wait_ms=wait_ms)
