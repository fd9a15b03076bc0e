"""One client on the universal protocol: its exchanges, their turns on the socket, and what it may hold.

Decides: what a message of the client starts, whose message is sent next, who is held back (client protocol, sections
3 and 6). It holds a message channel, never a connection. Must not know: sockets, HTTP, and how an exchange gets its
answer.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..config import GatewaySettings
from ..dialects.universal import messages as universal
from ..dialects.universal.decode import BadCreate, Cancel, Create, Ping, Step, Unusable, decode
from ..downstream.gateway_tokens import bearer_token, known_token
from ..downstream.websocket import Ender, WebSocketChannel
from ..effects import Answer, Authenticate, Authenticated
from ..engine.engine import Engine
from ..envelope import error_envelope
from ..events import SessionEnded, SessionOpened
from ..exchanges.exchange import Exchange, PlannedStep
from ..exchanges.policy import resolve_policy
from ..faults import HTTP_STATUS, Fault, FaultKind, Side
from ..ids import AskId, ConnId
from ..providers.call import build_call
from ..secret import Secret
from ..upstream.pool import Pool
from .scheduler import FairScheduler

#: Headers of a step of no more than so many characters are not counted: they are a client's keys and names.
_USUAL_HEADERS = 4096


class ClientInfo(NamedTuple):
    """What the handshake said of a client: where it wants to go and as whom."""

    conn: ConnId
    peer: str
    account: str
    gateway: str
    settings: GatewaySettings
    headers: Mapping[str, str]  #: the ``cf-aig-*`` fields, names in lower case, without the token
    principal: str | None
    subprotocol: str | None


class Session:
    """Runs from the accepted handshake to ``SessionEnded``. Set ``channel`` before it receives anything."""

    __slots__ = (
        "_asking",
        "_client",
        "_draining",
        "_engine",
        "_exchanges",
        "_flushing",
        "_idle_timer",
        "_life_timer",
        "_on_over",
        "_opened",
        "_pool",
        "_request_bytes",
        "_turns",
        "_unusable",
        "session_id",
    )

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        client: ClientInfo,
        session_id: int,
        on_over: Callable[["Session", float], None],
        now: float,
    ) -> None:
        """``on_over`` is called once, when the session has ended and nothing of it is left."""
        self._engine = engine
        self._pool = pool
        self._client = client
        self.session_id = session_id
        self._on_over = on_over
        self._opened = now
        self._exchanges: dict[str, Exchange] = {}
        self._flushing: dict[str, Exchange] = {}  # ended, with messages that wait
        self._asking: dict[str, tuple[AskId, str, int]] = {}  # creates whose token is being judged: log id, bytes
        self._turns = FairScheduler(engine, self._exchanges.values, self._emptied)
        self._request_bytes = 0
        self._unusable = 0
        self._draining = False
        self._idle_timer = engine.timers.timer(self._on_idle)
        self._life_timer = engine.timers.timer(self._on_life_over)

    @property
    def channel(self) -> WebSocketChannel | None:
        """What carries its messages."""
        return self._turns.channel

    @channel.setter
    def channel(self, channel: WebSocketChannel) -> None:
        self._turns.channel = channel

    def open(self, now: float) -> None:
        """The 101 is on its way."""
        client = self._client
        timeouts = self._engine.config.timeouts
        self._engine.emit(
            SessionOpened(
                self.session_id,
                client.conn,
                "universal",
                client.account,
                client.gateway,
                client.peer,
                client.principal,
                client.subprotocol,
            )
        )
        if timeouts.session_s is not None:
            self._life_timer.arm(now + timeouts.session_s)
        self._arm_idle(now)

    @property
    def running(self) -> int:
        """Exchanges that have not ended."""
        return len(self._exchanges)

    # -- from the channel ---------------------------------------------------------------------------------------

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        """A client message; a binary one is read like text."""
        self._arm_idle(now)
        message = decode(data)
        if type(message) is Create:
            self._create(message, sum(map(_held_by, message.steps)), now)
        elif type(message) is BadCreate:
            self._bad_create(message, now)
        elif type(message) is Cancel:
            self._unusable = 0
            exchange = self._exchanges.get(message.event_id)
            if exchange is not None:
                fault = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled by the client")
                exchange.cancel("cancelled", "client", fault, now)
            elif message.event_id in self._asking:
                self._cancel_asking(message.event_id, now)
        elif type(message) is Ping:
            self._unusable = 0
            self._reply(universal.PONG, now)
        elif type(message) is Unusable:
            self._refuse_message(message.fault, None, now)

    def room_made(self, now: float) -> None:
        """The socket takes more: whose turn is it?"""
        self._turns.take(now)

    def channel_ended(self, by: Ender, code: int, reason: str, now: float) -> None:
        """The WebSocket is over: so is everything that ran for it."""
        channel = self.channel
        assert channel is not None
        self._idle_timer.cancel()
        self._life_timer.cancel()
        for ask_id, _, _ in self._asking.values():
            self._engine.withdraw(ask_id)
        self._asking.clear()
        kind = FaultKind.CLIENT_GONE if by == "client" else FaultKind.SHUTDOWN
        fault = Fault(kind, Side.CLIENT if by == "client" else Side.GATEWAY, "the client's socket ended")
        for exchange in list(self._exchanges.values()):
            exchange.cancel("gone", by, fault, now)
        self._turns.clear()
        self._flushing.clear()
        self._engine.emit(
            SessionEnded(
                self.session_id,
                by,
                code,
                reason,
                "draining" if self._draining else "open",
                now - self._opened,
                channel.messages_received,
                channel.messages_sent,
                channel.bytes_received,
                channel.bytes_sent,
            )
        )
        self._on_over(self, now)

    # -- creates ------------------------------------------------------------------------------------------------

    def _create(self, create: Create, size: int, now: float) -> None:
        log_id = self._engine.random.uuid7(self._engine.unix_time(now))
        event_id = create.event_id or log_id
        if self._is_running(event_id):
            fault = Fault(
                FaultKind.INVALID_REQUEST, Side.CLIENT, "eventId names an exchange that is still running; use another"
            )
            self._refuse_message(fault, event_id, now)
            return
        self._unusable = 0
        fault_or_none = self._over_limits(size)
        if fault_or_none is not None:
            self._refuse(event_id, log_id, fault_or_none, now)
            return
        tokens = self._own_tokens(create)
        if isinstance(tokens, Fault):
            self._refuse(event_id, log_id, tokens, now)
        elif tokens:
            self._judge(create, event_id, log_id, size, tokens, now)
        else:
            self._begin(create, event_id, log_id, size, now)

    def _is_running(self, event_id: str) -> bool:
        """Whether the client has not been told of the end of an exchange of this id."""
        return event_id in self._exchanges or event_id in self._flushing or event_id in self._asking

    def _over_limits(self, size: int) -> Fault | None:
        limits = self._engine.config.limits
        if self._draining:
            return Fault(FaultKind.GOING_AWAY, Side.GATEWAY, "the gateway is going away; connect again", True)
        busy = len(self._exchanges) + len(self._flushing) + len(self._asking)
        if busy >= limits.exchanges_per_connection:
            detail = f"{busy} exchanges are under way on this connection; {limits.exchanges_per_connection} are allowed"
            return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, True)
        if self._request_bytes + size > limits.request_bytes_per_connection:
            detail = (
                f"the requests under way on this connection hold {self._request_bytes} bytes, this one {size} more; "
                f"{limits.request_bytes_per_connection} are allowed"
            )
            return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, True)
        return None

    def _own_tokens(self, create: Create) -> list[Secret] | Fault:
        """Gateway tokens in the steps' headers that the settings alone cannot judge."""
        settings = self._client.settings
        if not settings.authentication:
            return []
        unknown: list[Secret] = []
        for step in create.steps:
            for name, value in step.headers:
                if name.lower() == "cf-aig-authorization":
                    token = Secret(bearer_token(value))
                    if not known_token(settings, token) and token not in unknown:
                        unknown.append(token)
        return unknown

    def _judge(self, create: Create, event_id: str, log_id: str, size: int, tokens: list[Secret], now: float) -> None:
        """Ask the host about one token after the other, then begin."""
        client = self._client

        def judged(answer: Answer, at: float) -> None:
            del self._asking[event_id]
            self._request_bytes -= size
            if not (isinstance(answer, Authenticated) and answer.allowed):
                detail = "the token in cf-aig-authorization of the request's headers is not allowed here"
                self._refuse(event_id, log_id, Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail), at)
            elif len(tokens) > 1:
                self._judge(create, event_id, log_id, size, tokens[1:], at)
            else:
                self._begin(create, event_id, log_id, size, at)
            self._rest(at)

        question = Authenticate(client.account, client.gateway, tokens[0])
        ask_id = self._engine.ask(question, judged, now)
        self._asking[event_id] = ask_id, log_id, size
        self._request_bytes += size

    def _cancel_asking(self, event_id: str, now: float) -> None:
        ask_id, log_id, size = self._asking.pop(event_id)
        self._request_bytes -= size
        self._engine.withdraw(ask_id)
        metadata = universal.Metadata(cache_status="MISS", event_id=event_id, log_id=log_id, step="0", attempts=0)
        self._reply(universal.cancelled(metadata), now)
        self._rest(now)

    def _begin(self, create: Create, event_id: str, log_id: str, size: int, now: float) -> None:
        plan = self._plan(create, now)
        if isinstance(plan, Fault):
            self._refuse(event_id, log_id, plan, now)
            return
        exchange = Exchange(
            self._engine,
            self._pool,
            self,
            self._turns,
            event_id=event_id,
            log_id=log_id,
            steps=plan,
            request_bytes=size,
            now=now,
        )
        self._exchanges[event_id] = exchange
        self._request_bytes += size
        self._idle_timer.cancel()
        exchange.start(now)

    def _plan(self, create: Create, now: float) -> list[PlannedStep] | Fault:
        """Every step made ready, or why one cannot run: nothing has been sent then."""
        client = self._client
        engine = self._engine
        plan: list[PlannedStep] = []
        for index, step in enumerate(create.steps):
            policy = resolve_policy(step.config, step.headers, client.headers, client.settings, engine.config.timeouts)
            call = (
                policy
                if isinstance(policy, Fault)
                else build_call(
                    provider=step.provider,
                    endpoint=step.endpoint,
                    method=step.method,
                    headers=step.headers,
                    body=step.query,
                    settings=engine.config.providers,
                    account=client.account,
                    own_tokens=lambda value: known_token(client.settings, Secret(value)),
                    unix_time=engine.unix_time(now),
                )
            )
            if isinstance(policy, Fault) or isinstance(call, Fault):
                fault = policy if isinstance(policy, Fault) else call
                assert isinstance(fault, Fault)
                if len(create.steps) == 1:
                    return fault
                return Fault(fault.kind, fault.side, f"step {index}: {fault.detail}", fault.retryable)
            plan.append(PlannedStep(call, policy))
        return plan

    # -- answers that are no exchange's -------------------------------------------------------------------------

    def _reply(self, message: bytes, now: float) -> None:
        assert self.channel is not None
        self.channel.send_control_text(message, now)

    def _refuse(self, event_id: str, log_id: str, fault: Fault, now: float, step: int = 0) -> None:
        """``created`` with the envelope: a create that cannot run."""
        metadata = universal.Metadata(
            cache_status="MISS",
            event_id=event_id,
            log_id=log_id,
            step=str(step),
            content_type="application/json",
            status=HTTP_STATUS[fault.kind],
            attempts=0,
        )
        self._reply(universal.created(metadata, error_envelope(fault)), now)

    def _bad_create(self, bad: BadCreate, now: float) -> None:
        log_id = self._engine.random.uuid7(self._engine.unix_time(now))
        event_id = bad.event_id or log_id
        if self._is_running(event_id):
            self._refuse_message(bad.fault, event_id, now)
            return
        self._unusable = 0
        self._refuse(event_id, log_id, bad.fault, now)

    def _refuse_message(self, fault: Fault, running_id: str | None, now: float) -> None:
        """``universal.error`` without an exchange: a message that could not be used."""
        self._reply(universal.error(fault, None, running_id), now)
        self._count_unusable(now)

    def _count_unusable(self, now: float) -> None:
        self._unusable += 1
        if self._unusable >= self._engine.config.limits.unusable_messages_in_a_row:
            assert self.channel is not None
            self.channel.close(1008, f"{self._unusable} unusable messages in a row", now, by="client")

    # -- ends of exchanges --------------------------------------------------------------------------------------

    def exchange_ended(self, exchange: Exchange, now: float) -> None:
        """It is over; what it still has queued goes out in its turns."""
        self._exchanges.pop(exchange.event_id, None)
        self._request_bytes -= exchange.request_bytes
        if exchange.queue:
            self._flushing[exchange.event_id] = exchange
        self._rest(now)

    def _emptied(self, exchange: Exchange, now: float) -> None:
        """An ended exchange has nothing more to send."""
        self._flushing.pop(exchange.event_id, None)
        self._rest(now)

    def _rest(self, now: float) -> None:
        """Nothing may be left to do."""
        if self._exchanges or self._flushing:
            return
        self._arm_idle(now)
        if self._draining:
            self._say_goodbye(now)

    # -- clocks and going away ----------------------------------------------------------------------------------

    def _arm_idle(self, now: float) -> None:
        limit = self._engine.config.timeouts.client_idle_s
        if limit is not None and not self._exchanges and not self._flushing:
            self._idle_timer.arm(now + limit)

    def _on_idle(self, now: float) -> None:
        assert self.channel is not None
        self.channel.close(1001, "no message for too long", now)

    def _on_life_over(self, now: float) -> None:
        assert self.channel is not None
        self.channel.close(1001, "the longest session time is over", now)

    def drain(self, deadline: float, now: float) -> None:
        """The gateway goes away: no new exchanges, running ones may finish until ``deadline``."""
        if self._draining:
            return
        self._draining = True
        self._reply(universal.going_away(round((deadline - now) * 1000)), now)
        self._rest(now)

    def _say_goodbye(self, now: float) -> None:
        if self.channel is not None and not self.channel.ended and not self._asking:
            self.channel.close(1001, "the gateway is going away", now)

    def cut(self, now: float) -> None:
        """The drain's deadline is over."""
        assert self.channel is not None
        fault = Fault(FaultKind.SHUTDOWN, Side.GATEWAY, "the gateway went away before the answer was complete", True)
        for exchange in list(self._exchanges.values()):
            exchange.cut(fault, now)
        for event_id, (_, log_id, _) in self._asking.items():
            self._refuse(event_id, log_id, fault, now)
        self.channel.close(1001, "the gateway is going away", now)


def _held_by(step: Step) -> int:
    """Bytes that a step keeps in memory: its query, and headers of more than the usual size."""
    headers = sum(len(name) + len(value) for name, value in step.headers)
    return len(step.query or b"") + (headers if headers > _USUAL_HEADERS else 0)
