"""Access tokens for Google service accounts (RFC 7523, and Google's "OAuth 2.0 for server to server applications").

Decides: what is signed, what is sent to the token endpoint, how its response is read, and when a token is too old. Must
not know: RSA, clocks, and how the request is sent.

The caller, :class:`aigw_sansio.upstream.access_tokens.AccessTokens`: if :meth:`GoogleToken.fresh` is false, have
:func:`signing_input` signed (RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 section 3.3), send :func:`token_request`, read
the response with :func:`read_token`, and keep the token for all calls of the account.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from ..faults import Fault, FaultKind, Side
from ..origin import Origin
from ..secret import Secret, without_content
from ..wires.http import Request
from .rsa_key import rsa_bits
from .target import RefusedTarget, parse_base_url

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
#: Where a service account gets its tokens if its file does not say.
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"
_DOMAIN: Final = ".googleapis.com"
_LIFE_S: Final = 3600
_KEY_LENGTH: Final = 8192  #: characters of PEM, enough for RSA with 8192 bits
_KEY_BITS: Final = (2048, 4096)  #: of RSA: fewer are not safe, more cost seconds to check
_LOOPBACK: Final = r"(?:127\.[0-9.]+|localhost|::1)\Z"
_MARGIN_S: Final = 60.0
_GRANT: Final = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="


class ServiceAccount(msgspec.Struct, frozen=True):
    """The needed parts of a service account's key file."""

    client_email: str
    private_key: Secret
    private_key_id: str
    origin: Origin  #: of the token endpoint
    path: str
    token_uri: str
    region: str = ""  #: where its models run, if the file says so
    project: str = ""  #: whose models they are, if the file says so

    def through(self, proxy: Secret | None) -> "ServiceAccount":
        """The account, its tokens fetched through the ``proxy`` of its provider."""
        if proxy is None:
            return self
        return msgspec.structs.replace(self, origin=msgspec.structs.replace(self.origin, proxy=proxy))


class GoogleToken(msgspec.Struct, frozen=True):
    """An access token. ``expires`` is Unix time, in seconds."""

    token: Secret
    expires: float

    def fresh(self, unix_time: float) -> bool:
        """Whether the token is still valid for a call that begins now."""
        return unix_time < self.expires - _MARGIN_S


class _KeyFile(msgspec.Struct):
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = TOKEN_URI
    region: str = ""
    project_id: str = ""

    __repr__ = without_content


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = float(_LIFE_S)

    __repr__ = without_content


def read_service_account(
    stored: Secret, where: str = "the stored Google key", *, loopback: bool = False
) -> ServiceAccount | Fault:
    """Read a service account's key file. ``where`` names its source in faults.

    Its token endpoint must be Google's, because the request grants access to the account. ``loopback``: the operator
    wrote the file, so it may also name an endpoint on this machine, even over plain HTTP.
    """
    try:
        read = msgspec.json.decode(stored.reveal(), type=_KeyFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _unusable(where, "is no service account; needed are client_email and private_key")
    base = parse_base_url(read.token_uri)
    if len(read.private_key) > _KEY_LENGTH:
        return _unusable(where, f"has a private_key that is too long; allowed are {_KEY_LENGTH} characters")
    bits = rsa_bits(read.private_key)
    least, most = _KEY_BITS
    if bits is not None and not least <= bits <= most:
        return _unusable(where, f"has a private_key of {bits} bits; allowed are {least} to {most}")
    if isinstance(base, RefusedTarget) or not (
        (base.scheme == "https" and base.port == 443 and base.host.endswith(_DOMAIN))
        or (loopback and re.match(_LOOPBACK, base.host))
    ):
        return _unusable(where, "has a token_uri elsewhere; allowed is https under googleapis.com")
    origin = Origin(base.scheme, base.host, base.port)
    return ServiceAccount(
        client_email=read.client_email,
        private_key=Secret(read.private_key),
        private_key_id=read.private_key_id,
        origin=origin,
        path=base.path or "/",
        token_uri=read.token_uri,
        region=read.region,
        project=read.project_id,
    )


def carried_account(bearer: str) -> Secret | None:
    """The service account that a client sent in base64 instead of a bearer token; ``None`` for a plain token."""
    if not bearer.startswith("e"):  # as the base64 form of "{" does
        return None
    try:
        text = b64decode(bearer, validate=True).decode()
    except ValueError:
        return None
    return Secret(text) if text.startswith("{") else None


def signing_input(account: ServiceAccount, unix_time: float) -> bytes:
    """The text to sign with the account's key (RFC 7515 section 5.1)."""
    now = int(unix_time)
    header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now,
        "exp": now + _LIFE_S,
    }
    return _base64(msgspec.json.encode(header)) + b"." + _base64(msgspec.json.encode(claims))


def token_request(account: ServiceAccount, signed: bytes, signature: bytes) -> Request:
    """The request for a token; send it to ``account.origin``. ``signed`` is the :func:`signing_input`."""
    assertion = signed + b"." + _base64(signature)
    return Request(
        method=b"POST",
        scheme=account.origin.scheme.encode(),
        authority=account.origin.authority.encode(),
        target=account.path.encode(),
        headers=[(b"content-type", b"application/x-www-form-urlencoded"), (b"accept-encoding", b"identity")],
        body=_GRANT + assertion,
    )


def read_token(status: int, body: bytes, unix_time: float) -> GoogleToken | Fault:
    """Read the endpoint's response. ``unix_time`` is the time of the request, so the token's lifetime counts from
    there."""
    if status != 200:
        return Fault(
            FaultKind.PROVIDER_STATUS,
            Side.PROVIDER,
            f"Google's token endpoint answered {status}",
            retryable=status == 429 or status >= 500,
        )
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Fault(
            FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "Google's token endpoint answered no token", retryable=True
        )
    if not answer.access_token.isascii() or not answer.access_token.isprintable() or not answer.access_token:
        return Fault(
            FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "Google's token endpoint answered a bad token", retryable=True
        )
    return GoogleToken(Secret(answer.access_token), unix_time + min(max(answer.expires_in, 0.0), float(_LIFE_S)))


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unusable(where: str, why: str) -> Fault:
    return Fault(FaultKind.INVALID_REQUEST, Side.GATEWAY, f"{where} {why}")
