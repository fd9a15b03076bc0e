"""A driver on a virtual clock that does its ten duties at once and to the letter, and watches the gateway's.

Decides: the order in which bytes, ends and time reach a gateway, and that every effect is lawful: only for a living
connection, at most one polite and one abrupt close each, no time left behind by ``handle_timeout``. What the peers
at the other ends do with the bytes is theirs (:mod:`tests.peers.peer`).
"""

import random
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from tests.peers.peer import Peer, Seen

from aigw_sansio import (
    Answer,
    Ask,
    AskId,
    Close,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Engine,
    Flush,
    Keep,
    KeptResponse,
    LookUp,
    PauseReading,
    ResumeReading,
    Review,
)
from aigw_sansio.config import Config

Cuts: TypeAlias = Literal["whole", "bytes", "random"]


class Core(Engine, Protocol):
    """What this driver holds: :class:`aigw_sansio.Gateway`, a recorder, or a stand-in, with counts for the tests."""

    def snapshot(self) -> dict[str, int]:
        """Counts of what is alive."""

    def reconfigure(self, config: Config, now: float) -> None:
        """New settings."""

    def cancel_exchange(self, log_id: str, now: float) -> bool:
        """The host cancels an exchange."""

    def close_session(self, session: int, code: int, reason: str, now: float) -> bool:
        """The host closes a session."""


@runtime_checkable
class Shared(Protocol):
    """A peer that is several clients: they see the ends of their streams, not that of the connection."""

    def gone(self) -> list[Seen]:
        """The gateway ended the connection: what the clients whose streams were open see of it."""


class End(Enum):
    """How a peer ended its direction."""

    EOF = "eof"
    RESET = "reset"


class LawBroken(AssertionError):
    """The gateway did what no gateway may do."""


class Link:
    """One connection as the driver sees it."""

    def __init__(self, conn: ConnId, kind: Literal["client", "up"], peer: Peer | None) -> None:
        self.conn = conn
        self.kind = kind
        self.peer = peer  #: None while it is dialled
        self.inbox: deque[bytes | End] = deque()
        self.paused = False
        self.taking = True  #: whether the peer reads
        self.unconfirmed = b""
        self.closing = False  #: a polite close is wanted
        self.aborted = False
        self.eof = False  #: the peer ended its direction
        self.lost = False  #: the connection broke: what closes it now is nothing to see
        self.ended = False  #: ``closed`` was reported
        self.offered: tuple[str, ...] = ()


class Recorded:
    """One thing that came out: who it concerns, and what it was."""

    __slots__ = ("link", "seen", "source")

    def __init__(self, source: str, seen: Seen, link: Link | None = None) -> None:
        self.source = source
        self.seen = seen
        self.link = link


class PerfectDriver:
    """Holds one core and its connections. ``output`` is everything that came out since it was last taken."""

    def __init__(self, core: Core, cuts: Cuts, seed: int, now: float = 1000.0) -> None:
        self.core = core
        self.now = now
        self.links: dict[ConnId, Link] = {}
        self.output: list[Recorded] = []
        self.events: list[object] = []
        #: The host's cache: what was kept, and the names that it was asked for.
        self.kept: dict[str, KeptResponse] = {}
        self.looked_up: dict[int, str] = {}
        self.on_bytes: Callable[[Link, bytes], None] | None = None
        self._cuts = cuts
        self._chance = random.Random(seed)
        self._executing = False
        self._work_is_left = False

    # -- out -----------------------------------------------------------------------------------------------------

    def say(self, source: str, line: str, link: Link | None = None) -> None:
        self.output.append(Recorded(source, Seen(line), link))

    def execute(self) -> None:
        """Carry out all effects, those included that carrying them out adds."""
        if self._executing:
            return
        self._executing = True
        try:
            while effects := self.core.effects():
                for effect in effects:
                    self._check(effect)
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._executing = False

    def _check(self, effect: Effect) -> None:
        if isinstance(effect, Emit | Ask | Keep):
            return
        if isinstance(effect, Continue):
            if self._work_is_left:
                raise LawBroken("Continue comes twice without a call of proceed between them")
            return
        link = self.links.get(effect.conn)
        if isinstance(effect, Connect):
            if link is not None:
                raise LawBroken(f"{effect}: the connection exists")
            self.links[effect.conn] = Link(effect.conn, "up", None)
        elif link is None:
            raise LawBroken(f"{effect}: no such connection")
        elif link.ended:
            raise LawBroken(f"{effect}: the connection ended before")
        elif isinstance(effect, Close):
            if link.aborted or (link.closing and not effect.abort):
                raise LawBroken(f"{effect}: closed before")
            link.closing = True
            link.aborted = effect.abort
        elif isinstance(effect, Flush) and link.peer is None:
            raise LawBroken(f"{effect}: it is still dialled")

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Emit):
            self.events.append(effect.event)
            self.output.append(Recorded("event", Seen(repr(effect.event))))
        elif isinstance(effect, Ask):
            question = effect.question
            if isinstance(question, LookUp):
                self.looked_up[effect.id] = question.key
            told = ""
            if isinstance(question, Review):
                said = (f"{passage.kind}={passage.text!r}" for passage in question.passages)
                told = " ".join((f" {question.form}", *said))
            self.say("ask", f"#{effect.id} {type(question).__name__}{told}")
        elif isinstance(effect, Keep):
            self.kept[effect.key] = effect.response
            self.say("keep", f"{effect.ttl_s} s {len(effect.response.body)} bytes")
        elif isinstance(effect, Continue):
            self._work_is_left = True
        elif isinstance(effect, Connect):
            scheme = "http" if effect.tls is None else "https"
            usual = 80 if effect.tls is None else 443
            port = "" if effect.port == usual else f":{effect.port}"
            via = "" if effect.proxy is None else f" via {effect.proxy.host}:{effect.proxy.port}"
            host = f"[{effect.host}]" if ":" in effect.host else effect.host
            self.links[effect.conn].offered = effect.alpn
            self.say("connect", f"#{effect.conn} {scheme}://{host}{port}{via}")
        else:
            link = self.links[effect.conn]
            if link.ended:
                return
            if isinstance(effect, Flush):
                self.pump(link)
            elif isinstance(effect, PauseReading):
                link.paused = True
                self.say("pause", self.name(link), link)
            elif isinstance(effect, ResumeReading):
                link.paused = False
                self.say("resume", self.name(link), link)
            elif effect.abort:
                self._finish(link, "aborted")
            else:
                self.pump(link)

    def name(self, link: Link) -> str:
        """How a transcript calls a connection: ``client``, ``client2``, ``up#3``."""
        if link.kind == "up":
            return f"up#{link.conn}"
        clients = [conn for conn, other in self.links.items() if other.kind == "client"]
        number = clients.index(link.conn) + 1
        return "client" if number == 1 else f"client{number}"

    def _finish(self, link: Link, how: str) -> None:
        link.ended = True
        link.inbox.clear()
        link.unconfirmed = b""
        peer: object = link.peer
        if isinstance(peer, Shared):
            for seen in peer.gone():
                self.output.append(Recorded(seen.who, seen, link))
        elif not link.lost:
            self.say(self.name(link), how if link.peer is not None else "dial cancelled", link)
        self.core.closed(link.conn, self.now)

    def pump(self, link: Link) -> None:
        """Pull until there is nothing left, confirming each piece at once where the peer reads."""
        while not link.ended and link.peer is not None:
            if not link.unconfirmed:
                link.unconfirmed = self.core.data_to_send(link.conn)
                if not link.unconfirmed:
                    break
                if self.on_bytes is not None:
                    self.on_bytes(link, link.unconfirmed)
            if not link.taking:
                return
            data, link.unconfirmed = link.unconfirmed, b""
            for seen in link.peer.receive(data):
                self.output.append(Recorded(seen.who or self.name(link), seen, link))
            self._queue_own(link)
            self.core.data_sent(link.conn, len(data), self.now)
        if link.closing and not link.ended:
            self._finish(link, "eof" if link.kind == "client" else "closed")

    def _queue_own(self, link: Link) -> None:
        assert link.peer is not None
        if data := link.peer.take():
            self._queue(link, data)

    # -- in ------------------------------------------------------------------------------------------------------

    def _queue(self, link: Link, data: bytes) -> None:
        if self._cuts == "bytes":
            link.inbox.extend(data[at : at + 1] for at in range(len(data)))
            return
        while data:
            size = 65536 if self._cuts == "whole" else self._chance.choice((1, 2, 3, 7, 19, 64, 300, 4096, 65536))
            link.inbox.append(data[:size])
            data = data[size:]

    def settle(self) -> None:
        """Execute and deliver until nothing moves: what a paused connection holds stays where it is."""
        self.execute()
        moved = True
        while moved:
            moved = False
            for link in list(self.links.values()):
                if link.inbox and not link.paused and not link.ended and link.peer is not None:
                    self._deliver(link, link.inbox.popleft())
                    self.execute()
                    moved = True
            moved = self._proceed() or moved

    def _proceed(self) -> bool:
        """More of the work that is left, behind one read of each connection. Returns whether there was any."""
        if not self._work_is_left:
            return False
        self._work_is_left = False
        self.core.proceed(self.now)
        self.execute()
        return True

    def _deliver(self, link: Link, piece: bytes | End) -> None:
        if piece is End.EOF:
            link.eof = True
            self.core.receive_eof(link.conn, self.now)
        elif piece is End.RESET:
            self._lose(link)
        else:
            assert isinstance(piece, bytes)
            self.core.receive_data(link.conn, piece, self.now)

    def _lose(self, link: Link) -> None:
        link.lost = True
        self.core.connection_lost(link.conn, "connection reset by peer", self.now)
        self.execute()
        if not link.ended:
            link.ended = True
            link.inbox.clear()
            self.core.closed(link.conn, self.now)

    def open_client(self, peer: Peer, alpn: str | None = None) -> Link:
        """A client connects; nothing is settled yet."""
        conn = self.core.open_downstream("192.0.2.7:50000", alpn, self.now)
        if conn in self.links:
            raise LawBroken(f"open_downstream gave {conn} twice")
        link = self.links[conn] = Link(conn, "client", peer)
        self.settle()
        return link

    def skip_id(self) -> None:
        """Use up a connection id, so that those that follow are the same however clients share connections."""
        conn = self.core.open_downstream("192.0.2.7:50000", None, self.now)
        self.core.connection_lost(conn, "connection reset by peer", self.now)
        self.core.closed(conn, self.now)
        self.settle()

    def connected(self, link: Link, peer: Peer, alpn: str | None) -> None:
        """The dial of ``link`` succeeded."""
        link.peer = peer
        self.core.connected(link.conn, alpn, self.now)
        self._queue_own(link)
        self.settle()

    def refused(self, link: Link, reason: str) -> None:
        """The dial of ``link`` failed."""
        link.lost = True
        self.core.connect_failed(link.conn, reason, self.now)
        self.execute()
        if not link.ended:
            link.ended = True
            self.core.closed(link.conn, self.now)
        self.settle()

    def send(self, link: Link, data: bytes) -> None:
        """The peer of ``link`` sends ``data``."""
        self._queue(link, data)
        self.settle()

    def end(self, link: Link, how: End) -> None:
        """The peer ends its direction, behind what it sent. A reset overtakes a pause."""
        if how is End.RESET and not link.ended:
            link.inbox.clear()
            self._lose(link)
        else:
            link.inbox.append(how)
        self.settle()

    def take(self, link: Link, taking: bool) -> None:
        """The peer stops reading, or reads on."""
        link.taking = taking
        if taking:
            self.pump(link)
        self.settle()

    def take_some(self, link: Link, size: int) -> None:
        """The peer, which has stopped reading, reads ``size`` bytes."""
        while size and not link.ended and link.peer is not None:
            link.unconfirmed = link.unconfirmed or self.core.data_to_send(link.conn)
            data, link.unconfirmed = link.unconfirmed[:size], link.unconfirmed[size:]
            if not data:
                break
            size -= len(data)
            for seen in link.peer.receive(data):
                self.output.append(Recorded(seen.who or self.name(link), seen, link))
            self._queue_own(link)
            self.core.data_sent(link.conn, len(data), self.now)
        self.settle()

    def answer(self, ask_id: int, value: Answer) -> None:
        self.core.answer(AskId(ask_id), value, self.now)
        self.settle()

    def drain(self) -> None:
        self.core.drain(self.now)
        self.settle()

    def reconfigure(self, config: Config) -> None:
        self.core.reconfigure(config, self.now)
        self.settle()

    def cancel_exchange(self, log_id: str) -> bool:
        done = self.core.cancel_exchange(log_id, self.now)
        self.settle()
        return done

    def close_session(self, session: int, code: int, reason: str) -> bool:
        done = self.core.close_session(session, code, reason, self.now)
        self.settle()
        return done

    def advance(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline."""
        target = self.now + seconds
        for _ in range(100_000):
            deadline = self.core.next_timeout()
            if deadline is None or deadline > target:
                self.now = target
                return
            self.now = max(self.now, deadline)
            self.core.handle_timeout(self.now)
            following = self.core.next_timeout()
            if following is not None and following <= self.now:
                raise LawBroken(f"next_timeout() is {following} after handle_timeout({self.now})")
            self.settle()
        raise LawBroken("the gateway keeps asking for timeouts")

    # -- the end -------------------------------------------------------------------------------------------------

    def wind_up(self) -> None:
        """Every client leaves, time runs out: nothing may be left."""
        for link in list(self.links.values()):
            if link.kind == "client" and not link.ended:
                self.end(link, End.RESET)
        for _ in range(1000):
            deadline = self.core.next_timeout()
            if deadline is None:
                break
            self.advance(max(0.0, deadline - self.now))
        else:
            raise LawBroken("deadlines go on without a client")
        alive = [self.name(link) for link in self.links.values() if not link.ended]
        if alive:
            raise LawBroken(f"without clients and deadlines there are still {alive}")
        left = {name: count for name, count in self.core.snapshot().items() if count}
        if left:
            raise LawBroken(f"without clients and deadlines there are still {left}")
