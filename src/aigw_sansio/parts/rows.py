"""Rows of a host's own providers: which can be used.

Decides: what is wrong with a row, before any request meets it. Must not know: the parts that its names stand for.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from ..formats.realtime import REALTIME_FORMATS
from ..providers.compat import COMPAT
from ..providers.key_location import KeyLocation
from ..providers.registry import ALIASES, REGISTRY, is_custom
from ..providers.row import VARIABLES, Provider, RealtimeRoute
from ..providers.target import RefusedTarget, parse_base_url

_SLUG: Final = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
_SLUG_IN_WORDS: Final = "1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends"
_MEDIA_TYPE: Final = r"[a-z0-9!#$%&'*+.^_`|~-]+/[a-z0-9!#$%&'*+.^_`|~-]+"
_FIELD_NAME: Final = r"[a-z0-9!#$%&'*+.^_`|~-]+"
_VARIABLE: Final = r"\{(\w*)\}"


def in_words(names: Iterable[str]) -> str:
    """``names`` as an error lists them."""
    return ", ".join(sorted(names))


def check_name(where: str, name: object) -> None:
    """Raises ``ValueError`` for a name of a provider, a format or a framing that has another form."""
    if type(name) is not str or not re.fullmatch(_SLUG, name):
        raise ValueError(f"{where} has a bad name; allowed are {_SLUG_IN_WORDS}")


def checked_row(
    row: Provider,
    others: Collection[str],
    *,
    formats: Collection[str],
    framings: Collection[str],
    realtime_formats: Collection[str] = (),
) -> Provider:
    """``row`` with tuples in place of lists. Raises for one that cannot be used."""
    if type(row) is not Provider:
        raise TypeError(f"parts.providers has a {type(row).__name__}; allowed is Provider")
    where = f"parts.providers[{row.slug!r}]"
    try:
        row = msgspec.convert(msgspec.to_builtins(row), Provider)
    except msgspec.ValidationError as error:
        raise TypeError(f"{where}: {error}") from None
    check_name(f"{where}.slug", row.slug)
    if row.slug in REGISTRY or row.slug in ALIASES or row.slug in others or row.slug == COMPAT:
        taken = in_words([*REGISTRY, *ALIASES, COMPAT, *others])
        raise ValueError(f"{where}.slug is taken; allowed is a slug that is none of {taken}")
    if is_custom(row.slug):
        raise ValueError(
            f"{where}.slug begins with 'custom-', as providers of the settings do; allowed is another slug"
        )
    if not row.routes:
        raise ValueError(f"{where}.routes is empty; needed is one Route with the provider's URL")
    for number, route in enumerate(row.routes):
        _check_url(f"{where}.routes[{number}]", route.url, known={"account", *re.findall(_VARIABLE, route.prefix)})
        for variable in re.findall(_VARIABLE, route.prefix):
            _check_known(f"{where}.routes[{number}].prefix", variable, VARIABLES)
        for name, key in (("key", route.key), ("bearer_becomes", route.bearer_becomes)):
            _check_key(f"{where}.routes[{number}].{name}", key)
    _check_key(f"{where}.key", row.key)
    _check_formats(where, row.formats, row.format, formats)
    for media_type, framing in row.framings:
        if not re.fullmatch(_MEDIA_TYPE, media_type):
            raise ValueError(
                f"{where}.framings has {media_type!r}; allowed is TYPE/SUBTYPE in lower case, without parameters"
            )
        _check_known(f"{where}.framings[{media_type!r}]", framing, framings)
    if row.realtime is not None:
        _check_realtime(f"{where}.realtime", row.realtime, {*REALTIME_FORMATS, "unknown", *realtime_formats})
    return row


def _check_realtime(where: str, route: RealtimeRoute, formats: Collection[str]) -> None:
    for url in (route.url, *(url for _, url in (*route.prefixes, *route.other_hosts))):
        if url:
            _check_url(where, url, known=set(VARIABLES))
    for variable in (found for prefix, _ in route.prefixes for found in re.findall(_VARIABLE, prefix)):
        _check_known(f"{where}.prefixes", variable, VARIABLES)
    for pattern, _ in route.other_hosts:
        _check_pattern(f"{where}.other_hosts", pattern)
    _check_key(f"{where}.key", route.key, markers=True)
    _check_formats(where, route.formats, route.format, formats)


def _check_formats(where: str, formats: Iterable[tuple[str, str]], rest: str, known: Collection[str]) -> None:
    for pattern, format in formats:
        _check_pattern(f"{where}.formats", pattern)
        _check_known(f"{where}.formats[{pattern!r}]", format, known)
    _check_known(f"{where}.format", rest, known)


def _check_pattern(where: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{where} has {pattern!r}, which is no regular expression: {error}") from None


def _check_known(where: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"{where} names {name!r}; allowed are {in_words(known)}")


def _check_url(where: str, url: str, *, known: Collection[str]) -> None:
    for variable in re.findall(_VARIABLE, url):
        _check_known(f"{where}.url", variable, known)
    base = parse_base_url(re.sub(_VARIABLE, "x1", url))
    if isinstance(base, RefusedTarget):
        raise ValueError(f"{where}.url {base.why}")


def _check_key(where: str, key: KeyLocation | None, *, markers: bool = False) -> None:
    if key is None:
        return
    places = [place for place in (key.header, key.query, key.marker if markers else "") if place]
    if len(places) != 1 or (key.marker and not markers) or (key.header and not re.fullmatch(_FIELD_NAME, key.header)):
        allowed = "header in lower case, query or marker" if markers else "header in lower case, or query"
        raise ValueError(f"{where} has not one place for the key; allowed is {allowed}")
