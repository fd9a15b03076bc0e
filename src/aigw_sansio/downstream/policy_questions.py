"""What the host is asked about a request: before it goes to a provider whether it may, and which key goes with it.

Decides: when the host is asked, also about the response, what it is told of the request, and what a denial becomes.
Must not know: how a request is built, and what happens to it afterwards.
"""

from collections.abc import Mapping
from typing import Final, Literal

from ..config import GatewaySettings
from ..effects import Admit, Answer, Denied, FindKey
from ..faults import ENVELOPE_CODE, Denial, FaultKind, Side
from ..providers.record_options import METADATA, read_metadata
from ..review import ReviewWindow

#: The field by which a client names a stored key.
ALIAS: Final = "cf-aig-byok-alias"
_KINDS: Final[dict[int, FaultKind]] = {
    401: FaultKind.UNAUTHORIZED,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
}


def wants_admission(settings: GatewaySettings) -> bool:
    """Whether the host decides about each request."""
    return "admit" in settings.ask


def wants_key(settings: GatewaySettings, key: Literal["client", "stored", "none"]) -> bool:
    """Whether the host is asked for the key of a call. ``key``: whose key it has without that."""
    return "find_key" in settings.ask and key != "client" and not settings.byok_only


def review_window(settings: GatewaySettings) -> ReviewWindow | None:
    """How much of a response the host reviews at a time, before its client sees it; ``None``: it reviews none."""
    if "review" not in settings.ask:
        return None
    return ReviewWindow(settings.review_chunks, settings.review_bytes, settings.review_wait_ms)


def admit(
    client: tuple[str | None, str, str],
    *,
    provider: str,
    endpoint: str,
    model: str | None,
    size: int,
    headers: Mapping[str, str],
    log_id: str = "",
    step: int = 0,
) -> Admit:
    """The question whether a request may go to ``provider``.

    ``client``: principal, account and gateway. ``size``: the bytes of its body. ``headers``: the client's, by name in
    lower case.
    """
    principal, account, gateway = client
    return Admit(
        principal=principal,
        account=account,
        gateway=gateway,
        provider=provider,
        endpoint=endpoint,
        model=model,
        bytes=size,
        metadata=read_metadata(headers.get(METADATA)),
        log_id=log_id,
        step=step,
    )


def find_key(client: tuple[str | None, str, str], *, provider: str, headers: Mapping[str, str]) -> FindKey:
    """The question for the key to ``provider``. The parameters are those of :func:`admit`."""
    principal, account, gateway = client
    return FindKey(
        principal=principal,
        account=account,
        gateway=gateway,
        provider=provider,
        alias=headers.get(ALIAS) or "default",
    )


def denial(answer: Answer, prefix: str = "") -> Denial | None:
    """Why the host denies a request; ``None`` if it does not. ``prefix`` says which part of the request."""
    if not isinstance(answer, Denied):
        return None
    kind = _KINDS.get(answer.status, FaultKind.NOT_ALLOWED)
    return Denial(
        kind,
        Side.CLIENT,
        prefix + answer.message,
        retryable=answer.retry_after_s is not None,
        status=answer.status,
        code=ENVELOPE_CODE[kind] if answer.code is None else answer.code,
        retry_after_s=answer.retry_after_s,
    )
