"""What a record holds of a client's request in place of its credentials.

Decides: which fields and subprotocols of a universal client are secrets, and what stands for them, so that a replay
decides as the gateway did. Must not know: how a record is written.

Nothing of them goes to a provider: a universal client sends its keys in its messages. A token of the settings has its
number there, which a replay turns back. Another token was judged by the host, whose answer is in the record.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from ..config import Config
from ..providers.subprotocols import read_offer
from ..secret import Secret
from .gateway_tokens import bearer_token
from .routes import UniversalResource, route, split_target

_HIDDEN: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
_OUR_TOKEN: Final = "cf-aig-authorization"
_MASK: Final = "***"
_OF_SETTINGS: Final = re.compile(r"\*\*\*([0-9]+)\Z")

#: Header fields and subprotocols of a request.
Credentials: TypeAlias = tuple[list[tuple[bytes, bytes]], list[str]]


def mask(
    config: Config, target: bytes, headers: Sequence[tuple[bytes, bytes]], subprotocols: Sequence[str]
) -> Credentials:
    """The ``headers`` and ``subprotocols`` of a request for ``target`` without secrets, if it is for a universal
    socket. What differed still differs."""
    if not isinstance(route(split_target(target)[0]), UniversalResource):
        return list(headers), list(subprotocols)
    marks = _Marks(config)
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
        else:
            items.append(marks.of_other(item.shown()) if item.secret else item.text.decode("latin-1"))
    return fields, items


def unmask(config: Config, headers: Sequence[tuple[bytes, bytes]], subprotocols: Sequence[str]) -> Credentials:
    """The same with the tokens of the settings."""
    tokens = list(_tokens(config))

    def restored(text: str) -> str:
        found = _OF_SETTINGS.search(text)
        return text[: found.start()] + tokens[int(found[1])].reveal() if found else text

    fields = [
        (name, restored(value.decode("latin-1")).encode("latin-1") if name.lower() == _OUR_TOKEN.encode() else value)
        for name, value in headers
    ]
    items = [restored(item) if item.startswith(f"{_OUR_TOKEN}.") else item for item in subprotocols]
    return fields, items


class _Marks:
    """What stands for each secret of one request."""

    def __init__(self, config: Config) -> None:
        self._tokens = list(_tokens(config))
        self._others: dict[str, int] = {}
        self._count = 0

    def of_token(self, token: str) -> str:
        for number, known in enumerate(self._tokens):
            if known.matches(token):
                return f"{_MASK}{number}"
        return f"{_MASK}~{self._others.setdefault(token, len(self._others))}" if token else ""

    def of_other(self, shown: str) -> str:
        """``shown`` ends with the mask. No two are the same: an offer with two equal items is refused."""
        self._count += 1
        return f"{shown}~{self._count}"


def _tokens(config: Config) -> Iterator[Secret]:
    for gateway in config.gateways.values():
        yield from gateway.tokens
