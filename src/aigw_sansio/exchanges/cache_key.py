"""Which responses stand for each other: the name under which one is kept.

Decides: what of a request matters for its answer, and that white space and the order of members in JSON do not. Must
not know: when the cache is used, and who keeps what.

The name is a hash of everything, keys included, so it tells none of them. Requests of different gateways, providers or
owners of keys never have the same one. Header fields count unless they are known to change no answer: an unknown one
may hold a key.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final
from urllib.parse import unquote

import msgspec

from ..bodies.framing import asks_for_stream
from ..json_text import NOT_WRITABLE
from ..secret import add_bytes, add_texts

#: Changes with the way in which responses are kept or read, so that what an older version kept is not found.
_VERSION: Final = b"aigw response 1"
#: Fields that name one request, say who is on the way, or ask for nothing.
_WITHOUT_EFFECT: Final = frozenset(
    {
        "user-agent", "accept-language", "request-id", "x-request-id", "x-client-request-id", "x-correlation-id",
        "idempotency-key", "traceparent", "tracestate", "baggage", "b3", "sentry-trace", "priority", "referer", "dnt",
        "cache-control", "pragma", "date",
    }
)  # fmt: skip
_PREFIXES_WITHOUT_EFFECT: Final = ("x-stainless-", "x-b3-", "x-datadog-", "sec-")
#: Paths that stream: ``:streamGenerateContent``, ``/converse-stream``, ``/stream/with-timestamps``. A name before the
#: last part may be that of a model.
_STREAMS: Final = re.compile(r"/stream(?:/|$)|stream[^/:]*$", re.IGNORECASE)
_strings: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode("ascii"))


#: Numbers with a point or an exponent stay as the client wrote them: two that differ are never taken for one.
_decode: Final = msgspec.json.Decoder(float_hook=_as_written).decode


def canonical(body: bytes) -> bytes:
    """``body`` in the form that all its spellings have in common, if it is JSON; else itself. The first byte tells the
    two apart.

    JSON that names a member twice stays as it is: providers may read it in two ways, so it stands for nothing else.
    """
    try:
        text = _encode(_decode(body))
    except NOT_WRITABLE:
        return b"=" + body
    return b"~" + text if _members(text) == _members(body) else b"=" + body


def _members(text: bytes) -> int:
    return _strings.sub(b"", text).count(b":")


def cache_key(
    *,
    gateway: str,
    provider: str,
    format: str,
    server: str,
    path: str,
    query: str,
    fields: Mapping[str, str],
    owner: Iterable[str],
    body: bytes,
    client_key: str | None = None,
) -> str:
    """The name of the response, in 48 hexadecimal digits.

    ``gateway``: ``ACCOUNT/GATEWAY``. ``server``: scheme and authority of the provider. ``query`` and ``fields`` (names
    in lower case) are the client's, its keys included. ``owner``: whose keys go, if they are not the client's.
    ``client_key``: what the client says in ``cf-aig-cache-key``; it stands for ``path`` and ``body``, but for whether
    they ask for a stream.
    """
    digest = blake2b(_VERSION, digest_size=24)
    counted = [item for field in sorted(fields.items()) if _counts(field[0]) for item in field]
    stream = "stream" if client_key is not None and _asks_for_stream(path, body) else ""
    parts = [gateway, provider, format, server, query, stream, *counted]
    for texts in (parts, list(owner)):
        digest.update(b"%d." % len(texts))
        add_texts(digest, texts)
    if client_key is None:
        add_texts(digest, [path])
        add_bytes(digest, canonical(body))
    else:
        digest.update(b"key.")
        add_texts(digest, [client_key])
    return digest.hexdigest()


def _asks_for_stream(path: str, body: bytes) -> bool:
    return asks_for_stream(body) or _STREAMS.search(unquote(path)) is not None


def _counts(name: str) -> bool:
    return name not in _WITHOUT_EFFECT and not name.startswith(_PREFIXES_WITHOUT_EFFECT)
