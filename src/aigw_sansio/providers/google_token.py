"""Access tokens for Google service accounts (RFC 7523, and Google's "OAuth 2.0 for server to server applications").

Decides: what is signed, what is sent to the token endpoint, how its answer is read, and when a token is too old.
Must not know: RSA (the signer is passed in), clocks, and who sends the request.

What the caller does: :func:`read_service_account` on the stored key; while :meth:`GoogleToken.fresh` does not hold,
build :func:`token_request`, send it, read the answer with :func:`read_token`, and keep that for all calls. Then call
:func:`~.call.build_call` with the token in the place of the stored key.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from ..faults import Fault, FaultKind, Side
from ..origin import Origin
from ..secret import Secret
from ..wires.http import Request
from .target import Refused, parse_base_url

#: Signs bytes with the private key (PEM, PKCS #8) by RSASSA-PKCS1-v1_5 and SHA-256 (RFC 7518 section 3.3).
Signer: TypeAlias = Callable[[bytes, Secret], bytes]

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"
_DOMAIN: Final = ".googleapis.com"
_LIFE_S: Final = 3600
_MARGIN_S: Final = 60.0
_GRANT: Final = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="


class ServiceAccount(msgspec.Struct, frozen=True):
    """What is needed of a service account's key file."""

    client_email: str
    private_key: Secret
    private_key_id: str
    origin: Origin  #: of the token endpoint
    path: str
    token_uri: str


class GoogleToken(msgspec.Struct, frozen=True):
    """An access token. ``expires`` is Unix time, in seconds."""

    token: Secret
    expires: float

    def fresh(self, unix_time: float) -> bool:
        """Whether the token still serves a call that begins now."""
        return unix_time < self.expires - _MARGIN_S


class _KeyFile(msgspec.Struct):
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = _TOKEN_URI


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = float(_LIFE_S)


def read_service_account(stored: Secret) -> ServiceAccount | Fault:
    """Read a service account's key file. Its token endpoint must be Google's: what is sent there opens the account."""
    try:
        read = msgspec.json.decode(stored.reveal(), type=_KeyFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _unusable("is no service account; needed are client_email and private_key")
    base = parse_base_url(read.token_uri)
    if isinstance(base, Refused) or base.scheme != "https" or base.port != 443 or not base.host.endswith(_DOMAIN):
        return _unusable("has a token_uri elsewhere; allowed is https under googleapis.com")
    origin = Origin(base.scheme, base.host, base.port)
    return ServiceAccount(
        read.client_email, Secret(read.private_key), read.private_key_id, origin, base.path or "/", read.token_uri
    )


def token_request(account: ServiceAccount, sign: Signer, unix_time: float) -> Request:
    """The request for a token, to be sent to ``account.origin``. ``sign`` is called once."""
    now = int(unix_time)
    header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now,
        "exp": now + _LIFE_S,
    }
    signed = _base64(msgspec.json.encode(header)) + b"." + _base64(msgspec.json.encode(claims))
    assertion = signed + b"." + _base64(sign(signed, account.private_key))
    return Request(
        b"POST",
        account.origin.scheme.encode(),
        account.origin.authority.encode(),
        account.path.encode(),
        [(b"content-type", b"application/x-www-form-urlencoded"), (b"accept-encoding", b"identity")],
        _GRANT + assertion,
    )


def read_token(status: int, body: bytes, unix_time: float) -> GoogleToken | Fault:
    """Read the endpoint's answer; ``unix_time`` is when the request was sent, so a slow answer ages its token."""
    if status != 200:
        return Fault(
            FaultKind.PROVIDER_STATUS,
            Side.PROVIDER,
            f"Google's token endpoint answered {status}",
            status == 429 or status >= 500,
        )
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "Google's token endpoint answered no token", True)
    if not answer.access_token.isascii() or not answer.access_token.isprintable() or not answer.access_token:
        return Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "Google's token endpoint answered a bad token", True)
    return GoogleToken(Secret(answer.access_token), unix_time + min(max(answer.expires_in, 0.0), float(_LIFE_S)))


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unusable(why: str) -> Fault:
    return Fault(FaultKind.INVALID_REQUEST, Side.GATEWAY, f"the stored Google key {why}")
