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
        ends = [shown[at:] for at, character in enumerate(shown) if character == "/"]
        same = [end for end in ends if unquote(end) == path] or [end for end in ends if f"{unquote(end)}/" == path]
        target = same[0] if same else target
    root = root.rstrip("/")
    for mount in (root, quote(root, safe=_PATH_SAFE)):
        if mount and target.startswith(f"{mount}/"):
            target = target[len(mount) :]
            break
    return target.encode("latin-1") + (b"?" + query if isinstance(query, bytes) and query else b"")


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
