"""The names of conversations in the host's store.

Decides: who can go on from a response: the same client of the same gateway. Must not know: what is stored.
"""

from hashlib import blake2b
from typing import Final

from .planner import ClientInfo

#: Changes with what is stored, so that what an older version stored is not found.
_VERSION: Final = "aigw conversation 1"


def conversation_key(client: ClientInfo, id: str) -> str:
    """The name of the response ``id`` of ``client``, in 48 hexadecimal digits. It tells no token. Clients of a gateway
    without authentication are not told apart: they know of a response by its id, which nobody can guess."""
    owner = client.principal or ""
    if client.settings.authentication and client.token is not None:  # safety: else a client could make one up
        owner = client.token.reveal()
    text = "\0".join((_VERSION, client.name, owner, id))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()
