"""Access tokens of Google service accounts, for all calls of one gateway.

Decides: when a token is requested, which calls wait for it, and how long a request and a token last. Must not know: RSA
(the host signs), exchanges, and the use of the tokens.

One request serves all calls that wait for the same account. Accounts are compared by their whole key, so a client gets
no token for an account whose key it does not have.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from ..effects import Answer, Sign, Signed
from ..engine.client import Requester
from ..engine.services import Services
from ..exchanges.source import Call, Placed, ResponseHandler, SharedSource, Verdict
from ..faults import Fault, FaultKind, Side
from ..providers.call import ProviderCall
from ..providers.google_token import GoogleToken, ServiceAccount, read_token, signing_input, token_request
from ..secret import Secret
from ..wires.http import Headers, Request
from .signings import WAITING_OF_CLIENT, Signing, Signings

#: Is told once: the token, or why there is none.
Waiter: TypeAlias = Callable[[Secret | Fault, float], None]

_FETCH_S: Final = 10.0  #: from the question for a signature to the whole response
_RESPONSE_BYTES: Final = 64 * 1024
_KEPT: Final = 256  #: tokens; clients may bring accounts of their own


class AccessTokens:
    """Keeps tokens, and requests missing ones. Shared by all attempts of a gateway."""

    __slots__ = ("_fetches", "_services", "_signings", "_source", "_tokens")

    def __init__(self, services: Services, source: SharedSource) -> None:
        self._services = services
        self._source = source
        self._signings = Signings(services)
        self._tokens: dict[ServiceAccount, GoogleToken] = {}
        self._fetches: dict[ServiceAccount, _Fetch] = {}

    def fresh(self, account: ServiceAccount, now: float) -> Secret | None:
        """The token of ``account``; ``None`` if none is kept or it expires too soon."""
        token = self._tokens.get(account)
        return token.token if token is not None and token.fresh(self._services.unix_time(now)) else None

    def request(
        self, account: ServiceAccount, waiter: Waiter, now: float, *, requester: Requester, stored: bool
    ) -> Fault | None:
        """Request a token for ``account``, for ``requester``. ``stored``: the account is the operator's. ``waiter`` is
        told once, never before this returns, and not after :meth:`withdraw`. The fault says why none is requested; then
        it is not told."""
        fetch = self._fetches.get(account)
        if fetch is None:
            fetch = _Fetch(
                self._services,
                self._source,
                self._signings,
                account=account,
                requester=requester,
                done=self._fetched,
                now=now,
            )
            if not fetch.start(now, stored=stored):
                detail = (
                    f"{WAITING_OF_CLIENT} keys of service accounts wait on this connection for a signature; "
                    f"more are not allowed (signings_at_once, {self._services.config.limits.signings_at_once})"
                )
                return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True)
            self._fetches[account] = fetch
        fetch.waiters[waiter] = None
        return None

    def withdraw(self, account: ServiceAccount, waiter: Waiter, now: float) -> None:
        """``waiter`` needs no token any more. A request that nobody waits for is cancelled."""
        fetch = self._fetches.get(account)
        if fetch is not None and waiter in fetch.waiters:
            del fetch.waiters[waiter]
            if not fetch.waiters:
                del self._fetches[account]
                fetch.cancel(now)

    def discard(self, account: ServiceAccount) -> None:
        """Discard the token of ``account``: the provider refused it, and the next call needs a new one."""
        self._tokens.pop(account, None)

    def _fetched(self, fetch: "_Fetch", result: GoogleToken | Fault, now: float) -> None:
        if self._fetches.get(fetch.account) is fetch:
            del self._fetches[fetch.account]
        if isinstance(result, GoogleToken):
            self._tokens.pop(fetch.account, None)  # so that it becomes the newest: the oldest is removed first
            self._tokens[fetch.account] = result
            if len(self._tokens) > _KEPT:
                del self._tokens[next(iter(self._tokens))]
        told = result.token if isinstance(result, GoogleToken) else result
        while fetch.waiters:  # one at a time: telling one may withdraw another
            waiter = next(iter(fetch.waiters))
            del fetch.waiters[waiter]
            waiter(told, now)


class _Fetch:
    """One request for a token: it is signed, sent and its response read. Implements ``ResponseHandler``."""

    __slots__ = (
        "_body",
        "_call",
        "_done",
        "_requester",
        "_sent_at",
        "_services",
        "_signing",
        "_signings",
        "_source",
        "_status",
        "_timer",
        "account",
        "waiters",
    )

    def __init__(
        self,
        services: Services,
        source: SharedSource,
        signings: Signings,
        *,
        account: ServiceAccount,
        requester: Requester,
        done: Callable[["_Fetch", GoogleToken | Fault, float], None],
        now: float,
    ) -> None:
        self._services = services
        self._source = source
        self._signings = signings
        self._requester = requester
        self.account = account
        self._done = done
        self.waiters: dict[Waiter, None] = {}
        self._call: Call | None = None
        self._status = 0
        self._body = b""
        self._sent_at = services.unix_time(now)
        self._timer = services.timers.timer(self._on_timeout)
        self._signing: Signing | None = None

    def start(self, now: float, *, stored: bool) -> bool:
        """Have the request signed. False if it may not even wait for that."""
        signed = signing_input(self.account, self._sent_at)
        self._signing = self._signings.ask(
            Sign(self.account.private_key, signed),
            lambda answer, at: self._signed(signed, answer, at),
            None if stored else self._requester.client,
            now,
        )
        if self._signing is None:
            return False
        self._timer.arm(now + _FETCH_S)
        return True

    def cancel(self, now: float) -> None:
        """Cancel the request, in any phase."""
        self._timer.close()
        signing, self._signing = self._signing, None
        if signing is not None:
            self._signings.withdraw(signing)
        call, self._call = self._call, None
        if call is not None:
            call.cancel(now)

    def _signed(self, signed: bytes, answer: Answer, now: float) -> None:
        self._signing = None
        if not isinstance(answer, Signed):
            detail = (
                "the token request of a Google service account could not be signed: "
                "private_key is no RSA key in PEM, or aigw[google] is not installed"
            )
            self._end(Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail), now)
            return
        request = token_request(self.account, signed, answer.signature)
        call = ProviderCall(
            provider="google", origin=self.account.origin, request=request, format="unknown", array_stream=False
        )
        self._call = self._source.open(
            call,
            self,
            connect_timeout_s=self._services.config.timeouts.connect_s,
            requester=self._requester,
        )
        self._call.start(now)

    def _end(self, result: GoogleToken | Fault, now: float) -> None:
        self.cancel(now)
        self._done(self, result, now)

    def _on_timeout(self, now: float) -> None:
        detail = f"no access token came within {_FETCH_S:g} s"
        self._end(Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    # -- ResponseHandler ---------------------------------------------------------------------------------------------

    def call_placed(self, placed: Placed, now: float) -> None:
        pass

    def call_replaced(self, now: float) -> None:
        pass

    def request_sent(self, now: float) -> None:
        pass

    def response_activity(self, now: float) -> None:
        pass

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        self._status = status

    def response_body(self, data: bytes, now: float) -> None:
        if len(self._body) + len(data) > _RESPONSE_BYTES:
            detail = f"Google's token endpoint answered more than {_RESPONSE_BYTES} bytes"
            self._end(Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail), now)
        else:
            self._body += data

    def response_end(self, now: float) -> None:
        self._call = None
        self._end(read_token(self._status, self._body, self._sent_at), now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._call = None
        self._end(fault, now)


class AuthorizingSource:
    """A source that adds access tokens to the calls that need one, and opens them at ``source``."""

    __slots__ = ("_source", "tokens")

    def __init__(self, services: Services, source: SharedSource) -> None:
        self._source = source
        #: Shared with whoever else needs tokens.
        self.tokens = AccessTokens(services, source)

    def of(self, requester: Requester) -> "RequesterSource":
        """The source of ``requester``."""
        return RequesterSource(self._source, self.tokens, requester)


class RequesterSource:
    """The source of one requester, in whose share its calls count. Implements ``Source``."""

    __slots__ = ("_requester", "_source", "_tokens")

    def __init__(self, source: SharedSource, tokens: AccessTokens, requester: Requester) -> None:
        self._source = source
        self._tokens = tokens
        self._requester = requester

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Call its ``start`` next."""
        if request.account is None:
            return self._source.open(request, handler, connect_timeout_s=connect_timeout_s, requester=self._requester)
        return _AuthorizedCall(
            self._source,
            self._tokens,
            request,
            account=request.account,
            requester=self._requester,
            handler=handler,
            connect_timeout_s=connect_timeout_s,
        )


class _AuthorizedCall:
    """A call that gets its token first. Implements ``Call``; and ``ResponseHandler``, to see a refused token."""

    __slots__ = (
        "_account",
        "_call",
        "_connect_timeout_s",
        "_handler",
        "_request",
        "_requester",
        "_source",
        "_tokens",
        "added_keys",
    )

    def __init__(
        self,
        source: SharedSource,
        tokens: AccessTokens,
        request: ProviderCall,
        *,
        account: ServiceAccount,
        requester: Requester,
        handler: ResponseHandler,
        connect_timeout_s: float,
    ) -> None:
        self._source = source
        self._tokens = tokens
        self._request = request
        self._account = account
        self._requester = requester
        self._handler = handler
        self._connect_timeout_s = connect_timeout_s
        self._call: Call | None = None
        #: Its token, once it has one.
        self.added_keys: tuple[bytes, ...] = ()

    # -- Call ---------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        token = self._tokens.fresh(self._account, now)
        if token is not None:
            self._send(token, now)
            return
        fault = self._tokens.request(
            self._account,
            self._on_token,
            now,
            requester=self._requester,
            stored=self._request.key == "stored",
        )
        if fault is not None:
            self._handler.response_failed(fault, now)

    def pause(self) -> None:
        if self._call is not None:
            self._call.pause()

    def resume(self, now: float) -> None:
        if self._call is not None:
            self._call.resume(now)

    def cancel(self, now: float) -> None:
        # The call below holds this one as its handler: let go of it first, or both wait for the cycle collector.
        call, self._call = self._call, None
        if call is not None:
            call.cancel(now)
        else:
            self._tokens.withdraw(self._account, self._on_token, now)

    def settle(self, verdict: Verdict, now: float) -> None:
        if self._call is not None:
            self._call.settle(verdict, now)

    def release(self, now: float) -> None:
        if self._call is not None:
            self._call.release(now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _on_token(self, token: Secret | Fault, now: float) -> None:
        if isinstance(token, Fault):
            self._handler.response_failed(token, now)
        else:
            self._send(token, now)

    def _send(self, token: Secret, now: float) -> None:
        self.added_keys = (token.reveal().encode("ascii"),)
        request = msgspec.structs.replace(self._request, request=with_token(self._request.request, token))
        self._call = self._source.open(
            request, self, connect_timeout_s=self._connect_timeout_s, requester=self._requester
        )
        self._call.start(now)

    # -- ResponseHandler ----------------------------------------------------------------------------------------

    def call_placed(self, placed: Placed, now: float) -> None:
        self._handler.call_placed(placed, now)

    def call_replaced(self, now: float) -> None:
        self._handler.call_replaced(now)

    def request_sent(self, now: float) -> None:
        self._handler.request_sent(now)

    def response_activity(self, now: float) -> None:
        self._handler.response_activity(now)

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        if status == 401:
            self._tokens.discard(self._account)
        self._handler.response_head(status, headers, now)

    def response_body(self, data: bytes, now: float) -> None:
        self._handler.response_body(data, now)

    def response_end(self, now: float) -> None:
        self._call = None
        self._handler.response_end(now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._call = None
        self._handler.response_failed(fault, now)


def with_token(request: Request, token: Secret) -> Request:
    """``request`` with the access token as its credential (RFC 6750 section 2.1)."""
    field = (b"authorization", b"Bearer " + token.reveal().encode("ascii"))
    return msgspec.structs.replace(request, headers=[*request.headers, field])
