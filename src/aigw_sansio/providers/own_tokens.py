"""The gateway's own tokens never go upstream (client protocol, section 2).

Decides: in which forms a value shows one of our tokens, and which query parameters are ours. Must not know: the tokens;
the caller recognises one.
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote, unquote_plus

#: Whether a value is one of our tokens.
OwnTokens: TypeAlias = Callable[[str], bool]

_OUR_NAMES: Final = "cf-aig-"


def shows_own_token(value: str, own_tokens: OwnTokens) -> bool:
    """Whether ``value`` is a token of ours, or a scheme and then one; for Basic, its user or its password."""
    value = value.strip()
    if own_tokens(value):
        return True
    scheme, blank, bare = value.partition(" ")
    if not blank:
        return False
    bare = bare.strip()
    return own_tokens(bare) or (scheme.lower() == "basic" and any(map(own_tokens, _user_and_password(bare))))


def _user_and_password(basic: str) -> tuple[str, ...]:
    try:
        text = b64decode(basic.rstrip("=") + "=" * (-len(basic.rstrip("=")) % 4), altchars=b"-_").decode("latin-1")
    except ValueError:
        return ()
    user, _, password = text.partition(":")
    return user, password


def drop_own_fields(fields: dict[str, str], own_tokens: OwnTokens) -> None:
    """Remove the fields that show a token of ours: alone, in a list, or in the query or fragment of a URL
    (``Referer``)."""
    for name, value in list(fields.items()):
        url, _, fragment = value.partition("#")
        query = url.partition("?")[2]
        if (
            shows_own_token(value, own_tokens)
            or ("," in value and any(shows_own_token(item, own_tokens) for item in value.split(",")))
            or any(part and drop_own_parameters(part, own_tokens) != part for part in (query, fragment))
        ):
            del fields[name]


def drop_own_parameters(query: str, own_tokens: OwnTokens) -> str:
    """``query`` without the parameters that hold a token of ours or have a name of ours; the rest is unchanged, byte
    for byte."""
    if not query:
        return query
    return "&".join(item for item in query.split("&") if not _is_own_parameter(item, own_tokens))


def _is_own_parameter(item: str, own_tokens: OwnTokens) -> bool:
    name, equals, value = item.partition("=")
    if unquote(name).lower().startswith(_OUR_NAMES):
        return True
    shown = value if equals else name
    plain = unquote(shown)
    return shows_own_token(plain, own_tokens) or ("+" in shown and shows_own_token(unquote_plus(shown), own_tokens))
