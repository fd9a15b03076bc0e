"""The names of conversations in the host's store.

Decides: who can go on from a response: the same client of the same gateway, by all that is known of it. Must not
know: what is stored.
"""

from hashlib import blake2b
from typing import Final

from ..secret import add_texts
from .planner import ClientInfo

#: Changes with what is stored, so that what an older version stored is not found.
_VERSION: Final = b"aigw conversation 2"


def conversation_key(client: ClientInfo, id: str) -> str:
    """The name of the response ``id`` of ``client``, in 48 hexadecimal digits. It tells no token. Who has a user and a
    token is told apart by both: users may share a token. Clients of a gateway without authentication that the host
    names no user for are not told apart: they know of a response by its id, which nobody can guess."""
    token: str | None = None
    if client.settings.authentication and client.token is not None:  # safety: else a client could make one up
        token = client.token.reveal()
    digest = blake2b(_VERSION, digest_size=24)
    add_texts(digest, (client.account, client.gateway, client.principal, token, id))
    return digest.hexdigest()
