"""Keys of providers from the store or the environment.

Decides: where a key stands for an account, a gateway, a provider and an alias. Must not know: how a key is used.

It is looked up for each request, so a new one counts from the next request on, and nothing is started anew.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

from aigw_sansio import FindKey, Key, Secret

from ..stores import Store, StoreError

#: How the names of keys in a store begin.
PREFIX: Final = "key:"
_ALIAS: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OTHER: Final = re.compile(r"[^A-Z0-9]")


def stored_name(gateway: str, provider: str, alias: str) -> str:
    """The name of a key in a store. ``gateway``: ``ACCOUNT/GATEWAY``. ``ValueError`` for an alias that is none."""
    if not _ALIAS.fullmatch(alias):
        raise ValueError("is no alias; allowed are 1 to 64 letters, digits, '_', '.' and '-'")
    return f"{PREFIX}{gateway}/{provider}/{alias}"


def variable(gateway: str, provider: str, alias: str) -> str:
    """The environment variable of a key: ``AIGW_KEY_ACCOUNT_GATEWAY_PROVIDER_ALIAS``, in capitals, with ``_`` for all
    else than letters and digits."""
    return f"AIGW_KEY_{_OTHER.sub('_', f'{gateway}_{provider}_{alias}'.upper())}"


async def find_key(question: FindKey, store: Store, environ: Mapping[str, str] = os.environ) -> Key:
    """The key of the store, else of the environment, else none. :class:`.StoreError` if the store fails."""
    gateway = f"{question.account}/{question.gateway}"
    try:
        name = stored_name(gateway, question.provider, question.alias)
    except ValueError:  # the client wrote it
        return Key(None)
    found = await store.get(name)
    if found is not None:
        try:
            return Key(Secret(found.decode("ascii").strip()))
        except UnicodeDecodeError:
            raise StoreError("the store has a key that is no text") from None
    text = environ.get(variable(gateway, question.provider, question.alias))
    return Key(Secret(text) if text else None)
