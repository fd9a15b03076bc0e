"""Gateway tokens: how they are written, and whether the settings list one (client protocol, section 2).

Decides: how a token is read and compared. Must not know: what happens to a client without one.
"""

from ..config import GatewaySettings
from ..secret import Secret

_BLANKS = " \t"  # RFC 9110 section 5.6.3; other white space is part of a token


def bearer_token(value: str) -> str:
    """The token in a ``cf-aig-authorization`` value: with or without the scheme ``Bearer``, in any case."""
    value = value.strip(_BLANKS)
    scheme, separator, rest = value.partition(" ")
    return rest.strip(_BLANKS) if separator and scheme.lower() == "bearer" else value


def known_token(settings: GatewaySettings, token: Secret) -> bool:
    """Whether the gateway's settings list ``token``. The time does not depend on where two tokens differ."""
    found = False
    # Safety: every token is compared, also after a match, so that the time tells nothing.
    for known in settings.tokens:
        found |= known.matches(token.reveal())
    return found
