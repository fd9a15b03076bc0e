"""The upgrade that a transform of the host's own gets. Data only."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ..faults import Fault
from ..secret import without_content


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A realtime client's upgrade, before its URL is made and a stored key is put in.

    ``provider``: its slug. ``endpoint``: ``[PATH][?QUERY]`` as the client wrote it behind the provider, without the
    gateway's tokens. ``headers``: the fields that would go to the provider, names in lower case; the client's own key
    may be among them. What a WebSocket itself needs (RFC 6455), and subprotocols, are not.
    """

    provider: str
    endpoint: str
    headers: tuple[tuple[str, str], ...]

    __repr__ = without_content


#: Changes an upgrade, or refuses it with a fault, whose kind says which status and code the client is told.
UpgradeTransform: TypeAlias = Callable[[UpgradeRequest], UpgradeRequest | Fault]
