"""The services that all parts of one gateway share: effects, questions, timers, turns, random bytes, the wall clock.

Decides: the one ordered list of effects, and which callback gets the answer to a question. Must not know: connections,
sessions or any protocol.
"""

from collections.abc import Callable
from typing import Final

from ..config import Config
from ..effects import (
    ANSWER_TYPES,
    Answer,
    Ask,
    Close,
    Connect,
    Continue,
    Effect,
    Emit,
    Keep,
    PauseReading,
    Question,
    ResumeReading,
    Unavailable,
)
from ..errors import LocalProtocolError
from ..events import Event
from ..ids import (
    AskId,
    ConnId,
)
from ..secret import SecretSet
from .client import Client, Requesters
from .dials import Dials
from .key_rings import KeyRings
from .proxies import Proxies
from .seeded_random import (
    SeededRandom,
)
from .timers import Timer, Timers
from .turns import Turns

#: More bytes than ever come.
NEVER: Final = 1 << 60
#: Seconds. The last year that has a name of four digits is nearer.
_MOST_OFFSET: Final = 2.6e11


class _Pending:
    __slots__ = ("callback", "question", "timer")

    def __init__(self, question: Question, callback: Callable[[Answer, float], None], timer: Timer) -> None:
        self.question = question
        self.callback = callback
        self.timer = timer


class Services:
    """The services of one gateway."""

    __slots__ = (
        "_next_ask",
        "_next_conn",
        "_next_session",
        "_pending",
        "_weigh",
        "_weighs_soon",
        "config",
        "deferred",
        "dials",
        "effects",
        "key_rings",
        "own_tokens",
        "proxies",
        "random",
        "recorded_bytes",
        "reloads",
        "requesters",
        "short_of_memory",
        "timers",
        "turns",
        "unweighed",
        "usage_refusals",
        "wall_offset",
    )

    def __init__(
        self, config: Config, seed: bytes, wall_offset: float, known_hosts: frozenset[str] = frozenset()
    ) -> None:
        """``known_hosts``: those that no client chose."""
        self.config = config
        #: How often the settings were replaced: who keeps this, and not them, keeps no secret of older ones.
        self.reloads = 0
        #: The tokens of all gateways: none of them goes upstream.
        self.own_tokens = _tokens_of(config)
        #: Which of several keys of a provider goes next; empty if none has several.
        self.key_rings = KeyRings(config)
        #: Who is not asked for the usage of streams: :data:`aigw_sansio.providers.usage_question.UsageRefusals`.
        self.usage_refusals: dict[tuple[str, str, str, str], None] = {}
        #: Which connections go through one.
        self.proxies = Proxies(config)
        self.random = SeededRandom(seed)
        self._weigh: Callable[[float], None] | None = None
        self._weighs_soon = False  # at the end of this input
        #: So many bytes may come in or grow inside before all memory is counted again.
        self.unweighed = NEVER
        #: More memory is held than may be.
        self.short_of_memory = False
        #: Bytes of responses that are being recorded for the cache.
        self.recorded_bytes = 0
        #: The clients with open sessions.
        self.requesters = Requesters()
        self.timers = Timers()
        self.dials = Dials(config, self.timers, self._emit_dial, known_hosts)
        self.turns = Turns(self._emit_continue)
        #: Unix time minus monotonic time, in seconds.
        self.wall_offset = checked_wall(wall_offset)
        #: The effects since :meth:`take_effects`, in order.
        self.effects: list[Effect] = []
        #: The callbacks for :meth:`run_deferred`.
        self.deferred: list[Callable[[float], None]] = []
        self._next_conn = 1
        self._next_session = 1
        self._next_ask = 1
        self._pending: dict[AskId, _Pending] = {}

    def reconfigure(self, config: Config, known_hosts: frozenset[str], now: float) -> None:
        """``config`` holds for what begins from now on. Who must end under the old one has kept it."""
        self.config = config
        self.reloads += 1
        self.own_tokens = _tokens_of(config)
        self.key_rings = KeyRings(config, self.key_rings)
        self.usage_refusals = {}  # a server may have been renewed, too
        self.proxies = Proxies(config)
        self.dials.reconfigure(config, known_hosts, now)

    # -- effects ------------------------------------------------------------------------------------------------

    def take_effects(self) -> list[Effect]:
        """All effects since the last call, in order."""
        effects = self.effects
        if effects:
            self.effects = []
        return effects

    def connect(
        self, effect: Connect, client: Client | None, begun: Callable[[float], None] | None, now: float
    ) -> None:
        """Emit ``effect``; later, if ``client`` has as many look-ups as it may have. ``begun(now)`` is called then, but
        not if it is emitted at once."""
        if self.dials.begin(effect, client, begun, now):
            self.effects.append(effect)

    def pause(self, conn: ConnId) -> None:
        """Emit ``PauseReading``."""
        self.effects.append(PauseReading(conn))

    def resume(self, conn: ConnId) -> None:
        """Emit ``ResumeReading``."""
        self.effects.append(ResumeReading(conn))

    def close(self, conn: ConnId, *, abort: bool) -> None:
        """Emit ``Close``."""
        held = self.dials.withdraw(conn)
        if held is not None:
            self.effects.append(held)
        self.effects.append(Close(conn, abort=abort))

    def emit(self, event: Event) -> None:
        """Emit ``event`` for the host."""
        self.effects.append(Emit(event))

    def keep(self, effect: Keep) -> None:
        """Emit ``effect``."""
        self.effects.append(effect)

    def _emit_dial(self, effect: Connect) -> None:
        self.effects.append(effect)

    def _emit_continue(self) -> None:
        self.effects.append(Continue())

    # -- the end of an input ------------------------------------------------------------------------------------

    def defer(self, callback: Callable[[float], None]) -> None:
        """Call ``callback(now)`` at the end of the current input.

        Resume other parties only from such a callback: resuming one may end an object that the current caller is still
        iterating over.
        """
        self.deferred.append(callback)

    def run_deferred(self, now: float) -> None:
        """The end of an input: run the deferred callbacks, and those that they defer."""
        while self.deferred:
            callbacks, self.deferred = self.deferred, []
            for callback in callbacks:
                callback(now)

    def fire_timers(self, now: float) -> None:
        """Fire all timers that are due at ``now``, those that they arm included."""
        while True:
            self.timers.fire(now)
            self.run_deferred(now)
            due = self.timers.next_deadline()
            if due is None or due > now:
                break

    # -- memory -------------------------------------------------------------------------------------------------

    def watch_memory(self, weigh: Callable[[float], None], after: int) -> None:
        """``weigh(now)`` counts all memory. It is to be called after ``after`` bytes."""
        self._weigh = weigh
        self._weighs_soon = False
        self.unweighed = after

    def grow(self, n: int) -> None:
        """``n`` bytes are held that did not come in like this: they were inflated, quoted or copied."""
        self.unweighed -= n
        if self.unweighed < 0 and self._weigh is not None and not self._weighs_soon:
            self._weighs_soon = True
            self.defer(self._weigh)

    # -- identities ---------------------------------------------------------------------------------------------

    def issue_conn(self) -> ConnId:
        """A new connection id. Ids are never used again."""
        conn = ConnId(self._next_conn)
        self._next_conn += 1
        return conn

    def issue_session(self) -> int:
        """A new number of a session."""
        number = self._next_session
        self._next_session += 1
        return number

    def was_session(self, number: int) -> bool:
        """Whether a session ever had ``number``. It may have ended long ago."""
        return 0 < number < self._next_session

    def was_issued(self, conn: ConnId) -> bool:
        """Whether ``conn`` was ever issued. The connection may have ended long ago."""
        return 0 < conn < self._next_conn

    # -- questions ----------------------------------------------------------------------------------------------

    def ask(
        self,
        question: Question,
        callback: Callable[[Answer, float], None],
        now: float,
        *,
        within_s: float | None = None,
    ) -> AskId:
        """Ask the host. ``callback(answer, now)`` is called once: with the host's answer, or with ``Unavailable`` if
        the deadline passes first, which is ``within_s`` from now (``None``: ``ask_s``). It is not called after
        :meth:`withdraw`."""
        ask_id = AskId(self._next_ask)
        self._next_ask += 1
        deadline = now + (self.config.timeouts.ask_s if within_s is None else within_s)
        timer = self.timers.timer(lambda at: self._resolve(ask_id, Unavailable(), at))
        timer.arm(deadline)
        self._pending[ask_id] = _Pending(question, callback, timer)
        self.effects.append(Ask(ask_id, question, deadline))
        return ask_id

    def withdraw(self, ask_id: AskId) -> None:
        """The answer is no longer needed: a later one is ignored. Nothing happens if the question has its answer."""
        pending = self._pending.pop(ask_id, None)
        if pending is not None:
            pending.timer.close()

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        """The host's answer. Late and second answers are ignored. ``LocalProtocolError`` for a question that was never
        asked, and for an answer of the wrong class."""
        if not 0 < ask_id < self._next_ask:
            raise LocalProtocolError(f"answer({ask_id}): no such question was ever asked")
        pending = self._pending.get(ask_id)
        if pending is None:
            return
        expected = (*ANSWER_TYPES[type(pending.question)], Unavailable)
        if not isinstance(value, expected):
            allowed = " or ".join(kind.__name__ for kind in expected)
            raise LocalProtocolError(
                f"answer({ask_id}): {type(pending.question).__name__} is answered by {allowed}, "
                f"not by {type(value).__name__}"
            )
        self._resolve(ask_id, value, now)

    def _resolve(self, ask_id: AskId, value: Answer, now: float) -> None:
        pending = self._pending.pop(ask_id)  # before the callback, so that it is called once
        pending.timer.close()
        pending.callback(value, now)

    @property
    def unanswered(self) -> int:
        """How many questions have no answer yet."""
        return len(self._pending)

    # -- wall time ----------------------------------------------------------------------------------------------

    def unix_time(self, now: float) -> float:
        """Wall time at ``now``, as Unix seconds."""
        return self.wall_offset + now


def checked_wall(wall_offset: float) -> float:
    """``wall_offset``, if it is a number with which there are dates. Raises ``ValueError``."""
    if not -_MOST_OFFSET < wall_offset < _MOST_OFFSET:
        raise ValueError(f"wall_offset is {wall_offset!r}; allowed are seconds, Unix time minus now")
    return wall_offset


def _tokens_of(config: Config) -> SecretSet:
    return SecretSet(token for gateway in config.gateways.values() for token in gateway.tokens)
