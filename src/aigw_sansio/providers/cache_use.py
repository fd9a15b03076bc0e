"""How one request uses the cache of responses.

Decides: which answers of the host count as a hit. Must not know: who asks, and what becomes of a request.
"""

from typing import NamedTuple

from ..config import Limits
from ..effects import Answer, Hit, KeptResponse


class CacheUse(NamedTuple):
    """The request may be answered from the cache, and its response may be kept.

    ``key`` names the response: a hash. ``ttl_s``: how long it may be kept, in seconds. ``looks_up``: the host is still
    to be asked for it. ``shares``: requests with this key that run at the same time share one call. ``found``: what the
    host has. ``is_only_way``: the request may not go to its provider, because not all that this needs was asked.
    """

    account: str
    gateway: str
    key: str
    ttl_s: int
    looks_up: bool = True
    shares: bool = False
    found: KeptResponse | None = None
    is_only_way: bool = False

    def alone(self) -> "CacheUse":
        """The same for a request that must make its own call: what it was given instead was no good."""
        return self._replace(looks_up=False, shares=False, found=None)

    def __repr__(self) -> str:
        return f"CacheUse({self.key}, ttl_s={self.ttl_s}, found={self.found!r})"


def hit(answer: Answer, limits: Limits) -> KeptResponse | None:
    """The response that an answer to :class:`.LookUp` gives; ``None`` if it gives none, or one longer than is kept."""
    return answer.response if isinstance(answer, Hit) and len(answer.response.body) <= limits.cache_bytes else None
