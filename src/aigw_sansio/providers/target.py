"""Request targets: a client's endpoint and a base URL become one URL, always on the base URL's host.

Decides: which endpoints are refused, how the others are joined to the base URL (client protocol, section 3.1, "Endpoint
and base URL"), and that the result parses to the intended parts (RFC 3986 section 3). Must not know: any provider.

An endpoint comes from the client. It is not decoded before it is sent: characters that a URL does not allow are
encoded, and the client's own encoding stays. Only the check decodes it, layer by layer, because a server behind the
provider's front may do the same.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, Literal
from unicodedata import normalize
from urllib.parse import quote, unquote_to_bytes, urlsplit

import msgspec

from ..secret import without_content

_LABEL: Final = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*\Z"
_IP_LIKE: Final = r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z"  # its last label is a number for a resolver
_IPV4: Final = r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.|\Z)){4}(?<!\.)\Z"
_SCHEME: Final = r"(?i)[A-Za-z][A-Za-z0-9+.\-]*:/|(?:https?|wss?|ftp|file|data|javascript):"
_AUTHORITY: Final = r"//(?!@)[^/]*[.:@]"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_PERCENT: Final = r"%(?![0-9A-Fa-f]{2})"
_DOT_SEGMENT: Final = re.compile(r"(?:^|/)\.{1,2}(?:;[^/]*)?(?:/|\Z)")
#: A segment that names a version of an API.
VERSION: Final = re.compile(r"v[0-9]+(?:\.[0-9]+)?(?:(?:alpha|beta|preview)[0-9]*)?\Z")
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9_\-/@:+,=]*(?:[A-Za-z0-9_\-@:+,=]\.[A-Za-z0-9_\-/@:+,=]*)*\Z")
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~"  # pchar of RFC 3986 section 3.3, and % because existing encoding stays
#: All that can stand in a request line but # and the backslash: a signed URL has to arrive as it was signed.
_QUERY_SAFE: Final = "/%:@!$&'()*+,;=~?|[]\"<>^`{}"
_DECODINGS: Final = 5
#: The longest base URL or endpoint, in characters; servers commonly take 8 KiB.
MAX_LENGTH: Final = 8192
_PORTS: Final = {"http": 80, "https": 443}


class BaseUrl(msgspec.Struct, frozen=True):
    """A base URL in parts. ``path`` has no slash at its end; ``query`` is without its question mark."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str = ""
    query: str = ""

    __repr__ = without_content


class RefusedTarget(msgspec.Struct, frozen=True):
    """Why a URL or endpoint cannot be used: the end of a sentence that begins with its name."""

    why: str


_TOO_LONG: Final = RefusedTarget(f"is longer than {MAX_LENGTH} characters")


def parse_base_url(url: str) -> BaseUrl | RefusedTarget:
    """Read a base URL: ``http``, ``https``, ``ws`` or ``wss``, a host in ASCII, an optional port, path and query.

    ``ws`` and ``wss`` become ``http`` and ``https``, which open them (RFC 6455 section 3).
    """
    return _parse_base_url(url) if len(url) <= MAX_LENGTH else _TOO_LONG


@lru_cache(maxsize=512)  # the same settings come with every request; MAX_LENGTH bounds the memory that clients can fill
def _parse_base_url(url: str) -> BaseUrl | RefusedTarget:
    if not url.isascii():
        return RefusedTarget("must be in ASCII: a host in its xn-- form, a path percent-encoded")
    if _CONTROL.search(url) or " " in url or "\\" in url:
        return RefusedTarget("must not hold control characters, blanks or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return RefusedTarget("is not a URL; expected https://HOST[:PORT][/PATH]")
    scheme: Literal["http", "https"]
    if parts.scheme in ("https", "wss"):
        scheme = "https"
    elif parts.scheme in ("http", "ws"):
        scheme = "http"
    else:
        return RefusedTarget("must begin with https:// (or http://)")
    if "@" in parts.netloc:
        return RefusedTarget("must not hold a user name or password")
    if "#" in url:
        return RefusedTarget("must not hold a fragment (#)")
    if port == 0 or parts.netloc.endswith(":"):
        return RefusedTarget("has a bad port; allowed is 1 to 65535")
    host = parts.hostname or ""
    if why := host_refused(host):
        return RefusedTarget(why)
    path = parts.path.rstrip("/")
    if why := _path_refused(path):
        return RefusedTarget(why)
    if quote(path, safe=_PATH_SAFE) != path or quote(parts.query, safe=_QUERY_SAFE) != parts.query:
        return RefusedTarget("has characters that must be percent-encoded")
    return BaseUrl(scheme, host, port or _PORTS[scheme], path=path, query=parts.query)


def host_refused(host: str) -> str | None:
    """Why ``host`` (lower case, an IPv6 address without brackets) is not a valid host name or address; ``None`` if it
    is."""
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError:
            return "has a bad IPv6 address"
        return "has an IPv6 address with a zone" if "%" in host else None
    if len(host) > 253 or not re.match(_HOST, host):
        return "has no valid host name; allowed are letters, digits, '-' and '_' between dots"
    if re.match(_IP_LIKE, host) and not re.match(_IPV4, host):
        return "has a bad IPv4 address"
    return None


class Endpoint(msgspec.Struct, frozen=True):
    """A checked endpoint: ``path`` is percent-encoded, without leading slashes; ``query`` is without its question mark,
    ``None`` if there was none."""

    path: str
    query: str | None

    __repr__ = without_content


def check_endpoint(endpoint: str) -> Endpoint | RefusedTarget:
    """Check and encode a client's endpoint, ``PATH[?QUERY]``. The reason of a refusal never quotes it."""
    if len(endpoint) > MAX_LENGTH:
        return _TOO_LONG
    path, mark, query = endpoint.partition("?")
    if not _PLAIN_PATH.match(path) or path.startswith("//") or ":" in path:
        if re.match(_AUTHORITY, path):
            return RefusedTarget("must be a path, without a host")
        path = path.lstrip("/")
        if re.match(_SCHEME, path):
            return RefusedTarget("must be a path, without a scheme")
        if why := _path_refused(path):
            return RefusedTarget(why)
        path = quote(path, safe=_PATH_SAFE)
    if mark:
        if _CONTROL.search(query) or "#" in query or "\\" in query:
            return RefusedTarget("must not hold control characters, '#' or a backslash in its query")
        try:
            query = quote(query, safe=_QUERY_SAFE)
        except UnicodeEncodeError:
            return RefusedTarget("must not hold lone surrogates")
    return Endpoint(path.lstrip("/"), query if mark else None)


def _path_refused(path: str) -> str | None:
    """Why ``path`` is refused, or ``None``. It is checked as sent and after each possible percent-decoding."""
    if "#" in path:
        return "must not hold a fragment (#); write %23"
    for layer in range(_DECODINGS):
        if _CONTROL.search(path):
            return "must not hold control characters, in any encoding"
        if "\\" in path:
            return "must not hold a backslash, in any encoding"
        if _DOT_SEGMENT.search(path) or (not path.isascii() and _DOT_SEGMENT.search(normalize("NFKC", path))):
            return "must not hold a '.' or '..' segment, in any encoding"
        try:
            path.encode()
        except UnicodeEncodeError:
            return "must not hold lone surrogates"
        if "%" not in path:
            return None
        if layer == 0 and re.search(_BAD_PERCENT, path):  # deeper layers may hold a plain percent sign
            return "has a '%' that is not followed by two hexadecimal digits"
        try:
            decoded = unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            return "has percent-encoded bytes that are not UTF-8"
        if decoded == path:
            return None
        path = decoded
    return "is percent-encoded too many times"


def join_path(base: str, endpoint: str) -> str:
    """The path of ``endpoint`` (checked) under the path ``base`` (no slash at its end).

    If the endpoint repeats the last whole segments of ``base``, the repetition is removed (``/v1`` + ``v1/chat`` is
    ``/v1/chat``). Otherwise, if it begins with a version segment and ``base`` ends with one, the endpoint's version
    replaces that of ``base``.
    """
    if not endpoint:
        return base or "/"
    if not base:
        return "/" + endpoint
    have = base[1:].split("/")
    want = endpoint.split("/")
    for n in range(min(len(have), len(want)), 0, -1):
        if have[-n:] == want[:n]:
            return "/".join([base, *want[n:]])
    if VERSION.match(want[0]) and VERSION.match(have[-1]):
        have.pop()
    return "/".join(["", *have, *want])


def build_target(base: BaseUrl, endpoint: Endpoint) -> str | RefusedTarget:
    """The origin-form target of ``endpoint`` under ``base``, checked by parsing it again."""
    target = join_path(base.path, endpoint.path)
    if endpoint.query is not None:
        target += "?" + (f"{base.query}&{endpoint.query}" if base.query and endpoint.query else endpoint.query)
    elif base.query:
        target += "?" + base.query
    return target if reads_back(base, target) else RefusedTarget("does not form a URL on the provider's host")


def reads_back(base: BaseUrl, target: str) -> bool:
    """Whether the URL of ``base``'s scheme, host and port with ``target`` parses to exactly these parts."""
    host = f"[{base.host}]" if ":" in base.host else base.host
    try:
        parts = urlsplit(f"{base.scheme}://{host}:{base.port}{target}")
        return (
            parts.scheme == base.scheme
            and parts.hostname == base.host
            and parts.port == base.port
            and parts.username is None
            and not parts.fragment
            and target.startswith("/")
            and target.partition("?")[::2] == (parts.path, parts.query)
        )
    except ValueError:
        return False
