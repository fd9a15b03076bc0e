"""Gateway tokens: where a client shows one, and whether the settings know it (client protocol, section 2).

Decides: how a token is read and compared. Must not know: what happens to who has none.
"""

from ..config import GatewaySettings
from ..secret import Secret


def bearer_token(value: str) -> str:
    """The token in a ``cf-aig-authorization`` value: with or without the scheme ``Bearer``, in any case."""
    scheme, separator, rest = value.strip().partition(" ")
    return rest.strip() if separator and scheme.lower() == "bearer" else value.strip()


def known_token(settings: GatewaySettings, token: Secret) -> bool:
    """Whether the gateway's settings list ``token``; the time it takes does not depend on where they differ."""
    found = False
    for known in settings.tokens:
        found |= known.matches(token.reveal())
    return found
