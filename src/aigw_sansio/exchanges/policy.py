"""How often and how long a step is tried: one policy out of four sources.

Decides: precedence, ranges and ceilings (client protocol, sections 3.1 and 3.3): a step's ``config``, its headers, the
headers of the handshake, the gateway's settings. Must not know: how a policy is used.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from ..config import Backoff, GatewaySettings, Timeouts
from ..faults import Fault, FaultKind, Side

_DAY_MS = 86_400_000.0
_MAX_ATTEMPTS = 5
_MAX_DELAY_MS = 5000.0
_BACKOFFS: dict[str, Backoff] = {"constant": "constant", "linear": "linear", "exponential": "exponential"}


ResponseMode: TypeAlias = Literal["raw", "events", "both"]


class StepConfig(msgspec.Struct, frozen=True, rename="camel"):
    """A step's ``config`` as sent: milliseconds and counts, not yet limited to their ranges."""

    request_timeout: float | None = None
    max_attempts: float | None = None
    retry_delay: float | None = None
    backoff: Literal["constant", "linear", "exponential"] | None = None
    connect_timeout: float | None = None
    idle_timeout: float | None = None
    total_timeout: float | None = None
    response: ResponseMode | None = None


class Policy(msgspec.Struct, frozen=True):
    """The timeouts (seconds) and retries of one step. ``None`` is no limit. ``first_byte_ceiling_s``: the operator's,
    which holds for every attempt."""

    connect_s: float
    first_byte_s: float | None
    idle_s: float
    total_s: float | None
    attempts: int
    delay_s: float
    backoff: Backoff
    response: ResponseMode
    first_byte_ceiling_s: float | None = None

    def delay_before(self, attempt: int) -> float:
        """Seconds to wait before attempt number ``attempt`` of the step; the second is 2."""
        n = attempt - 1
        factors: dict[Backoff, int] = {"constant": 1, "linear": n, "exponential": 1 << (n - 1)}
        return self.delay_s * factors[self.backoff]


def resolve_policy(
    config: StepConfig,
    *,
    step_headers: Sequence[tuple[str, str]],
    handshake_headers: Mapping[str, str],
    gateway: GatewaySettings,
    timeouts: Timeouts,
    ceilings: Collection[str] = (),
) -> Policy | Fault:
    """The policy of one step. ``ceilings`` names the ``timeouts`` that it may only shorten. A ``cf-aig-*`` header with
    an unusable value is a fault that names it."""
    headers = dict(handshake_headers)
    headers.update((name.lower(), value) for name, value in step_headers if name.lower().startswith("cf-aig-"))

    def number(value: float | None, header: str) -> float | Fault | None:
        if value is not None or header not in headers:
            return value
        try:
            parsed = float(headers[header].replace("_", "x"))  # "1_000" is a number for Python, not for us
        except ValueError:
            parsed = -1.0
        if 0 <= parsed <= 1e15:
            return parsed
        return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"header {header} must be a number, of 0 or more")

    first_byte = number(config.request_timeout, "cf-aig-request-timeout")
    attempts = number(config.max_attempts, "cf-aig-max-attempts")
    delay = number(config.retry_delay, "cf-aig-retry-delay")
    if isinstance(first_byte, Fault):
        return first_byte
    if isinstance(attempts, Fault):
        return attempts
    if isinstance(delay, Fault):
        return delay
    backoff = config.backoff or _BACKOFFS.get(headers.get("cf-aig-backoff", gateway.retry.backoff))
    if backoff is None:
        allowed = ", ".join(_BACKOFFS)
        return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"header cf-aig-backoff: allowed are {allowed}")
    policy = Policy(
        connect_s=_seconds(config.connect_timeout, timeouts.connect_s),
        first_byte_s=timeouts.first_byte_s if first_byte is None else _seconds(first_byte, 0),
        idle_s=_seconds(config.idle_timeout, timeouts.idle_s),
        total_s=timeouts.total_s if config.total_timeout is None else _seconds(config.total_timeout, 0),
        attempts=gateway.retry.max_attempts if attempts is None else int(min(max(attempts, 1), _MAX_ATTEMPTS)),
        delay_s=(gateway.retry.delay_ms if delay is None else min(max(delay, 0.0), _MAX_DELAY_MS)) / 1000,
        backoff=backoff,
        response=config.response or "raw",
    )
    return _under(policy, timeouts, ceilings) if ceilings else policy


def _seconds(ms: float | None, default_s: float) -> float:
    return default_s if ms is None else min(max(ms, 1.0), _DAY_MS) / 1000


def _under(policy: Policy, timeouts: Timeouts, ceilings: Collection[str]) -> Policy:
    """``policy`` with no clock longer than its ceiling."""
    limits_s = {name: getattr(timeouts, name) for name in ceilings}
    cut_s = {
        name: limit_s if (asked_s := getattr(policy, name)) is None else min(asked_s, limit_s)
        for name, limit_s in limits_s.items()
        if limit_s is not None
    }
    return msgspec.structs.replace(policy, **cut_s, first_byte_ceiling_s=limits_s.get("first_byte_s"))
