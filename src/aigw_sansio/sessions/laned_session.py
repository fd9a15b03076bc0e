"""A session whose client has lanes: its creates wait for their turn, and it is told that silent responses go on.

Decides: when a create begins and when its lane is free again, how long such a connection lives, and when a response was
silent for too long. Must not know: any dialect, and what a create asks.

A lane is free again when the client has been told the end of what ran in it, so that messages of one lane never
overtake each other. What ends frees its lane at the end of the input: many creates may end at once, and each may begin
the next one.
"""

from collections.abc import Callable, Sequence
from functools import partial

from ..dialects.base import LanedDialect
from ..dialects.commands import Create, Recall, Reply, Storing, ToStore, Turn, Unusable
from ..downstream.channel import MessageChannel
from ..effects import Answer, Keep, KeptResponse, LookUp
from ..engine.client import Keeper, Requester
from ..engine.services import Services
from ..engine.turns import FRAME_COST
from ..events import RequestWaiting
from ..exchanges.exchange import Exchange
from ..exchanges.ports import Cancellable, PlannedStep, Scheduled
from ..exchanges.source import Source
from ..faults import Fault, FaultKind, Side
from ..ids import AskId
from ..parts.parts import NO_PARTS, Parts
from ..providers.cache_use import hit
from .client_limits import ClientLimits
from .host_questions import PendingCreate
from .lanes import Lanes
from .planner import ClientInfo
from .request_memory import size_of
from .session import Session
from .stored_conversations import conversation_key

_TOO_OLD = "the longest time of such a connection is over"
_CANCELLED = Fault(FaultKind.CANCELLED, Side.GATEWAY, "cancelled by the host of the gateway")


class LanedSession(Session[bytes]):
    """A :class:`.session.Session` of a :class:`~aigw_sansio.dialects.base.LanedDialect`."""

    __slots__ = (
        "_expired", "_heard", "_keeper", "_laned", "_lanes", "_log_ids", "_old_timer", "_recalls", "_sign_timer",
        "_turning",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        source_of: Callable[[Requester], Source],
        dialect: LanedDialect,
        *,
        client: ClientInfo,
        limits: ClientLimits | None = None,
        session_id: int,
        open_channel: Callable[[Session[bytes]], MessageChannel[bytes]],
        on_ended: Callable[[Session[bytes], float], None],
        now: float,
        parts: Parts = NO_PARTS,
        running: dict[str, Cancellable] | None = None,
    ) -> None:
        """``dialect``: no other session has it. The others are those of any session. Call ``start`` next."""
        self._laned = dialect
        self._keeper = Keeper()  # its providers' sockets
        self._lanes = Lanes(client.config.limits.responses_at_once_per_connection)
        self._log_ids: dict[str, str] = {}  # of those that wait for their turn, by event id
        self._recalls: dict[str, tuple[AskId, int, str]] = {}  # by event id: question, bytes that wait for it, log id
        self._heard: dict[str, int] = {}  # messages of each that were made at the last look
        self._expired = False  # it has lived as long as it may: nothing begins any more
        self._turning = False  # turns are given now, at the end of the input, or in a later call
        self._old_timer = services.timers.timer(self._on_too_old)
        self._sign_timer = services.timers.timer(self._on_silence)
        super().__init__(
            services,
            partial(_kept_by, self._keeper, source_of),
            dialect,
            client=client,
            limits=limits,
            session_id=session_id,
            open_channel=open_channel,
            on_ended=on_ended,
            now=now,
            parts=parts,
            running=running,
        )
        self._scheduler.ordered = True

    def start(self, now: float) -> None:
        super().start(now)
        if (life_s := self._config.timeouts.responses_session_s) is not None:
            self._old_timer.arm(now + life_s)

    @property
    def request_bytes(self) -> int:
        recalls = sum(size for _, size, _ in self._recalls.values())
        return self._request_bytes + self._questions.size + self._lanes.size + recalls

    @property
    def busy(self) -> int:
        begun = len(self._exchanges) + len(self._flushing) + len(self._questions)
        return begun + len(self._recalls) + self._lanes.waiting

    @property
    def kept(self) -> int:
        return super().kept + self._laned.held + self._keeper.held

    @property
    def held(self) -> int:
        return self.kept + self._keeper.outstanding

    # -- turns --------------------------------------------------------------------------------------------------

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        command = self._laned.receive(data)
        if isinstance(command, Unusable):
            self.execute(command, now)
            return
        self._arm_idle(now)
        self._unusable = 0
        if isinstance(command, Reply):
            self._tell(command.messages, now)
        else:
            self._take_in(command, now)

    def _take_in(self, turn: Turn, now: float) -> None:
        self._services.grow(turn.size)
        fault = self.barred() or self._over_limits(turn.size, now)
        if fault is not None:
            self._tell(self._laned.turned_away(turn.event_id, fault), now)
            return
        log_id = self._log_ids[turn.event_id] = self._new_log_id(now)
        self._lanes.add(turn)
        self._give_turns(now)
        if turn.event_id in self._log_ids:
            self._services.emit(RequestWaiting(session=self.session_id, event_id=turn.event_id, log_id=log_id))

    def proceed(self, now: float) -> None:
        """Begin more of what may begin. Implements ``Worker``."""
        self._give_turns(now)

    def _give_turns(self, now: float) -> None:
        """Begin what may begin: one, and more as long as this call may do more."""
        self._turning = True  # what ends meanwhile needs no other call of this
        turns = self._services.turns
        while not self.channel.ended and (turn := self._lanes.next()) is not None:
            turns.left -= FRAME_COST + turn.size
            self._give_turn(turn, now)
            if turns.left <= 0 and self._lanes.waiting:
                turns.postpone(self)
                return
        self._turning = False
        self._check_idle(now)

    def _give_turn(self, turn: Turn, now: float) -> None:
        event_id = turn.event_id
        log_id = self._log_ids.pop(event_id)
        if self._expired:
            self._reply(event_id, self._laned.too_old(event_id), now)
            return
        created = int(self._services.unix_time(now))
        held = self._laned.held
        command = self._laned.begin(event_id, log_id, created, self._storing())
        self._grown(held)
        if isinstance(command, Recall):
            self._recall(turn, log_id, command.id, now)
        else:
            self._run(event_id, command, now)

    def _grown(self, held: int) -> None:
        """The dialect held so many bytes: what it holds now may be too much for all of them."""
        if (grown := self._laned.held - held) > 0:
            self._services.grow(grown)

    def _storing(self) -> Storing | None:
        """How the host stores a response that begins now."""
        ttl_s = self._client.settings.store_ttl
        return Storing(ttl_s, self._services.config.limits.cache_bytes) if ttl_s else None

    def _run(self, event_id: str, command: Create | Reply, now: float) -> None:
        if isinstance(command, Reply):
            self._reply(event_id, command.messages, now)
        else:
            self._create(command, sum(map(size_of, command.steps)) + self._laned.carried(event_id), now)
            if self._sign_timer.deadline is None:
                self._watch_silence(now)
                made = self._laned.made(event_id)
                self._heard = {} if made is None else {event_id: made}  # of those that begin later, at the next look

    def _begin(self, pending: PendingCreate, steps: Sequence[PlannedStep], now: float) -> None:
        if pending.create.generates:
            super()._begin(pending, steps, now)
        else:
            completed = int(self._services.unix_time(now))
            self._reply(pending.event_id, self._laned.admitted(pending.event_id, completed), now)

    def _recall(self, turn: Turn, log_id: str, id: str, now: float) -> None:
        """Ask the host for the response ``id``."""
        client = self._client
        question = LookUp(client.account, client.gateway, conversation_key(client, id))
        # No function inside of this one: compiled, it would be part of a cycle.
        answered = partial(self._recalled, turn.event_id)
        ask_id = self._services.ask(question, answered, now, within_s=client.config.timeouts.store_s)
        self._recalls[turn.event_id] = ask_id, turn.size, log_id

    def _recalled(self, event_id: str, answer: Answer, now: float) -> None:
        del self._recalls[event_id]
        if self._expired:
            self._reply(event_id, self._laned.too_old(event_id), now)
        else:
            held = self._laned.held
            kept = hit(answer, self._services.config.limits)
            if kept is not None:
                self._services.grow(len(kept.body))
            command = self._laned.recalled(event_id, None if kept is None else kept.body)
            self._grown(held)
            self._run(event_id, command, now)
        self._check_idle(now)

    def _store(self, stored: ToStore) -> None:
        client = self._client
        key = conversation_key(client, stored.id)
        response = KeptResponse((), stored.content)
        self._services.keep(
            Keep(account=client.account, gateway=client.gateway, key=key, ttl_s=stored.ttl_s, response=response)
        )

    def _reply(self, event_id: str, messages: list[bytes], now: float) -> None:
        """The dialect itself has replied to a create."""
        self._tell(messages, now)
        self._turn_over(event_id)

    def _turn_over(self, event_id: str) -> None:
        """The client has been told the end of a create."""
        if not self._lanes.over(event_id):
            return
        self._made_end(event_id)
        if not self._turning:
            self._turning = True
            self._services.defer(self._give_turns)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _made_end(self, event_id: str) -> None:
        """The end of a create was made. What is to be stored is, also if its client never reads it: it was paid for."""
        held = self._laned.held
        stored = self._laned.ended(event_id)
        if stored is not None:
            self._store(stored)
        self._grown(held)

    def exchange_ended(self, exchange: Exchange[bytes], now: float) -> None:
        self._made_end(exchange.event_id)
        super().exchange_ended(exchange, now)
        if exchange.event_id not in self._flushing:
            self._turn_over(exchange.event_id)

    def _emptied(self, exchange: Scheduled, now: float) -> None:
        super()._emptied(exchange, now)
        self._turn_over(exchange.event_id)

    def _refuse(self, pending: PendingCreate, fault: Fault, now: float) -> None:
        super()._refuse(pending, fault, now)
        self._turn_over(pending.event_id)

    def _cancel(self, event_id: str, now: float) -> None:
        super()._cancel(event_id, now)
        if not self.is_running(event_id):
            self._turn_over(event_id)

    def cancel_waiting(self, log_id: str, now: float) -> bool:
        """See :meth:`.session.Session.cancel_waiting`. One that waits for its turn is told so then, in the order of its
        lane."""
        for event_id, own in self._log_ids.items():
            if own == log_id:
                self._laned.call_off(event_id)
                return True
        for event_id, (ask_id, _, own) in self._recalls.items():
            if own == log_id:
                del self._recalls[event_id]
                self._services.withdraw(ask_id)
                self._reply(event_id, self._laned.turned_away(event_id, _CANCELLED), now)
                self._check_idle(now)
                return True
        return super().cancel_waiting(log_id, now)

    def _refuse_waiting(self, fault: Fault, now: float) -> None:
        super()._refuse_waiting(fault, now)
        waiting = [*self._recalls, *self._lanes.waiting_ids()]
        self._forget_waiting()
        for event_id in waiting:
            self._tell(self._laned.turned_away(event_id, fault), now)

    def _forget_waiting(self) -> None:
        """Nothing begins any more."""
        self._lanes.close()
        self._log_ids.clear()
        for ask_id, _, _ in self._recalls.values():
            self._services.withdraw(ask_id)
        self._recalls.clear()

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        self._old_timer.close()
        self._sign_timer.close()
        self._forget_waiting()
        self._services.turns.withdraw(self)
        super().channel_ended(by, code, reason, now)
        self._keeper.close(now)  # not before what runs has ended

    def _check_idle(self, now: float) -> None:
        if self._lanes.waiting or self._recalls:
            return
        super()._check_idle(now)
        if self._expired and not self.busy and not self.channel.ended:
            self._tell(self._laned.too_old(None), now)  # not before: it would end what runs in the lane without a name
            self.channel.close(1000, _TOO_OLD, now)

    # -- clocks -------------------------------------------------------------------------------------------------

    def _on_too_old(self, now: float) -> None:
        self._expired = True
        self._check_idle(now)

    def _watch_silence(self, now: float) -> None:
        sign_s = self._config.timeouts.life_sign_s
        if sign_s is not None and self._sign_timer.deadline is None:
            self._sign_timer.arm(now + sign_s)

    def _on_silence(self, now: float) -> None:
        """Tell the client of each response that was silent since the last look, also if the host is asked about it."""
        for pending in self._questions:
            if self._was_silent(pending.event_id):
                self._tell(self._laned.life_sign(pending.event_id), now)
        for event_id, exchange in list(self._exchanges.items()):
            if self._was_silent(event_id) and not self._scheduler.has_queued(exchange):
                exchange.show_what_came(now)
                self._scheduler.post(exchange, self._laned.life_sign(event_id), now)
        running = [*self._exchanges, *(pending.event_id for pending in self._questions)]
        self._heard = {event_id: made for event_id in running if (made := self._laned.made(event_id)) is not None}
        if running:
            self._watch_silence(now)

    def _was_silent(self, event_id: str) -> bool:
        """Whether nothing was told of it since the last look."""
        return self._heard.get(event_id) == self._laned.made(event_id)


def _kept_by(keeper: Keeper, source_of: Callable[[Requester], Source], requester: Requester) -> Source:
    """The source of a session that has a ``keeper``."""
    return source_of(requester._replace(keeper=keeper))
