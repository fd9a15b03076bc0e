"""A store by its URL.

Decides: which schemes there are, and how a wrong URL is told. Must not know: how a store keeps anything.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from .base import Store
from .memory import MOST_BYTES, MemoryStore
from .redis import is_redis, open_redis
from .sqlite import open_sqlite

#: What may stand in the setting ``[store] url``, and in words.
STORE_URL: Final = (
    r"memory:|sqlite:[^\0]+|(?:redis|valkey)s?://(?:[^\s/?#@]*@)?(?:[^\s/?#@:\[\]]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
    r"(?:/[0-9]{0,4})?(?:\?[^\s\0]*)?"
)
STORES: Final = "memory:, sqlite:PATH, and redis, rediss, valkey and valkeys with ://[USER:PASSWORD@]HOST[:PORT][/DB]"
#: The keys of the table ``[store]``.
STORE_KEYS: Final = ("url", "bytes")
MEMORY: Final = "memory:"
SQLITE: Final = "sqlite:"
#: Seconds that each operation may take.
WITHIN_S: Final = 1.0


@asynccontextmanager
async def open_store(url: str, *, within_s: float = WITHIN_S, most_bytes: int | None = None) -> AsyncIterator[Store]:
    """The store at ``url`` during the block. ``within_s``: the deadline of each operation, in seconds. ``most_bytes``:
    of all values with a time, in memory or in a file; ``None``: as is usual there. A server has its own ``maxmemory``.

    ``ValueError`` for a URL that names none, or if its client is not installed. A store that cannot be reached raises
    :class:`.StoreError` when it is used, and not before: it may come back.
    """
    if not re.fullmatch(STORE_URL, url):
        raise ValueError(f"there is no such store; allowed are {STORES}")
    async with AsyncExitStack() as stack:
        store: Store = MemoryStore(most_bytes=most_bytes or MOST_BYTES)
        if is_redis(url):
            store = await stack.enter_async_context(open_redis(url, within_s))
        elif url.startswith(SQLITE):
            store = await stack.enter_async_context(open_sqlite(url.removeprefix(SQLITE), within_s, most_bytes))
        yield store
