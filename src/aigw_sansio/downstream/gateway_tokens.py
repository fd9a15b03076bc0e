"""Gateway tokens: how they are written, and whether the settings list one (client protocol, section 2).

Decides: how a token is read and compared. Must not know: what happens to a client without one.
"""

from collections.abc import Callable, Iterable

from ..config import GatewaySettings
from ..secret import Secret, SecretSet

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


def own_token_check(
    every: SecretSet, settings: GatewaySettings, admitted: Iterable[Secret | None]
) -> Callable[[str], bool]:
    """Recognises what must not go upstream: a token of any gateway (``every``), of this one's ``settings``, or one that
    the host has ``admitted`` the client or its step with."""
    shown = [token for token in admitted if token is not None and token.reveal()]

    def is_own(value: str) -> bool:
        return (
            value in every
            or known_token(settings, Secret(value))
            or (bool(shown) and any(token.matches(value) for token in shown))
        )

    return is_own
