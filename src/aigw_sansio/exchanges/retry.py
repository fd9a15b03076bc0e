"""Which statuses are retried, whether the provider wants another try, and how long it asks to wait; and which tries
count as none.

Decides: the closed set of retried statuses, how ``x-should-retry``, ``retry-after-ms`` and ``retry-after`` are read
(RFC 9110 sections 5.6.7 and 10.2.3), and what goes after a response that was no call of this request, or that refused
what the client had not written. Must not know: how often a step is tried.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ..engine.key_rings import TELLING
from ..engine.services import Services
from ..faults import Denial, Fault, SocketFault
from ..providers.call import ProviderCall
from ..providers.usage_question import note_refusal, refuses_question, without_question
from ..secret import Secret
from ..wires.heads import header_values
from ..wires.http import Headers
from .encoder import FinalResponse
from .ports import PlannedStep

#: The longest wait before another try of a step, in seconds; who asks for more is not tried again (client protocol,
#: section 3.3).
MAX_RETRY_AFTER_S: Final = 5.0

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), start=1
    )
}
#: IMF-fixdate, and the two obsolete forms that a recipient must accept: RFC 850 and asctime.
_IMF_FIXDATE: Final = rb"[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT"
_RFC_850: Final = rb"[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT"
_ASCTIME: Final = rb"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})"
_DECIMAL: Final = rb"\d{1,12}(?:\.\d{1,12})?"
_YEAR_S: Final = 365.2425 * 86400


def is_retried(status: int) -> bool:
    """Whether a request is retried after a response with ``status``."""
    return status in (408, 409, 429) or status >= 500


def should_retry(headers: Headers) -> bool | None:
    """What ``x-should-retry`` says; ``None`` if it says nothing."""
    for value in header_values(headers, b"x-should-retry"):
        word = value.strip().lower()
        if word in (b"true", b"false"):
            return word == b"true"
    return None


def wants_another(
    headers: Headers, fault: Fault, wait_s: float, unix_time: float, *, has_another_key: bool = False
) -> tuple[bool, float]:
    """Whether a failed step is to be tried again, as far as the provider's answer tells, and the seconds to wait before
    that. ``wait_s``: the wait that its body asks for. ``has_another_key``: the answer was about one of several keys, so
    the next one need not wait. What the gateway itself denies is not tried again."""
    if isinstance(fault, Denial):
        return False, 0.0
    if has_another_key:
        return True, 0.0
    told = should_retry(headers)
    wait_s = max(wait_s, retry_after_s(headers, unix_time))
    return (fault.retryable if told is None else told) and wait_s <= MAX_RETRY_AFTER_S, wait_s


def note_status(
    services: Services, call: ProviderCall, key: Secret | None, status: int, headers: Headers, now: float
) -> None:
    """A provider answered ``call``. ``key``: the one that was sent of its several stored ones, which may have to rest.
    Or it takes the request without the question that it refused: it will not be asked again."""
    if key is not None and status in TELLING:
        services.key_rings.refused(key, status, retry_after_s(headers, services.unix_time(now)), now)
    if call.usage_question == "refused" and status < 300:
        note_refusal(services.usage_refusals, call)


def retry_after_s(headers: Headers, unix_time: float) -> float:
    """Seconds to wait that ``retry-after-ms`` or ``retry-after`` asks for; 0 if neither can be read."""
    for value in header_values(headers, b"retry-after-ms"):
        if re.fullmatch(_DECIMAL, value):
            return float(value) / 1000
    for value in header_values(headers, b"retry-after"):
        if re.fullmatch(_DECIMAL, value):
            return float(value)
        at = _date(value, unix_time)
        if at is not None:
            return max(at - unix_time, 0.0)
    return 0.0


def _date(value: bytes, unix_time: float) -> float | None:
    """The Unix time of an HTTP date in any of the three forms."""
    found = re.fullmatch(_IMF_FIXDATE, value) or re.fullmatch(_RFC_850, value)
    if found is not None:
        day, month, year, *clock = found.groups()
    else:
        found = re.fullmatch(_ASCTIME, value)
        if found is None:
            return None
        month, day, *clock, year = found.groups()
    if month not in _MONTHS:
        return None
    hour, minute, second = map(int, clock)
    clock_s = hour * 3600 + minute * 60 + second
    if len(year) == 4:
        return _days_since_1970(int(year), _MONTHS[month], int(day)) * 86400.0 + clock_s
    # Two digits: the latest such year that is at most 50 years ahead.
    century = int(1970 + unix_time / _YEAR_S) // 100 * 100
    at = 0.0
    for first in (century + 100, century, century - 100):
        at = _days_since_1970(first + int(year), _MONTHS[month], int(day)) * 86400.0 + clock_s
        if at - unix_time <= 50 * _YEAR_S:
            break
    return at


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Days of the proleptic Gregorian calendar, with years that begin in March."""
    year -= month <= 2
    era_years = year * 365 + year // 4 - year // 100 + year // 400
    return era_years + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468


def tried_for_nothing(
    steps: Sequence[PlannedStep], index: int, fault: Fault, told: FinalResponse | None, *, cached: bool
) -> list[PlannedStep] | None:
    """``steps`` for another try of the one at ``index``, if the last one counts as none. ``None``: it counts.

    Either its response was ``cached``, or the call of another request, and it was no good: now it must make its own
    call, with whichever key, whatever the cache has. Or its ``fault`` is that of a WebSocket: now the same is asked
    over HTTP. Or what the provider has ``told`` refuses only what the gateway has put into the request: now it goes
    without that."""
    step = steps[index]
    if cached:
        if step.call.cache is None or step.call.cache.is_only_way:
            return None
        make = _alone
    elif isinstance(fault, SocketFault):
        make = _over_http
    elif told is not None and told.step == index and refuses_question(step.call, told.status, told.body):
        make = without_question
    else:
        return None
    changed = list(steps)
    changed[index] = step._replace(call=make(step.call), others=tuple(map(make, step.others)))
    return changed


def _over_http(call: ProviderCall) -> ProviderCall:
    return msgspec.structs.replace(call, lineage=None)


def _alone(call: ProviderCall) -> ProviderCall:
    return msgspec.structs.replace(call, cache=None if call.cache is None else call.cache.alone())
