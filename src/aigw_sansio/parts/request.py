"""The request that a transform of the host's own gets. Data only."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ..faults import Fault
from ..secret import without_content


class ProviderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a client's request, before its target is checked and a stored key is put in.

    ``provider``: its slug. ``endpoint``: ``PATH[?QUERY]`` below the provider's URL. ``headers``: in the client's order,
    without the ``cf-aig-*`` ones; the client's own key may be among them. ``body``: empty if there is none.
    """

    provider: str
    endpoint: str
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    __repr__ = without_content


#: Changes a request, or refuses it with a fault, whose kind says which status and code the client is told.
RequestTransform: TypeAlias = Callable[[ProviderRequest], ProviderRequest | Fault]
