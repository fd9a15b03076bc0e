"""What the scope of an ASGI connection says (ASGI 3, "WebSocket Connection Scope").

Decides: the request as an engine wants it, whatever a server or a framework left out or put in. Must not know: engines,
and what becomes of the connection.
"""

from collections.abc import Iterable, MutableMapping
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

#: A scope, as ASGI's specification has it.
Scope: TypeAlias = MutableMapping[str, object]

#: What may stand in a path as it is (RFC 3986 section 3.3).
_PATH_SAFE: Final = "/:@!$&'()*+,;=~-._"


def target_of(scope: Scope) -> bytes:
    """Path and query of the request, without the path under which the application is mounted.

    Frameworks differ: ``path`` has the mount path in front, which ``root_path`` then names, or it has not. ``raw_path``
    keeps what was percent-encoded, but may be that of the whole request; its end that says the same is of use. Litestar
    adds a slash to ``path``, which is none of the client's then.
    """
    path, raw, root, query = (scope.get(name) for name in ("path", "raw_path", "root_path", "query_string"))
    path, root = (value if isinstance(value, str) else "" for value in (path, root))
    target = quote(path, safe=_PATH_SAFE)
    if isinstance(raw, bytes):
        shown = raw.decode("latin-1").partition("?")[0]
        target = _end_of(shown, path) or _end_of(shown, path.removesuffix("/")) or target
    root = root.rstrip("/")
    for mount in (root, quote(root, safe=_PATH_SAFE)):
        if mount and target.startswith(f"{mount}/"):
            target = target[len(mount) :]
            break
    return target.encode("latin-1") + (b"?" + query if isinstance(query, bytes) and query else b"")


def _end_of(shown: str, path: str) -> str:
    """The end of ``shown`` that says ``path``: some last segments of it; empty if there is none.

    Linear, as a stranger chooses both: each segment is read once to find where it begins, and once to compare.
    """
    begin, left = len(shown), len(path)
    while left > 0 and (slash := shown.rfind("/", 0, begin)) >= 0:
        left -= 1 + len(unquote(shown[slash + 1 : begin]))
        begin = slash
    return shown[begin:] if left == 0 and unquote(shown[begin:]) == path else ""


def headers_of(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The header fields, as they came."""
    fields = scope.get("headers")
    return [(bytes(name), bytes(value)) for name, value in fields] if isinstance(fields, Iterable) else []


def subprotocols_of(scope: Scope) -> list[str]:
    """What the client offers, best first."""
    items = scope.get("subprotocols")
    return [str(item) for item in items] if isinstance(items, list | tuple) else []


def address_of(scope: Scope, name: str) -> tuple[object, ...] | None:
    """``client`` or ``server``: host and port."""
    value = scope.get(name)
    return tuple(value) if isinstance(value, list | tuple) else None
