"""Access tokens of Google service accounts, for all calls of one gateway.

Decides: when a token is asked for, who waits for it, and how long both may last. Must not know: RSA (the host signs),
exchanges, and what the tokens are used for.

One request serves all who wait for the same account. An account is known by the whole of its key, so nobody gets a
token by naming an account whose key they do not have.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import msgspec

from ..effects import Answer, Sign, Signed
from ..engine.engine import Engine
from ..faults import Fault, FaultKind, Side
from ..ids import AskId
from ..providers.google_token import GoogleToken, ServiceAccount, read_token, signing_input, token_request
from ..secret import Secret
from ..wires.http import Headers, Request
from .call import UpstreamCall

#: Told once: the token, or why there is none.
Waiter: TypeAlias = Callable[[Secret | Fault, float], None]

_FETCH_S: Final = 10.0  #: from the question for a signature to the whole answer
_ANSWER_BYTES: Final = 64 * 1024
_KEPT: Final = 256  #: tokens; clients may bring accounts of their own


class Places(Protocol):
    """The pool, as far as it is needed here."""

    def submit(self, call: UpstreamCall, now: float) -> None:
        """Place ``call``."""

    def withdraw(self, call: UpstreamCall, now: float) -> None:
        """``call`` is no longer wanted and has no connection yet."""


class TokenSource:
    """Keeps tokens, and gets those that are missing. Shared by all attempts of a gateway."""

    __slots__ = ("_engine", "_fetches", "_pool", "_tokens")

    def __init__(self, engine: Engine, pool: Places) -> None:
        self._engine = engine
        self._pool = pool
        self._tokens: dict[ServiceAccount, GoogleToken] = {}
        self._fetches: dict[ServiceAccount, _Fetch] = {}

    def fresh(self, account: ServiceAccount, now: float) -> Secret | None:
        """The token of ``account``, where one is kept that still serves."""
        token = self._tokens.get(account)
        return token.token if token is not None and token.fresh(self._engine.unix_time(now)) else None

    def wait(self, account: ServiceAccount, waiter: Waiter, now: float) -> None:
        """Get a token for ``account``; ``waiter`` is told later, never before this returns. Or :meth:`leave`."""
        fetch = self._fetches.get(account)
        if fetch is None:
            fetch = self._fetches[account] = _Fetch(self._engine, self._pool, account, self._fetched, now)
        fetch.waiters[waiter] = None

    def leave(self, account: ServiceAccount, waiter: Waiter, now: float) -> None:
        """``waiter`` wants no token any more. A request that nobody waits for is given up."""
        fetch = self._fetches.get(account)
        if fetch is not None and waiter in fetch.waiters:
            del fetch.waiters[waiter]
            if not fetch.waiters:
                del self._fetches[account]
                fetch.abandon(now)

    def forget(self, account: ServiceAccount) -> None:
        """Google refused the token: the next call gets a new one."""
        self._tokens.pop(account, None)

    def _fetched(self, fetch: "_Fetch", result: GoogleToken | Fault, now: float) -> None:
        # Waiters that leave while others are told find nothing to leave: they are taken out one by one.
        if self._fetches.get(fetch.account) is fetch:
            del self._fetches[fetch.account]
        if isinstance(result, GoogleToken):
            self._tokens.pop(fetch.account, None)
            self._tokens[fetch.account] = result
            if len(self._tokens) > _KEPT:
                del self._tokens[next(iter(self._tokens))]
        told = result.token if isinstance(result, GoogleToken) else result
        while fetch.waiters:
            waiter = next(iter(fetch.waiters))
            del fetch.waiters[waiter]
            waiter(told, now)


class _Fetch:
    """One request for a token: signed, sent, answered. Implements ``ResponseHandler``."""

    __slots__ = (
        "_ask_id",
        "_body",
        "_call",
        "_done",
        "_engine",
        "_pool",
        "_sent_at",
        "_status",
        "_timer",
        "account",
        "waiters",
    )

    def __init__(
        self,
        engine: Engine,
        pool: Places,
        account: ServiceAccount,
        done: Callable[["_Fetch", GoogleToken | Fault, float], None],
        now: float,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self.account = account
        self._done = done
        self.waiters: dict[Waiter, None] = {}
        self._call: UpstreamCall | None = None
        self._status = 0
        self._body = b""
        self._sent_at = engine.unix_time(now)
        self._timer = engine.timers.timer(self._on_timeout)
        self._timer.arm(now + _FETCH_S)
        signed = signing_input(account, self._sent_at)
        question = Sign(account.private_key, signed)
        self._ask_id: AskId | None = engine.ask(question, lambda answer, at: self._signed(signed, answer, at), now)

    def abandon(self, now: float) -> None:
        """Nobody waits for it any more, in whatever phase it is."""
        self._timer.close()
        if self._ask_id is not None:
            self._engine.withdraw(self._ask_id)
            self._ask_id = None
        call, self._call = self._call, None
        if call is None:
            return
        if call.upstream is not None:
            call.upstream.cancel(call, now)
        else:
            self._pool.withdraw(call, now)

    def _signed(self, signed: bytes, answer: Answer, now: float) -> None:
        self._ask_id = None
        if not isinstance(answer, Signed):
            detail = (
                "the token request of a Google service account could not be signed: "
                "private_key is no RSA key in PEM, or aigw[google] is not installed"
            )
            self._finish(Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail), now)
            return
        request = token_request(self.account, signed, answer.signature)
        self._call = UpstreamCall(self.account.origin, request, self, self._engine.config.timeouts.connect_s)
        self._pool.submit(self._call, now)

    def _finish(self, result: GoogleToken | Fault, now: float) -> None:
        self.abandon(now)
        self._done(self, result, now)

    def _on_timeout(self, now: float) -> None:
        detail = f"no access token came from {self.account.origin.authority} within {_FETCH_S:g} s"
        self._finish(Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    # -- ResponseHandler ---------------------------------------------------------------------------------------------

    def call_placed(self, call: UpstreamCall, now: float) -> None:
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
        if len(self._body) + len(data) > _ANSWER_BYTES:
            detail = f"Google's token endpoint answered more than {_ANSWER_BYTES} bytes"
            self._finish(Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail), now)
        else:
            self._body += data

    def response_end(self, now: float) -> None:
        self._call = None
        self._finish(read_token(self._status, self._body, self._sent_at), now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._call = None
        self._finish(fault, now)


def with_token(request: Request, token: Secret) -> Request:
    """``request`` with the access token as its credential (RFC 6750 section 2.1)."""
    field = (b"authorization", b"Bearer " + token.reveal().encode("ascii"))
    return msgspec.structs.replace(request, headers=[*request.headers, field])
