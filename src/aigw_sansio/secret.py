"""Secrets: values that must not be printed, and names made of them that tell none.

Decides: that a secret has no printable form, and that different values never give one name. Must not know: what it is
for.
"""

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest

import msgspec


def without_content(value: object) -> str:
    """For the ``__repr__`` of a struct that holds what a peer sent, keys included: its fields with the sizes of their
    texts and lists."""
    names: tuple[str, ...] = getattr(type(value), "__struct_fields__", ())
    return f"{type(value).__name__}({', '.join(f'{name}={_size(getattr(value, name))}' for name in names)})"


def _size(value: object) -> str:
    if isinstance(value, msgspec.Raw):
        value = bytes(value)
    if isinstance(value, str | bytes):
        return f"<{len(value)} {'bytes' if isinstance(value, bytes) else 'characters'}>"
    if isinstance(value, list | tuple | dict):
        return f"<{len(value)} items>"
    return repr(value)


class HeaderFields(msgspec.Struct, frozen=True):
    """The header fields of a request, in the order sent; their names are in lower case. Some are secrets, so ``repr``
    shows names only."""

    items: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The value of the field ``name`` (lower case); several are joined, as RFC 9110 section 5.3 and, for cookies,
        RFC 9113 section 8.2.3 say. ``None`` if there is none."""
        values = [value for other, value in self.items if other == name]
        return ("; " if name == "cookie" else ", ").join(values) if values else None

    def __repr__(self) -> str:
        return f"HeaderFields({', '.join(name for name, _ in self.items)})"


class Secret:
    """A key or token. ``repr`` and ``str`` hide it, so no log, error text or event can show it by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Call it only to put the value on a wire or to sign with it."""
        return self._value

    def matches(self, other: str) -> bool:
        """Whether ``other`` is this secret, in time that does not depend on the position of the first difference."""
        return compare_digest(self._value.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


class SecretSet:
    """Many secrets, to be recognised in what a peer sends. For removing them only: who shows a token in order to be let
    in is judged by :meth:`Secret.matches`."""

    __slots__ = ("_values",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._values = frozenset(secret.reveal() for secret in secrets)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def __repr__(self) -> str:
        return f"SecretSet({len(self._values)} of them)"


def add_bytes(digest: blake2b, data: bytes) -> None:
    """Add one value to ``digest``. Safety: no value can look like the end of one and another one behind it."""
    digest.update(b"%d:" % len(data))
    digest.update(data)


def add_texts(digest: blake2b, texts: Iterable[str | None]) -> None:
    """The same for many. ``None`` is another one than the empty text."""
    for text in texts:
        if text is None:
            digest.update(b"-")
        else:
            add_bytes(digest, text.encode("utf-8", "surrogatepass"))
