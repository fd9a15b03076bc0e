"""Which statuses are retried, and how long a provider asks to wait.

Decides: the closed set of retried statuses and how ``retry-after`` is read (RFC 9110 section 10.2.3). Must not know:
how often a step is tried.
"""

import re

from ..wires.heads import header_values
from ..wires.http import Headers

#: The longest wait that a provider can ask for, in seconds (client protocol, section 3.3).
MAX_RETRY_AFTER_S = 5.0

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_IMF_FIXDATE = re.compile(rb"[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT")
_DECIMAL = re.compile(rb"\d{1,12}(?:\.\d{1,12})?")


def is_retried(status: int) -> bool:
    """Whether a request is retried after a response with ``status``."""
    return status in (408, 409, 429) or status >= 500


def retry_after_s(headers: Headers, unix_time: float) -> float:
    """Seconds to wait that ``retry-after-ms`` or ``retry-after`` asks for, between 0 and 5; 0 if neither can be
    read."""
    for value in header_values(headers, b"retry-after-ms"):
        if _DECIMAL.fullmatch(value):
            return min(float(value) / 1000, MAX_RETRY_AFTER_S)
    for value in header_values(headers, b"retry-after"):
        if _DECIMAL.fullmatch(value):
            return min(float(value), MAX_RETRY_AFTER_S)
        date = _IMF_FIXDATE.fullmatch(value)
        if date and date[2] in _MONTHS:
            day, year, hour, minute, second = (int(date[i]) for i in (1, 3, 4, 5, 6))
            days = _days_since_1970(year, _MONTHS.index(date[2]) + 1, day)
            at = days * 86400 + hour * 3600 + minute * 60 + second
            return min(max(at - unix_time, 0.0), MAX_RETRY_AFTER_S)
    return 0.0


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Days of the proleptic Gregorian calendar, with years that begin in March."""
    year -= month <= 2
    era_years = year * 365 + year // 4 - year // 100 + year // 400
    return era_years + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468
