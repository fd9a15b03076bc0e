"""One connection to a provider that carries a WebSocket: dialled, upgraded, and never shared.

Decides: which protocols are offered to TLS (only HTTP/1.1, RFC 6455 needs it), how the upgrade is requested, and how an
end during the handshake is reported. Must not know: for whom it is, and what the response to the upgrade leads to.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from ..effects import Connect, Tls
from ..engine.client import Client
from ..engine.connection import PipeConnection
from ..engine.dials import held_too_long
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..providers.realtime import RealtimeCall
from ..wires.websocket.handshake import ClientHandshake, Outcome, Refused, request


class Opener(Protocol):
    """The one for whom it is dialled, while the upgrade is pending."""

    def provider_connected(self, now: float) -> None:
        """The dial succeeded; the upgrade is being sent."""

    def provider_responded(self, outcome: Outcome, now: float) -> None:
        """The response to the upgrade, or why there is none. Called once. If it was accepted, set ``receiver``."""


class UpstreamWebSocket(PipeConnection):
    """Implements ``BytePipe``. After :meth:`dial` its opener is told the outcome, unless this is closed before."""

    __slots__ = ("_client", "_handshake", "_opener", "call")

    def __init__(self, services: Services, call: RealtimeCall, opener: Opener, client: Client | None = None) -> None:
        """``client``: for whom it is dialled."""
        super().__init__(services, services.issue_conn())
        self._client = client
        self.call = call
        self._opener: Opener | None = opener
        self._handshake: ClientHandshake | None = None

    # -- for the opener -----------------------------------------------------------------------------------------

    def dial(self, begun: Callable[[float], None], now: float) -> bool:
        """Ask the driver for the connection. False if the dial is held back, because its client looks up too many
        names: ``begun(now)`` is called when it begins."""
        origin = self.call.origin
        secure = origin.scheme == "https"
        effect = Connect(
            self.conn,
            host=origin.host,
            port=origin.port,
            tls=Tls(origin.host, origin.ca_file) if secure else None,
            alpn=("http/1.1",) if secure else (),
            proxy=self.services.proxies.of(origin),
        )
        self.services.connect(effect, self._client, begun, now)
        return not self.services.dials.holds(self.conn)

    def response_so_far(self, within_s: float) -> Refused | Fault:
        """The timeout, ``within_s`` seconds, has passed: the part of a refusal that has come, or a fault. Close this
        next."""
        self._opener = None  # it has its outcome: nothing is reported any more
        if self.services.dials.holds(self.conn):
            return held_too_long(self.services.config)
        within = f"within {within_s:g} s"
        if self._handshake is None:
            detail = f"no connection to {self.call.provider} {within}"
            return Fault(FaultKind.CONNECT_TIMEOUT, Side.PROVIDER, detail, retryable=True)
        outcome = self._handshake.receive_eof()
        if isinstance(outcome, Refused):
            return outcome
        detail = f"{self.call.provider} did not answer the upgrade {within}"
        return Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True)

    # -- inputs -------------------------------------------------------------------------------------------------

    def connected(self, alpn: str | None, now: float) -> None:
        """The dial succeeded. ``alpn`` is not used: only HTTP/1.1 was offered."""
        if self.closing or self._opener is None:
            return
        call = self.call
        nonce = self.services.random.bytes(16)
        limits = self.services.config.limits
        self._handshake = ClientHandshake(limits.head_bytes, nonce, call.subprotocols, field_limit=limits.head_fields)
        self._opener.provider_connected(now)
        self.write(request(call.origin.authority.encode(), call.target, call.headers, call.subprotocols, nonce), now)
        self.call = msgspec.structs.replace(call, headers=[], target=b"")  # not kept for the session

    def connect_failed(self, reason: str, now: float) -> None:
        """The dial failed."""
        self.mark_lost()
        detail = f"cannot connect to {self.call.provider}: {reason}"  # its address is not the client's business
        self._tell(Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, detail, retryable=True), now)

    def receive_data(self, data: bytes, now: float) -> None:
        if self._handshake is not None and not self.closing:
            outcome = self._handshake.receive_data(data)
            if outcome is not None:
                self._tell(outcome, now)

    def receive_eof(self, now: float) -> None:
        if self.receiver is not None:
            self.receiver.receive_eof(now)  # it closes this: a provider that has ended does not read on
        else:
            self._fail_opening(now)
            self.close(now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()
        if self.receiver is not None:
            self.receiver.connection_lost(reason, now)
        else:
            self._fail_opening(now)

    def closed(self, now: float) -> None:
        if not self.ended:
            if self._handshake is None:
                self.connect_failed("the connection was given up", now)
            else:
                self.connection_lost("the connection was given up", now)
        super().closed(now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _tell(self, outcome: Outcome, now: float) -> None:
        opener, self._opener = self._opener, None  # before the call: the outcome is told once
        if opener is not None:
            opener.provider_responded(outcome, now)

    def _fail_opening(self, now: float) -> None:
        """The connection ended before the response to the upgrade was complete."""
        if self._handshake is not None and self._opener is not None:
            self._tell(self._handshake.receive_eof(), now)

    def close(self, now: float, *, abort: bool = False) -> None:
        self._opener = None
        super().close(now, abort=abort)

    def _on_stall(self, now: float) -> None:
        """The provider took no bytes in time, or did not close in time."""
        self.ended = self.closing = True
        if self.receiver is not None:
            self.receiver.connection_lost("the provider takes no more bytes", now)
        else:
            self._tell(
                Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "the provider takes no more bytes", retryable=True), now
            )
        super()._on_stall(now)
