"""What a record holds of a client's request in place of its credentials.

Decides: which fields, subprotocols and parts of the query of a universal client are secrets, and what stands for them,
so that a replay decides as the gateway did. Must not know: how a record is written.

A token for resuming is no credential of the client's: the gateway made it, from the seed that the record has.

Nothing of them goes to a provider: a universal client sends its keys in its messages. A token of the settings has its
number there, which a replay turns back. Another token was judged by the host, whose answer is in the record.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

from ..config import Config
from ..providers.subprotocols import read_offer
from ..secret import Secret
from .gateway_tokens import bearer_token
from .resume_tokens import RESUME_FIELD
from .routes import UniversalResource, route, split_target

_HIDDEN: Final = frozenset(
    {b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"api-key", b"x-goog-api-key"}
)
_OUR_TOKEN: Final = "cf-aig-authorization"
_MASK: Final = "***"
_OF_SETTINGS: Final = r"\*\*\*([0-9]+)\Z"

#: Target, header fields and subprotocols of a request.
Shown: TypeAlias = tuple[bytes, list[tuple[bytes, bytes]], list[str]]


def mask(config: Config, target: bytes, headers: Sequence[tuple[bytes, bytes]], subprotocols: Sequence[str]) -> Shown:
    """A request for ``target`` without secrets, if it is for a universal socket. What differed still differs."""
    if not _is_universal(target):
        return target, list(headers), list(subprotocols)
    marks = _Marks(config)
    target = _with_tokens(target, lambda token: marks.of_token(bearer_token(token)))
    fields = []
    for name, value in headers:
        if name.lower() == _OUR_TOKEN.encode():
            value = marks.of_token(bearer_token(value.decode("latin-1"))).encode()
        elif name.lower() in _HIDDEN:
            value = _MASK.encode()
        fields.append((name, value))
    items = []
    for item in read_offer([text.encode("latin-1", "replace") for text in subprotocols]).items:
        if item.secret and item.name == _OUR_TOKEN:
            items.append(f"{_OUR_TOKEN}.{marks.of_token(item.value)}")
        elif item.name == RESUME_FIELD:
            items.append(item.text.decode("latin-1"))
        else:
            items.append(marks.of_other(item.shown(), item.text) if item.secret else item.text.decode("latin-1"))
    return target, fields, items


def unmask(config: Config, target: bytes, headers: Sequence[tuple[bytes, bytes]], subprotocols: Sequence[str]) -> Shown:
    """The same with the tokens of the settings. ``ValueError`` if there are fewer of them than in the recorded run."""
    if not _is_universal(target):  # nothing was masked: what looks like a mask is what the client sent
        return target, list(headers), list(subprotocols)
    tokens = list(_tokens(config))

    def restored(text: str) -> str:
        found = re.search(_OF_SETTINGS, text)
        if found is None:
            return text
        if int(found[1]) >= len(tokens):
            raise ValueError("the record needs more tokens than the settings have; replay with those of its run")
        return text[: found.start()] + tokens[int(found[1])].reveal()

    fields = [
        (name, restored(value.decode("latin-1")).encode("latin-1") if name.lower() == _OUR_TOKEN.encode() else value)
        for name, value in headers
    ]
    items = [restored(item) if item.startswith(f"{_OUR_TOKEN}.") else item for item in subprotocols]
    return _with_tokens(target, restored), fields, items


def _is_universal(target: bytes) -> bool:
    return isinstance(route(split_target(target)[0]), UniversalResource)


def _with_tokens(target: bytes, change: Callable[[str], str]) -> bytes:
    """``target`` with another text for each token of ours in its query."""
    path, mark, query = target.partition(b"?")
    parts = []
    for part in query.decode("latin-1").split("&"):
        name, equals, value = part.partition("=")
        is_token = unquote(name).lower() == _OUR_TOKEN
        parts.append(f"{name}{equals}{quote(change(unquote(value)), safe='*~')}" if is_token else part)
    return path + mark + "&".join(parts).encode("latin-1")


class _Marks:
    """What stands for each secret of one request."""

    def __init__(self, config: Config) -> None:
        self._tokens = list(_tokens(config))
        self._others: dict[str, int] = {}
        self._items: dict[bytes, int] = {}

    def of_token(self, token: str) -> str:
        for number, known in enumerate(self._tokens):
            if known.matches(token):
                return f"{_MASK}{number}"
        return f"{_MASK}~{self._others.setdefault(token, len(self._others))}" if token else ""

    def of_other(self, shown: str, text: bytes) -> str:
        """``shown`` ends with the mask. Equal items stay equal: an offer of them is refused."""
        return f"{shown}~{self._items.setdefault(text, len(self._items) + 1)}"


def _tokens(config: Config) -> Iterator[Secret]:
    for gateway in config.gateways.values():
        yield from gateway.tokens
