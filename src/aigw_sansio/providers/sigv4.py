"""AWS Signature Version 4 for one request, header form.

Decides: the canonical request, the string to sign and the ``Authorization`` field (AWS, "Create a signed AWS API
request"). Must not know: clocks (time is passed in), and the source of the credentials.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import quote

import msgspec

from ..secret import Secret

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"
_QUERY_SAFE: Final = "/%:@!$&'()*+,;=~?"


class AwsCredentials(msgspec.Struct, frozen=True):
    """Keys of an AWS identity, with a ``session_token`` if they are temporary."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


def sign(
    *,
    method: str,
    authority: str,
    target: str,
    fields: Mapping[str, str],
    body: bytes,
    credentials: AwsCredentials,
    region: str,
    service: str,
    unix_time: float,
) -> dict[str, str]:
    """The fields to add to the request: ``x-amz-date``, ``authorization`` and, for temporary keys,
    ``x-amz-security-token``.

    ``fields`` are the request's other fields by lower-case name. The signature covers ``host``, ``content-type`` and
    every ``x-amz-*``, because no proxy changes these. ``target`` is the origin form as sent.
    """
    date = amz_date(unix_time)
    added = {"x-amz-date": date}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token.reveal()
    signed = {name: value for name, value in fields.items() if name == "content-type" or name.startswith("x-amz-")} | {
        "host": authority,
        **added,
    }
    path, _, query = target.partition("?")
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/" + _UNRESERVED),  # encoded a second time, as AWS asks: percent signs are encoded too
            canonical_query(query),
            *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
            "",
            names,
            sha256(body).hexdigest(),
        ]
    )
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join([_ALGORITHM, date, scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_access_key.reveal()}".encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    added["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return added


def canonical_query(query: str) -> str:
    """The query's parameters ordered by name, then by value; percent-encoding stays as sent, and what a URL has to
    encode counts as encoded."""
    if not query:
        return ""
    query = quote(query, safe=_QUERY_SAFE)
    pairs = [(name, value) for name, _, value in (item.partition("=") for item in query.split("&"))]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def amz_date(unix_time: float) -> str:
    """``YYYYMMDDTHHMMSSZ`` of seconds since 1970, in UTC."""
    days, second = divmod(int(unix_time), 86400)
    # civil date from a day count, in years that begin in March, 400 at a time (Howard Hinnant, "chrono-Compatible
    # Low-Level Date Algorithms", civil_from_days)
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04}{month:02}{day:02}T{second // 3600:02}{second // 60 % 60:02}{second % 60:02}Z"
