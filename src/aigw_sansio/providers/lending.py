"""A key that the host finds for one request.

Decides: how it takes the place of the settings' key and headers of its provider. From there on it is a stored key like
any other. Must not know: who asked for it, and where the host keeps it.
"""

from collections.abc import Mapping

import msgspec

from ..config import NO_SETTINGS, ProviderSettings
from ..effects import Key


def with_key(settings: Mapping[str, ProviderSettings], provider: str, key: Key) -> Mapping[str, ProviderSettings]:
    """``settings`` (by slug) with ``key`` for ``provider``."""
    own = settings.get(provider, NO_SETTINGS)
    headers = {name.lower(): value for name, value in (*own.headers, *key.headers.items)}
    api_key = own.api_key if key.key is None else key.key
    return {**settings, provider: msgspec.structs.replace(own, api_key=api_key, headers=tuple(headers.items()))}
