"""The stores ``redis://``, ``rediss://``, ``valkey://`` and ``valkeys://``: a server that many machines share.

Decides: how values and counters are laid out there. Must not know: what is kept, and who asks.

``coredis`` (``pip install aigw[redis]``) is the client: it runs on asyncio and trio, and its pool ends with its block.
Names begin with ``aigw:``. The counters of one gateway have its name between braces, so they are on one node of a
cluster, and one script judges them. The server's own clock decides, so machines need not agree about the time.
"""

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio

from aigw_sansio import Counted, Counter, Places

from .base import MOST_VALUES, OTHERS, StoreError

if TYPE_CHECKING:
    from coredis import Redis, RedisCluster

    _Client: TypeAlias = Redis[bytes] | RedisCluster[bytes]

Result = TypeVar("Result")

_SCHEMES: Final = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
_PORT: Final = 6379
_VALUES: Final = "aigw:"
_COUNTS: Final = "aigw:count:"
_SCANNED: Final = 500  # names that the server looks at in one go

#: As :mod:`aigw_sansio.quotas.window` counts, and :mod:`aigw_sansio.quotas.leases` remembers who runs. A fixed window
#: is its end and what was used; a sliding one has three numbers for each entry: when it began, when it was added to
#: last, how much. Times are microseconds. The keys: a counter each, the values that have one, who runs, and the
#: counters of the values that have none.
_COUNT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local EXACT = 256
local count, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local values, places = KEYS[count + 1], KEYS[count + 2]
local holder, lease, held = ARGV[3], tonumber(ARGV[7]), {}
if holder ~= '' then
  local packed, others = redis.call('GET', places), 0
  for name, one in pairs(packed and cmsgpack.unpack(packed) or {}) do
    if one[3] > now then
      held[name] = {one[1], one[2], math.min(one[3], now + lease)}
      if name ~= holder then others = others + one[1] end
    end
  end
  local limit = tonumber(ARGV[6])
  if limit >= 0 and others + tonumber(ARGV[4]) > limit then return {count, 0} end
end
local windows, refused, longest = {}, -1, 0
for i = 1, count do
  local at, key = 7 + (i - 1) * 6, KEYS[i]
  local amount, limit = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local interval, sliding, value = tonumber(ARGV[at + 3]), ARGV[at + 4] == '1', ARGV[at + 5]
  if value ~= '' and not redis.call('ZSCORE', values, value) and redis.call('ZCARD', values) >= most then
    redis.call('ZREMRANGEBYSCORE', values, '-inf', now)
    if redis.call('ZCARD', values) >= most then key, value = KEYS[tonumber(ARGV[at + 6])], '' end
  end
  local packed = redis.call('GET', key)
  local state = packed and cmsgpack.unpack(packed) or {}
  local used, wait, needed, changed = 0, interval, amount, false
  if needed < 1 then needed = 1 end
  if sliding then
    local kept = {}
    for j = 1, #state, 3 do
      local last = state[j + 1]
      if last > now then last, changed = now, true end
      if last + interval > now then
        local n = #kept
        kept[n + 1], kept[n + 2], kept[n + 3] = state[j], last, state[j + 2]
        used = used + state[j + 2]
      end
    end
    state = kept
    local over = used + needed - limit
    for j = 1, #state, 3 do
      over = over - state[j + 2]
      if over <= 0 then wait = state[j + 1] + interval - now break end
    end
  else
    local ends = now - now % interval + interval
    if not state[1] or state[1] <= now then state = {ends, 0} end
    if state[1] > ends then state[1], changed = ends, true end
    used, wait = state[2], state[1] - now
  end
  if limit >= 0 and used + needed > limit and (refused < 0 or wait > longest) then
    refused, longest = i - 1, wait
  end
  windows[i] = {state, changed, key, value}
end
for i = 1, count do
  local at = 7 + (i - 1) * 6
  local amount, interval, sliding = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3]), ARGV[at + 4] == '1'
  if refused >= 0 then amount = 0 end
  if amount > 0 or windows[i][2] then
    local state, ttl, value = windows[i][1], interval, windows[i][4]
    if amount == 0 then
      if not sliding then ttl = state[1] - now end
    elseif sliding then
      local n = #state
      if n >= 3 * EXACT and now - state[n - 2] < interval / EXACT then
        state[n - 1], state[n] = now, state[n] + amount
      else
        state[n + 1], state[n + 2], state[n + 3] = now, now, amount
      end
    else
      state[2] = state[2] + amount
      ttl = state[1] - now
    end
    local ms = math.ceil(ttl / 1000) + 1
    redis.call('SET', windows[i][3], cmsgpack.pack(state), 'PX', ms)
    if value ~= '' then
      redis.call('ZADD', values, now + ttl, value)
      if redis.call('PTTL', values) < ms then redis.call('PEXPIRE', values, ms) end
    end
  end
end
if holder ~= '' and refused < 0 then
  local known, number = held[holder], tonumber(ARGV[5])
  if not known or known[2] < number then held[holder] = {tonumber(ARGV[4]), number, now + lease} end
  redis.call('SET', places, cmsgpack.pack(held), 'PX', math.ceil(lease / 1000) + 1)
end
return {refused, longest}
"""


def is_redis(url: str) -> bool:
    """Whether ``url`` names such a server."""
    return url.partition("://")[0] in _SCHEMES


class RedisStore:
    """Values and counters on a server. Implements :class:`.Store`. ``within_s``: the deadline of each operation."""

    def __init__(self, client: "_Client", within_s: float) -> None:
        self._client = client
        self._within_s = within_s
        self._script = client.register_script(_COUNT)

    async def get(self, name: str) -> bytes | None:
        """See :meth:`.Store.get`."""
        return await self._answer(lambda: self._client.get(_VALUES + name))

    async def set(self, name: str, value: bytes, ttl_s: float | None = None) -> None:
        """See :meth:`.Store.set`."""
        px = None if ttl_s is None else max(1, round(ttl_s * 1000))
        await self._answer(lambda: self._client.set(_VALUES + name, value, px=px))

    async def delete(self, name: str) -> None:
        """See :meth:`.Store.delete`."""
        await self._answer(lambda: self._client.delete([_VALUES + name]))

    async def names(self, prefix: str) -> list[str]:
        """See :meth:`.Store.names`."""
        return await self._answer(lambda: self._scan(prefix))

    async def _scan(self, prefix: str) -> list[str]:
        pattern = re.sub(r"[*?\\[\]^]", r"\\\g<0>", _VALUES + prefix) + "*"
        found = {name async for name in self._client.scan_iter(match=pattern, count=_SCANNED)}
        return sorted(name.decode()[len(_VALUES) :] for name in found)

    async def count(self, counters: Sequence[Counter], places: Places | None = None) -> Counted:
        """See :meth:`.Store.count`."""
        if not counters and places is None:
            return Counted()
        own = f"{{{counters[0].gateway if places is None else places.gateway}}}"
        keys: list[str] = []
        others: list[str] = []
        arguments: list[str | bytes | int | float] = [len(counters), MOST_VALUES]
        if places is None:
            arguments += ["", 0, 0, -1, 0]
        else:
            limit = -1 if places.limit is None else places.limit
            arguments += [places.holder, places.running, places.number, limit, round(places.lease_s * 1_000_000)]
        for one in counters:
            rule = f"{one.rule}:{int(one.sliding)}:"
            keys.append(f"{_COUNTS}{own}:{rule}{one.value}")
            limit = -1 if one.limit is None else one.limit
            arguments += [one.amount, limit, round(one.interval_s * 1_000_000), int(one.sliding)]
            if one.value:
                others.append(f"{_COUNTS}{own}:{rule}{OTHERS}")
                arguments += [rule + one.value, len(counters) + 2 + len(others)]
            else:
                arguments += ["", 0]
        keys += [f"{_VALUES}values:{own}", f"{_VALUES}running:{own}", *others]
        answer: object = await self._answer(lambda: self._script(keys=keys, args=arguments))
        match answer:
            case [int(refused), int(wait_us)] if refused < len(counters) + (places is not None) and wait_us >= 0:
                return Counted() if refused < 0 else Counted(refused, wait_us / 1_000_000)
        raise StoreError("the server gave an answer that is none")

    async def _answer(self, request: Callable[[], Awaitable[Result]]) -> Result:
        """What the server says to ``request``, within the deadline."""
        try:
            with anyio.fail_after(self._within_s):
                return await request()
        except TimeoutError:
            raise StoreError(f"the store gave no answer within {self._within_s:g} s") from None
        except Exception as exc:
            # A server may say anything, and what its client raises then is no part of its contract. Who asks knows what
            # to do without an answer. The client is not imported here, so its class is known by its name.
            if isinstance(exc, OSError) or type(exc).__name__ == "ConnectionError":
                raise StoreError("the store cannot be reached") from None
            raise StoreError(f"the store failed: {type(exc).__name__}") from None


@asynccontextmanager
async def open_redis(url: str, within_s: float) -> AsyncIterator[RedisStore]:
    """The server at ``url`` during the block. ``?cluster=true``: it is one of a cluster's, which must be there now,
    else ``OSError``. ``?ca_file=PATH`` replaces the system's trust. ``ValueError`` without ``coredis``."""
    try:
        from coredis import Redis, RedisCluster
        from coredis.connection import TCPLocation
    except ImportError:
        raise ValueError("a store of this kind needs coredis: pip install aigw[redis]") from None
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    secure = _SCHEMES[parts.scheme] == "rediss"
    host, port = parts.hostname or "localhost", parts.port or _PORT
    user, password = (None if text is None else unquote(text) or None for text in (parts.username, parts.password))
    context = ssl.create_default_context(cafile=query.get("ca_file")) if secure else None
    async with AsyncExitStack() as stack:
        client: _Client
        if query.get("cluster") == "true":
            client = RedisCluster(
                startup_nodes=[TCPLocation(host, port)],
                username=user,
                password=password,
                decode_responses=False,
                ssl_context=context,
                connect_timeout=within_s,
                pool_timeout=within_s,
            )
        else:
            client = Redis(
                host,
                port,
                int(parts.path.strip("/") or 0),
                username=user,
                password=password,
                decode_responses=False,
                ssl=secure,
                ssl_context=context,
                connect_timeout=within_s,
                pool_timeout=within_s,
            )
        try:
            await stack.enter_async_context(client)
        except Exception as exc:
            raise OSError(f"the cluster of the store cannot be reached: {type(exc).__name__}") from None
        yield RedisStore(client, within_s)
