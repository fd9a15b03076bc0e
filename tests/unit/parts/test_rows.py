"""Rows of a host's own providers: what is refused when they are given, in words that say what is allowed."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from aigw_sansio import KeyLocation, Parts, Provider, RealtimeRoute, Route

HTTPS = (Route(url="https://api.acme.test/v1"),)


def acme(slug: Any = "acme", routes: Any = HTTPS, **fields: Any) -> Provider:
    return Provider(slug=slug, routes=routes, **fields)


def with_realtime(**fields: Any) -> Parts:
    return Parts(providers=[acme(realtime=RealtimeRoute(**{"url": "wss://api.acme.test", "path": "live", **fields}))])


def with_route(**fields: Any) -> Parts:
    return Parts(providers=[acme(routes=(Route(**{"url": "https://acme.test", **fields}),))])


@pytest.mark.parametrize(
    ("give", "error", "says"),
    [
        (lambda: Parts(providers=[acme("openai")]), ValueError, "parts.providers['openai'].slug is taken; allowed is a slug that is none of"),
        (lambda: Parts(providers=[acme("google")]), ValueError, "slug is taken"),  # an alias
        (lambda: Parts(providers=[acme("compat")]), ValueError, "slug is taken"),
        (lambda: Parts(providers=[acme(), acme()]), ValueError, "parts.providers['acme'].slug is taken"),
        (lambda: Parts(providers=[acme("Acme")]), ValueError, "has a bad name; allowed are 1 to 64 of a-z, 0-9, - and _"),
        (lambda: Parts(providers=[acme("custom-acme")]), ValueError, "begins with 'custom-', as providers of the settings do"),
        (lambda: Parts(providers=[acme(7)]), TypeError, "Expected `str`, got `int` - at `$.slug`"),
        (lambda: Parts(providers=[acme(routes="https://x.test")]), TypeError, "Expected `array`, got `str` - at `$.routes`"),
        (lambda: Parts(providers=[object()]), TypeError, "parts.providers has a object; allowed is Provider"),  # type: ignore[list-item]
        (lambda: Parts(providers=[acme(routes=())]), ValueError, "routes is empty; needed is one Route"),
        (lambda: with_route(url="api.acme.test"), ValueError, "routes[0].url must begin with https://"),
        (lambda: with_route(url="https://{resource}.acme.test"), ValueError, "routes[0].url names 'resource'; allowed are account"),
        (lambda: with_route(url="https://{shop}.acme.test", prefix="{shop}"), ValueError, "prefix names 'shop'; allowed are deployment, location,"),
        (lambda: with_route(key=KeyLocation("X-Key")), ValueError, "routes[0].key has not one place for the key; allowed is header in lower case, or query"),
        (lambda: with_route(bearer_becomes=KeyLocation()), ValueError, "bearer_becomes has not one place"),
        (lambda: Parts(providers=[acme(key=KeyLocation("x-key", query="key"))]), ValueError, "].key has not one place"),
        (lambda: Parts(providers=[acme(key=KeyLocation(marker="key"))]), ValueError, "].key has not one place"),
        (lambda: Parts(providers=[acme(format="acme")]), ValueError, "].format names 'acme'; allowed are aleph"),
        (lambda: Parts(providers=[acme(formats=(("(", "unknown"),))]), ValueError, "formats has '(', which is no regular expression"),
        (lambda: Parts(providers=[acme(formats=(("", "acme"),))]), ValueError, "formats[''] names 'acme'"),
        (lambda: Parts(providers=[acme(framings=(("text/x-acme", "blocks"),))]), ValueError, "framings['text/x-acme'] names 'blocks'; allowed are aws_event_stream, binary_stream, json_array, ndjson, sse, whole"),
        (lambda: Parts(providers=[acme(framings=(("text/X; a=b", "sse"),))]), ValueError, "framings has 'text/X; a=b'; allowed is TYPE/SUBTYPE in lower case"),
        (lambda: with_realtime(url="ftp://acme.test"), ValueError, "realtime.url must begin with"),
        (lambda: with_realtime(url="", prefixes=(("{shop}", "wss://{shop}.acme.test"),)), ValueError, "realtime.url names 'shop'"),
        (lambda: with_realtime(prefixes=(("{shop}", "wss://acme.test"),)), ValueError, "realtime.prefixes names 'shop'"),
        (lambda: with_realtime(other_hosts=(("[", "wss://acme.test"),)), ValueError, "other_hosts has '['"),
        (lambda: with_realtime(format="ollama"), ValueError, "realtime.format names 'ollama'; allowed are"),
        (lambda: with_realtime(key=KeyLocation()), ValueError, "realtime.key has not one place for the key; allowed is header in lower case, query or marker"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_an_error_that_says_what_is_allowed(
    give: Callable[[], Parts], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        give()


def test_a_row_with_everything_is_taken() -> None:
    route = Route(url="https://{region}.acme.test/{account}", prefix="at/{region}", key=KeyLocation(query="key"))
    realtime = RealtimeRoute(
        url="",
        path="live",
        prefixes=(("{region}", "wss://{region}.acme.test"),),
        key=KeyLocation(marker="acme-key"),
        other_hosts=(("^/old", "wss://old.acme.test"),),
        formats=(("live$", "openai-realtime"),),
    )
    row = acme(routes=(route,), key=KeyLocation("x-acme-key", "Key "), realtime=realtime)
    assert Parts(providers=[row]).rows == {"acme": row}
