"""One client on a message channel: its exchanges, its limits and its lifetime.

Decides: what a command of the client starts, how many exchanges and bytes it may have at a time, and when its channel
is closed (client protocol, sections 3 and 6). Must not know: sockets, HTTP, any dialect, and how an exchange gets its
response.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Generic, cast

from ..dialects.base import Dialect
from ..dialects.commands import BadCreate, Cancel, Command, Create, Ping, Unusable
from ..downstream.channel import MessageChannel
from ..downstream.connection_limits import longest_life
from ..downstream.policy_questions import review_window
from ..engine.client import Requester
from ..engine.memory import PER_EXCHANGE
from ..engine.services import Services
from ..events import SessionEnded, SessionOpened
from ..exchanges.encoder import ResponseEncoder
from ..exchanges.exchange import Exchange
from ..exchanges.ports import Cancellable, MessageT, PlannedStep, Scheduled
from ..exchanges.source import Source
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from ..parts.parts import NO_PARTS, Parts
from .client_limits import ClientLimits, over_allowance
from .encoders import with_steps
from .host_questions import PendingCreate
from .intake import Intake, Outcome
from .listening import listener_of
from .planner import ClientInfo, renewed
from .request_memory import size_of
from .scheduler import FairScheduler

if TYPE_CHECKING:
    from ..exchanges.reviewed import ReviewedExchange

_GOING_AWAY = "the gateway is going away"


class Session(Generic[MessageT]):
    """Runs from the accepted handshake to ``SessionEnded``. Implements ``ChannelOwner``, ``ExchangeOwner`` and
    ``LimitedSession`` and ``MemoryUser``."""

    __slots__ = (
        "_barred", "_caller", "_client", "_config", "_dialect", "_draining", "_exchanges", "_flushing", "_holding",
        "_idle_timer", "_intake", "_known_config", "_life_timer", "_limits", "_on_ended", "_opened", "_questions",
        "_request_bytes", "_requester", "_reviewed", "_running", "_scheduler", "_services", "_source", "_source_of",
        "_unusable", "channel", "session_id",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        source_of: Callable[[Requester], Source],
        dialect: Dialect[MessageT],
        *,
        client: ClientInfo,
        limits: ClientLimits | None = None,
        session_id: int,
        open_channel: Callable[["Session[MessageT]"], MessageChannel[MessageT]],
        on_ended: Callable[["Session[MessageT]", float], None],
        now: float,
        parts: Parts = NO_PARTS,
        running: dict[str, Cancellable] | None = None,
    ) -> None:
        """``source_of`` gives the source of one who asks. ``limits``: of the client connection; ``None``: its own.
        ``open_channel`` makes the channel of the session. ``on_ended`` is called once, when the session has ended.
        ``parts``: the host's own. ``running``: where its exchanges stand by their log ids, with those of others, until
        they end. Call ``start`` next."""
        self._services = services
        self._source_of = source_of
        self._dialect = dialect
        self._config = client.config  # of the session itself, to its end
        self._client = client  # with the settings of the next exchange
        self._known_config = client.config  # those that it was made with
        self._barred: Fault | None = None  # why they let it begin no exchange
        limits = self._limits = ClientLimits(services) if limits is None else limits
        self._requester = Requester(client.name, limits.client)
        self._source = source_of(self._requester)
        self.session_id = session_id
        self._caller = client.caller(session_id)
        self._on_ended = on_ended
        self._running: dict[str, Cancellable] = {} if running is None else running
        self._opened = now
        self._exchanges: dict[str, Exchange[MessageT]] = {}
        self._flushing: dict[str, Scheduled] = {}  # ended, but with queued messages
        self._reviewed: dict[str, ReviewedExchange[MessageT]] = {}
        self._holding: dict[str, ResponseEncoder[MessageT]] = {}  # those that keep something of their response
        self._intake = Intake(services, limits, session_id, parts=parts, decided=self._planned, waits=self._check_idle)
        self._questions = self._intake.questions
        self._request_bytes = 0
        self._unusable = 0
        self._draining = False
        self._idle_timer = services.timers.timer(self._on_idle)
        self._life_timer = services.timers.timer(self._on_session_timeout)
        #: The channel that carries its messages.
        self.channel: MessageChannel[MessageT] = open_channel(self)
        self._scheduler = FairScheduler(
            services,
            self.channel,
            budget=limits.responses,
            running=self._exchanges.values,
            emptied=self._emptied,
        )
        limits.joined(self)
        services.requesters.entered(self._requester)

    def start(self, now: float) -> None:
        """Emit ``SessionOpened`` and start the timeouts. Call it before the first message of the client."""
        client = self._client
        self._services.emit(
            SessionOpened(
                session=self.session_id,
                conn=client.conn,
                mode=self._dialect.mode,
                account=client.account,
                gateway=client.gateway,
                peer=client.peer,
                principal=client.principal,
                subprotocol=client.subprotocol,
                resumable=self.channel.resumable,
            )
        )
        if (life_s := longest_life(self._config.timeouts.session_s, client.limits)) is not None:
            self._life_timer.arm(now + life_s)
        self._arm_idle(now)

    @property
    def running(self) -> int:
        """How many exchanges have not ended."""
        return len(self._exchanges)

    @property
    def request_bytes(self) -> int:
        """The memory that the requests of its exchanges take."""
        return self._request_bytes + self._questions.size

    @property
    def fetches(self) -> int:
        """How many media the host is asked for."""
        return self._questions.fetches

    @property
    def busy(self) -> int:
        """How many exchanges it has whose end the client has not been told, those that wait for a check included."""
        return len(self._exchanges) + len(self._flushing) + len(self._questions)

    def moved(self, conn: ConnId, peer: str, limits: ClientLimits, now: float) -> None:
        """Its client has another connection, ``conn``, with the limits of that. What runs goes on."""
        self._client = self._client._replace(conn=conn, peer=peer)
        limits.take_over(self, self._limits)
        self._limits = limits
        self._services.requesters.left(self._requester)
        self._requester = Requester(self._client.name, limits.client)
        self._services.requesters.entered(self._requester)
        self._source = self._source_of(self._requester)
        self._intake.moved(limits)
        self._scheduler.moved(limits.responses)

    # -- MemoryUser ---------------------------------------------------------------------------------------------

    @property
    def kept(self) -> int:
        kept = self.request_bytes + self._scheduler.memory + self.channel.held + self.busy * PER_EXCHANGE
        kept += sum(exchange.kept for exchange in self._reviewed.values())
        return kept + sum(encoder.held for encoder in self._holding.values())

    @property
    def held(self) -> int:
        return self.kept

    def squeeze(self, now: float, *, on: bool) -> None:
        if self.channel.ended:
            return
        if on:
            self.channel.pause()
        else:
            self.channel.resume(now)
        self._limits.responses.squeeze(self._scheduler, on=on)

    def close_for_memory(self, reason: str, now: float) -> None:
        self.channel.close(1013, reason, now)
        self.channel.discard_input(now)

    # -- ChannelOwner -------------------------------------------------------------------------------------------

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        """A message of the client. A binary one is read like text."""
        self.execute(self._dialect.decode(data), now)

    def execute(self, command: Command, now: float) -> None:
        """Do what the client commands. Call it for a client that has no messages, but commands."""
        self._arm_idle(now)
        if type(command) is Create:
            self._create(command, sum(map(size_of, command.steps)), now)
        elif type(command) is BadCreate:
            self._refuse_bad_create(command, now)
        elif type(command) is Cancel:
            self._unusable = 0
            self._cancel(command.event_id, now)
        elif type(command) is Ping:
            self._unusable = 0
            self._tell(self._dialect.pong(), now)
        elif type(command) is Unusable:
            self.message_unusable(command.fault, now)

    def message_unusable(self, fault: Fault, now: float) -> None:
        """Refuse a message that cannot be used. Too many of them in a row close the channel."""
        self._refuse_message(fault, None, now)

    def room_made(self, now: float) -> None:
        self._scheduler.take(now)

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        """The channel ended: all exchanges and checks of the session end with it."""
        channel = self.channel
        self._idle_timer.close()
        self._life_timer.close()
        self._intake.close()
        self._limits.left(self)
        self._services.requesters.left(self._requester)
        kind, side = (FaultKind.CLIENT_GONE, Side.CLIENT) if by is Side.CLIENT else (FaultKind.SHUTDOWN, Side.GATEWAY)
        fault = Fault(kind, side, "the client's socket ended")
        for exchange in list(self._exchanges.values()):
            self._limits.cancelled(now)
            exchange.cancel("gone", by, fault, now)
        self._scheduler.close()
        self._limits.responses.left(self._scheduler)
        self._flushing.clear()
        self._services.emit(
            SessionEnded(
                session=self.session_id,
                by=by,
                code=code,
                reason=reason,
                phase="draining" if self._draining else "detached" if channel.away else "open",
                duration_s=now - self._opened,
                messages_received=channel.messages_received,
                messages_sent=channel.messages_sent,
                bytes_received=channel.bytes_received,
                bytes_sent=channel.bytes_sent,
                conn=self._client.conn,
                mode=self._dialect.mode,
                account=self._client.account,
                gateway=self._client.gateway,
                principal=self._client.principal,
                traceparent=self._client.traceparent,
                started_unix_s=self._services.unix_time(self._opened),
            )
        )
        self._on_ended(self, now)

    # -- commands -----------------------------------------------------------------------------------------------

    def _create(self, create: Create, size: int, now: float) -> None:
        self._services.grow(size + PER_EXCHANGE)
        log_id = create.log_id or self._new_log_id(now)
        event_id = create.event_id or log_id
        if self.is_running(event_id):
            detail = "eventId names an exchange that is still running; use another"
            self._refuse_message(Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail), event_id, now)
            return
        self._unusable = 0
        fault = self.barred() or self._over_limits(size, now)
        pending = PendingCreate(create=create, event_id=event_id, log_id=log_id, size=size, client=self._client)
        if fault is not None:
            self._refuse(pending, fault, now)
        else:
            self._intake.take(pending, now)

    def _planned(self, pending: PendingCreate, outcome: Outcome, now: float) -> None:
        if isinstance(outcome, Fault):
            self._refuse(pending, outcome, now)
        elif isinstance(outcome, bytes):
            self._tell(self._dialect.answered(pending.event_id, pending.log_id, outcome), now)
        else:
            self._begin(pending, outcome, now)
        self._check_idle(now)

    def _begin(self, pending: PendingCreate, steps: Sequence[PlannedStep], now: float) -> None:
        event_id, log_id, size = pending.event_id, pending.log_id, pending.size
        own = self._dialect.encoder(
            event_id, log_id, mode=steps[0].policy.response, listener=listener_of(self._services, log_id)
        )
        created = int(self._services.unix_time(now))
        encoder = with_steps(own, steps, id=log_id, created=created, limits=pending.client.config.limits)
        if encoder is not own:
            self._holding[event_id] = encoder
        make: Callable[..., Exchange[MessageT]] = Exchange
        if (window := review_window(pending.client.settings)) is not None:
            from ..exchanges.reviewed import ReviewedExchange

            make = partial(ReviewedExchange, window=window)
        exchange = make(
            self._services,
            self._source,
            owner=self,
            outlet=self._scheduler,
            encoder=encoder,
            caller=self._caller,
            config=pending.client.config,
            event_id=event_id,
            log_id=log_id,
            steps=steps,
            request_bytes=size,
            now=now,
        )
        if window is not None:
            self._reviewed[event_id] = cast("ReviewedExchange[MessageT]", exchange)
        self._exchanges[event_id] = exchange  # before ``start``, which may end it at once
        self._running[log_id] = exchange
        self._request_bytes += size
        self._idle_timer.cancel()
        if self._limits.responses.pauses(self._scheduler):
            exchange.pause_for_budget()
        exchange.start(now)

    def _cancel(self, event_id: str, now: float) -> None:
        exchange = self._exchanges.get(event_id)
        if exchange is not None:
            fault = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled by the client")
            self._limits.cancelled(now)
            exchange.cancel("cancelled", Side.CLIENT, fault, now)
        elif (pending := self._questions.withdraw(event_id)) is not None:
            self._tell(self._dialect.cancelled(event_id, pending.log_id), now)
            self._check_idle(now)

    def cancel_waiting(self, log_id: str, now: float) -> bool:
        """The host cancels the request of this id, if it waits for the host. Returns whether it did."""
        found = next((pending for pending in self._questions if pending.log_id == log_id), None)
        if found is None:
            return False
        self._cancel(found.event_id, now)
        return True

    def is_running(self, event_id: str) -> bool:
        """Whether an exchange of this id exists whose end the client has not been told."""
        return event_id in self._exchanges or event_id in self._flushing or event_id in self._questions

    def barred(self) -> Fault | None:
        """Take the settings for an exchange that begins now; if they have changed, they may let it begin none."""
        config = self._services.config
        if config is not self._known_config:
            self._known_config = config
            found = renewed(self._client, config)
            self._barred = found if isinstance(found, Fault) else None
            if not isinstance(found, Fault):
                self._client = found
        return self._barred

    def _over_limits(self, size: int, now: float) -> Fault | None:
        if self._draining:
            return Fault(FaultKind.GOING_AWAY, Side.GATEWAY, f"{_GOING_AWAY}; connect again", retryable=True)
        return self._limits.refuse(size, now) or over_allowance(self._client.limits, self.busy)

    # -- messages outside exchanges -----------------------------------------------------------------------------

    def _tell(self, messages: list[MessageT], now: float) -> None:
        for message in messages:
            self.channel.send_control_text(message, now)

    def _refuse(self, pending: PendingCreate, fault: Fault, now: float) -> None:
        """Refuse a create that cannot run."""
        self._tell(self._dialect.refused(pending.event_id, pending.log_id, fault), now)

    def _refuse_bad_create(self, bad: BadCreate, now: float) -> None:
        log_id = self._new_log_id(now)
        event_id = bad.event_id or log_id
        if self.is_running(event_id):
            self._refuse_message(bad.fault, event_id, now)
            return
        self._unusable = 0
        self._tell(self._dialect.refused(event_id, log_id, bad.fault), now)

    def _refuse_message(self, fault: Fault, running_id: str | None, now: float) -> None:
        """Refuse a message that cannot be used. ``running_id``: the exchange whose id it repeats."""
        self._tell(self._dialect.unusable(fault, running_id), now)
        self._unusable += 1
        if self._unusable >= self._config.limits.unusable_messages_in_a_row:
            self.channel.close(1008, f"{self._unusable} unusable messages in a row", now, by=Side.CLIENT)

    def _new_log_id(self, now: float) -> str:
        return self._services.random.uuid7(self._services.unix_time(now))

    # -- ends of exchanges --------------------------------------------------------------------------------------

    def exchange_ended(self, exchange: Exchange[MessageT], now: float) -> None:
        """The exchange ended; its queued messages are still sent."""
        self._exchanges.pop(exchange.event_id, None)
        self._running.pop(exchange.log_id, None)
        self._reviewed.pop(exchange.event_id, None)
        self._holding.pop(exchange.event_id, None)
        self._request_bytes -= exchange.request_bytes
        if self._scheduler.has_queued(exchange):
            self._flushing[exchange.event_id] = exchange
        self._check_idle(now)

    def _emptied(self, exchange: Scheduled, now: float) -> None:
        """All messages of an ended exchange were taken from the queue."""
        self._flushing.pop(exchange.event_id, None)
        self._check_idle(now)

    def _check_idle(self, now: float) -> None:
        """If nothing is left to do, start the idle timeout; or close, if the gateway drains."""
        if self._exchanges or self._flushing or self.channel.ended:
            return
        if self._questions.fetches:
            self._idle_timer.cancel()
            return
        self._arm_idle(now)
        if self._draining and not self._questions:
            self.channel.close(1001, _GOING_AWAY, now)

    # -- clocks and going away ----------------------------------------------------------------------------------

    def _arm_idle(self, now: float) -> None:
        limit = self._config.timeouts.client_idle_s
        if limit is not None and not (self._exchanges or self._flushing or self._questions.fetches):
            self._idle_timer.arm(now + limit)

    def _on_idle(self, now: float) -> None:
        self.channel.close(1001, "no message for too long", now)

    def _on_session_timeout(self, now: float) -> None:
        self.channel.close(1001, "the longest session time is over", now)

    def drain(self, deadline: float, now: float) -> None:
        """The gateway goes away: no new exchanges; running ones may finish until ``deadline`` (monotonic seconds)."""
        if self._draining:
            return
        self._draining = True
        self._tell(self._dialect.going_away(round((deadline - now) * 1000)), now)
        self._check_idle(now)

    def end_drain(self, now: float) -> None:
        """The drain's deadline has passed: running exchanges fail, and the channel is closed."""
        detail = "the gateway went away before the answer was complete"
        fault = Fault(FaultKind.SHUTDOWN, Side.GATEWAY, detail, retryable=True)
        for exchange in list(self._exchanges.values()):
            exchange.fail(fault, now)
        self._refuse_waiting(fault, now)
        self.channel.close(1001, _GOING_AWAY, now)

    def _refuse_waiting(self, fault: Fault, now: float) -> None:
        for pending in self._questions:
            self._refuse(pending, fault, now)
