"""A small world around one gateway: clients, providers, pipes, a clock and a driver that is late wherever it may be.

A move is three small numbers: what happens, to whom, how much. So a run is a list of moves, Hypothesis can shrink it,
and the same list replays it. After every move the laws hold; at the end the world comes to rest, everybody leaves,
and nothing may be left: no deadline, and no object of the core, although the cycle collector is off.

``python -m tests.world.world --seconds 60 [--seed 7]`` runs random worlds and prints the moves of one that fails;
``--seed 7 --once`` runs that one again.
"""

import argparse
import contextlib
import gzip
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import h2.errors
import h2.exceptions
import msgspec
from h2.settings import SettingCodes
from tests.peers.http_providers import Http1Provider, Http2Provider
from tests.peers.peer import Headers
from tests.peers.reference_driver import Core, LawBroken
from tests.peers.turn_driver import Meter
from tests.peers.websocket_frames import raw_frame
from tests.rigs.compiled import COMPILED
from tests.rigs.living import living_objects
from tests.rigs.parts import TRANSLATES
from tests.world.actors import LIES, PROVIDERS, Caller, Serving, create_message

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from aigw_sansio.effects import (
    Admit,
    Admitted,
    Ask,
    Authenticate,
    Authenticated,
    Close,
    Connect,
    Continue,
    Denied,
    Effect,
    Emit,
    FetchedMedia,
    FetchMedia,
    FindKey,
    Flush,
    Hit,
    Keep,
    KeptResponse,
    Key,
    LookUp,
    Metrics,
    Miss,
    PauseReading,
    Unavailable,
)
from aigw_sansio.events import AttemptEnded, TextDelta
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.quota_rules import Count, Counted, QuotaRule
from aigw_sansio.review import Released, Review, Stopped
from aigw_sansio.secret import Secret

Move: TypeAlias = tuple[int | str, int, int]

SIZES: Final = (1, 7, 64, 1 << 20)
WAITS: Final = (0.01, 1.0, 6.0, 31.0, 700.0)
KERNEL_BYTES: Final = 4096
HIGH: Final = 2000
MESSAGE: Final = 20_000
#: What clients offer to compress their messages.
OFFERS: Final = (
    None,
    "permessage-deflate; client_max_window_bits",
    None,
    "permessage-deflate; server_max_window_bits=9",
)
#: More functions than this no call calls.
MOST_CALLS: Final = 150_000
#: Few bytes that make much work: of a provider, behind gzip, and of a client.
BOMBS: Final = (
    b"data:\n\n" * 20_000, b"\n" * 150_000, b": x\n\n" * 20_000, (b":\n" * 4000 + b"\n") * 20, b'{"":[' + b"[[]]," * 2000,
)  # fmt: skip
DENSE: Final = (
    *(
        raw_frame(first, payload, masked=True) * count
        for first, payload, count in (
            (0x8A, b"", 6000), (0x89, b"", 3000), (0x81, b'{"type":"universal.ping"}', 2000), (0x81, b"x", 2000),
        )
    ),
    raw_frame(0x01, b"", masked=True) + raw_frame(0x00, b"", masked=True) * 4000 + raw_frame(0x80, b"", masked=True),
)  # fmt: skip
#: The most bytes of replies to what a dense client sent: all of a read is answered, and when the client is paused one more
#: read may be under way. 2,000 ``universal.pong`` of 27 bytes each.
REPLIES: Final = 2 * 2000 * 27
RETRIES: Final = 40.0  #: after so long all delays between attempts are over, and no clock of a silent peer has run out

CONFIG: Final = Config(
    gateways={
        "local/default": GatewaySettings(compression="stream", fetch_media=True),
        "local/asks": GatewaySettings(authentication=True, compression="messages"),
        "local/policy": GatewaySettings(
            ask=("admit", "find_key", "count"),
            rate_limit=QuotaRule(limit=5, window_s=60, id="rate"),
            rules=(QuotaRule(limit=100, window_s=600, id="tokens", measure="tokens"),),
            concurrency=4,
            cache_ttl=60,
            coalesce=True,
        ),
        "local/reviewed": GatewaySettings(ask=("review",), review_chunks=2),
    },
    providers={
        "custom-one": ProviderSettings(base_url="https://one.test", http2="off"),
        "custom-two": ProviderSettings(base_url="https://two.test", http2="auto"),
    },
    limits=Limits(
        message_bytes=MESSAGE,
        exchanges_per_connection=6,
        request_bytes_per_connection=5000,
        response_body_bytes=20_000,
        held_bytes=3000,
        buffered_response_bytes_per_connection=20_000,
        upstream_connections_per_origin=3,
        send_high_water_bytes=HIGH,
        early_bytes=2000,
        unusable_messages_in_a_row=5,
        chunk_bytes=10_000,
    ),
    timeouts=Timeouts(client_idle_s=3600.0, total_s=3000.0),
)


#: What the host may change while the world runs: settings of gateways, providers, timeouts and limits.
LATER: Final[tuple[dict[str, object], ...]] = (
    {},
    {"gateways": {"local/default": GatewaySettings(ask=("admit",), retry=Retry(max_attempts=2))}},
    {"gateways": {**CONFIG.gateways, "local/default": GatewaySettings(tokens=("canary",)), "a/b": GatewaySettings()}},
    {"providers": {"custom-two": CONFIG.providers["custom-two"]}, "timeouts": Timeouts(idle_s=20.0, session_s=900.0)},
    {"proxy": Secret("http://proxy.test:3128"), "emit_provider_events": True, "timeouts": Timeouts(ask_s=1.0)},
    {"limits": msgspec.structs.replace(CONFIG.limits, steps_per_request=1, upstream_connections_per_origin=1)},
)


def found_key(question: FindKey) -> Key:
    """What the host says about a key; the same each time."""
    return Key(Secret(f"sk-of-{question.provider}") if question.provider == "custom-one" else None)


def reviewed(review: Review, chance: int) -> Released | Stopped:
    """What the host says about a part of a response. Texts that it changes still say which chunk they are of."""
    if chance % 11 == 0:
        return Stopped()
    texts = [passage.text for passage in review.passages]
    if chance % 2 and sum(type(event) is TextDelta for event in review.events) == len(texts):
        return Released(tuple(f"{text}, reviewed" for text in texts))
    return Released()


class Pipe:
    """One connection: what is under way in each direction, and what the driver knows and has promised."""

    def __init__(self, conn: ConnId, caller: Caller | None) -> None:
        self.conn = conn
        self.caller = caller
        self.provider: Http1Provider | Http2Provider | None = None
        self.host = ""
        self.offered: tuple[str, ...] = ()
        self.servings: list[Serving] = []
        self.inbound = b""
        self.garbled = False  #: what is no HTTP is among it, or was
        self.dense = False  #: many messages in few bytes are among it, or were
        self.read = 0  #: bytes that the driver has read
        self.end: str | None = None  #: "eof" or "reset", behind ``inbound``
        self.end_told = False
        self.paused = False
        self.read_under_way = False  #: one read may still come after a pause
        self.writable = False
        self.unsent = b""  #: pulled, not taken by the kernel
        self.kernel = b""  #: taken, not read by the peer
        self.closing = False
        self.aborted = False
        self.dialled = caller is not None
        self.dialled_at = 0.0
        self.handshake = 0.0
        self.ended = False

    @property
    def live(self) -> bool:
        return not self.ended and not self.aborted

    def __repr__(self) -> str:
        return f"{'client' if self.caller else 'up'}#{self.conn}"


def _running(pipe: Pipe) -> list[Serving]:
    """What an HTTP/2 provider has not ended, and nobody has taken back."""
    if not isinstance(pipe.provider, Http2Provider):
        return []
    return [serving for serving in pipe.servings if serving.stream in pipe.provider.running]


class World:
    """``core`` and everything around it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.now = 1000.0
        self.pipes: dict[ConnId, Pipe] = {}
        self.asks: list[Ask] = []
        self.kept: dict[str, KeptResponse] = {}
        self.admitted: dict[str, str] = {}  #: event ids by log id
        self.ended: Counter[str] = Counter()
        self.failures: dict[str, list[bool]] = {}  #: by log id, of each attempt that has ended: whether it failed
        self.sessions: Counter[int] = Counter()
        self.trace: list[str] = []
        self.drained = False
        self.eager = False  #: pull and confirm while effects run
        self.ends_later: set[int] = set()  #: sessions whose last event may come after their close
        self._ids = 0
        self._executing = False
        self._resting = False
        self.work_is_left = False
        self.moves: tuple[Callable[[int, int], str | None], ...] = (
            self._new_client, self._new_client_with_stream, self._new_client_with_stream,
            self._send_create, self._send_create, self._send_odd, self._send_cancel,
            self._deliver, self._deliver, self._deliver, self._deliver_all, self._deliver_all,
            self._pull, self._confirm, self._confirm, self._peer_reads, self._flow_all, self._flow_all,
            self._dial, self._dial, self._dial_fails,
            self._head, self._head, self._chunk, self._chunk, self._chunk, self._finish, self._flood, self._tell_end, self._tell_end,
            self._provider_odd, self._lie, self._lie,
            self._peer_eof, self._peer_reset, self._answer, self._wait, self._wait, self._close_socket, self._toggle,
            self._running_stream, self._full_client, self._drain, self._share, self._share_in_trouble, self._quiet,
            self._proceed, self._proceed, self._bomb, self._dense, self._new_settings, self._host_cancels, self._host_closes,
        )  # fmt: skip

    # -- running -------------------------------------------------------------------------------------------------

    def move(self, move: Move) -> None:
        """One move and all laws."""
        what, who, much = move
        function = self.moves[what % len(self.moves)] if isinstance(what, int) else getattr(self, f"_{what}")
        self.trace.append(f'("{function.__name__[1:]}", {who}, {much}),  #')
        told = function(who, much)
        self.trace[-1] += f" {told}" if told else " -"
        self.check()

    def _step(self, name: str, *args: object) -> object:
        """The one way in: call, execute what comes of it."""
        result = getattr(self.core, name)(*args, self.now)
        self._execute()
        return result

    def _execute(self) -> None:
        if self._executing:
            return
        self._executing = True
        try:
            while effects := self.core.effects():
                for effect in effects:
                    self._effect(effect)
        finally:
            self._executing = False

    def _effect(self, effect: Effect) -> None:
        if isinstance(effect, Emit):
            self._event(effect.event)
            return
        if isinstance(effect, Continue):
            if self.work_is_left:
                raise LawBroken("Continue comes twice without a call of proceed between them")
            self.work_is_left = True
            return
        if isinstance(effect, Keep):
            self.kept[effect.key] = effect.response
            return
        if isinstance(effect, Ask):
            if effect.deadline <= self.now:
                raise LawBroken(f"{effect}: its deadline has passed")
            self.asks.append(effect)
            return
        pipe = self.pipes.get(effect.conn)
        if isinstance(effect, Connect):
            if pipe is not None:
                raise LawBroken(f"{effect}: the connection exists")
            pipe = self.pipes[effect.conn] = Pipe(effect.conn, None)
            pipe.offered, pipe.host = effect.alpn, effect.host
            pipe.dialled_at = self.now
            return
        if pipe is None:
            raise LawBroken(f"{effect}: no such connection")
        if pipe.ended:
            raise LawBroken(f"{effect}: the connection ended before")
        if isinstance(effect, Flush):
            if not pipe.dialled:
                raise LawBroken(f"{effect}: it is still dialled")
            pipe.writable = True
            if self.eager:
                self._pump(pipe)
        elif isinstance(effect, Close):
            if pipe.aborted or (pipe.closing and not effect.abort):
                raise LawBroken(f"{effect}: closed before")
            pipe.closing = pipe.writable = True
            pipe.aborted = effect.abort
        else:
            paused = isinstance(effect, PauseReading)
            if paused == pipe.paused:
                raise LawBroken(f"{effect}: it is so already")
            pipe.read_under_way = paused
            pipe.paused = paused

    def _event(self, event: object) -> None:
        name = type(event).__name__
        log_id = getattr(event, "log_id", "")
        session = getattr(event, "session", 0)
        if name == "RequestAdmitted":
            if log_id in self.admitted:
                raise LawBroken(f"{event}: admitted twice")
            self.admitted[log_id] = getattr(event, "event_id", "")
        elif isinstance(event, AttemptEnded):
            self.failures.setdefault(log_id, []).append(event.fault is not None)
        elif name == "ExchangeEnded":
            self.ended[log_id] += 1
            if self.ended[log_id] > 1 or log_id not in self.admitted:
                raise LawBroken(f"{event}: ended twice, or never admitted")
        elif name == "SessionOpened":
            self.sessions[session] += 1
        elif name == "SessionEnded":
            self.sessions[session] -= 1
            if self.sessions[session]:
                raise LawBroken(f"{event}: ended twice, or never opened")

    # -- laws ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """What holds after every move."""
        for pipe in self.pipes.values():
            if pipe.caller is not None and pipe.caller.complaint:
                raise LawBroken(f"{pipe}: {pipe.caller.complaint}")
            if pipe.caller is not None:
                for event_id in pipe.caller.done:
                    self._check_complete(pipe.caller, event_id)
                pipe.caller.done.clear()
                for event_id, kind, attempts in pipe.caller.last:
                    self._check_last(pipe.caller, event_id, kind, attempts)
                pipe.caller.last.clear()
        counts = self.core.snapshot()
        live = [pipe for pipe in self.pipes.values() if not pipe.ended]
        if counts["connections"] != len(live):
            raise LawBroken(f"the gateway counts {counts['connections']} connections, there are {live}")
        held = counts["send_buffer_bytes"]
        bound = sum(self.bound(pipe) for pipe in live)
        if held > bound:
            raise LawBroken(f"{held} bytes wait to be sent, bound is {bound}")
        if bool(counts["postponed"]) > self.work_is_left:
            raise LawBroken("work is left, and nobody was told")
        if not held and not counts["asks"] and not counts["postponed"] and not self.other_reason_to_pause():
            stuck = [pipe for pipe in live if pipe.paused and not pipe.closing and not pipe.end_told]
            if stuck:
                raise LawBroken(f"{stuck} are paused though nothing waits to be sent")
        open_exchanges = len(self.admitted) - len(self.ended)
        if counts["exchanges"] != open_exchanges:
            raise LawBroken(f"the gateway counts {counts['exchanges']} exchanges, events say {open_exchanges}")

    def check_quiet(self) -> None:
        """What holds while nothing is under way: each exchange has one answer running, and nobody else has any."""
        running = Counter(
            serving.event_id
            for pipe in self.pipes.values()
            if pipe.live and pipe.end is None
            for serving in _running(pipe)
            if not serving.terminated  # its exchange has ended, and its connection reads on
        )
        wanted = Counter(event_id for log_id, event_id in self.admitted.items() if not self.ended[log_id])
        for event_id, count in running.items():
            if count > max(wanted[event_id], 0):
                raise LawBroken(f"{count} answers to {event_id} are under way, {wanted[event_id]} are waited for")

    def check_rest(self) -> None:
        """What holds when all providers are through and all clients have read everything."""
        for pipe in self.pipes.values():
            if not pipe.live or pipe.end is not None:
                continue
            if isinstance(pipe.provider, Http2Provider) and pipe.provider.waiting:
                raise LawBroken(f"{pipe} gets no credit, though all clients read")
            if pipe.caller is not None and pipe.caller.open and (waiting := pipe.caller.waiting()):
                raise LawBroken(f"{pipe} still waits for the end of {waiting}")

    def bound(self, pipe: Pipe) -> int:
        """What may wait to be sent on ``pipe``."""
        if pipe.caller is None:
            return 8000 + 2 * HIGH
        return HIGH + 2 * MESSAGE + (REPLIES if pipe.dense else 0)

    def other_reason_to_pause(self) -> bool:
        """Whether reading may stand still though nothing waits to be sent."""
        return False

    def _check_complete(self, caller: Caller, event_id: str) -> None:
        """A stream that is done was ended by its provider, and all of it has come."""
        servings = [one for pipe in self.pipes.values() for one in pipe.servings if one.event_id == event_id]
        if any(one.spoilt for one in servings) or event_id in caller.reused:
            return
        got = caller.counts[event_id]
        if not any(one.finished and one.chunks == got for one in servings):
            raise LawBroken(
                f"{event_id} is done with {got} chunks, its provider sent {[one.chunks for one in servings]}"
            )

    def _check_last(self, caller: Caller, event_id: str, kind: str, attempts: int) -> None:
        """Every request that a provider has begun is counted; what has ended by its format ends well."""
        servings = [one for pipe in self.pipes.values() for one in pipe.servings if one.event_id == event_id]
        if event_id in caller.reused:
            return
        billed = sum(one.billed for one in servings)
        if billed > attempts:
            raise LawBroken(f"{event_id} was begun {billed} times, the client was told of {attempts} attempts")
        if kind == "error" and any(one.told_end and not one.spoilt for one in servings):
            raise LawBroken(f"{event_id} is an error, though its provider told its end")

    # -- choosing ------------------------------------------------------------------------------------------------

    def _pick(self, who: int, test: Callable[[Pipe], bool]) -> Pipe | None:
        found = [pipe for pipe in self.pipes.values() if not pipe.ended and test(pipe)]
        return found[who % len(found)] if found else None

    def _pick_serving(self, who: int, *phases: str) -> tuple[Pipe, Serving] | None:
        found = [
            (pipe, serving)
            for pipe in self.pipes.values()
            if pipe.live and pipe.end is None
            for serving in pipe.servings
            if serving.phase in phases
        ]
        return found[who % len(found)] if found else None

    # -- clients -------------------------------------------------------------------------------------------------

    def new_caller(self, who: int) -> tuple[Caller, str | None]:
        """Who connects, and what its TLS chose."""
        return Caller(), None

    def _new_client(self, who: int, much: int) -> str | None:
        if sum(1 for pipe in self.pipes.values() if pipe.caller is not None and not pipe.ended) >= 4:
            return None
        caller, alpn = self.new_caller(who)
        conn = self.core.open_downstream("192.0.2.1:1", alpn, self.now)
        pipe = self.pipes[conn] = Pipe(conn, caller)
        self._execute()
        path = "/v1/local/asks" if who % 4 == 3 else "/v1/local/policy" if who % 8 == 6 else "/v1/local/default"
        if who % 8 == 4:
            path = "/v1/local/reviewed"
        if who % 16 == 5:
            path = "/metrics"
        offer = OFFERS[much % len(OFFERS)]
        pipe.inbound += caller.ws.open(path, [] if offer is None else [("sec-websocket-extensions", offer)])
        return f"{pipe} {path} {offer or ''}".rstrip()

    def _new_client_with_stream(self, who: int, much: int) -> str | None:
        """Macro: a client whose first exchange streams already."""
        before = set(self.pipes)
        if self._new_client(who & 1, much) is None:
            return None
        (new,) = set(self.pipes) - before
        pipe = self.pipes[new]
        self._settle(pipe)
        if pipe.caller is None or not pipe.caller.open:
            return repr(pipe)
        self._create(pipe, who, much)
        self._settle(pipe)
        for up in list(self.pipes.values()):
            if up.caller is None and not up.dialled and not up.closing:
                self._connect(up, who)
            self._settle(up)
        for up in list(self.pipes.values()):
            for serving in up.servings:
                if serving.phase == "asked" and up.live and up.end is None:
                    self._answer_with(up, serving, "stream")
                    self._say(up, serving, 20)
            self._settle(up)
        self._settle(pipe)
        return repr(pipe)

    def _create(self, pipe: Pipe, who: int, much: int) -> str:
        assert pipe.caller is not None
        self._ids += 1
        event_id = f"e{self._ids}"
        pipe.inbound += pipe.caller.send(create_message(event_id, who, much), event_id)
        return event_id

    def _send_create(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda pipe: pipe.caller is not None and pipe.caller.open and pipe.end is None)
        if pipe is None:
            return None
        return f"{pipe} {self._create(pipe, who // 4, much)}"

    def _send_cancel(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.caller is not None and p.caller.open and p.end is None)
        if pipe is None or pipe.caller is None or not pipe.caller.phases:
            return None
        ids = sorted(pipe.caller.phases)
        event_id = ids[much % len(ids)]
        pipe.inbound += pipe.caller.ws.text(json.dumps({"type": "universal.cancel", "eventId": event_id}))
        return f"{pipe} {event_id}"

    def _send_odd(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.caller is not None and p.caller.open and p.end is None)
        if pipe is None or pipe.caller is None:
            return None
        told, data = pipe.caller.odd(much)
        pipe.inbound += data
        return f"{pipe} {told}"

    # -- bytes ---------------------------------------------------------------------------------------------------

    def _read(self, pipe: Pipe, size: int) -> bool:
        """The driver reads up to ``size`` bytes, or the end; whether anything moved."""
        if pipe.ended or pipe.aborted or pipe.end_told or not pipe.dialled:
            return False
        if pipe.end == "reset":
            pipe.end_told = True
            pipe.inbound = pipe.unsent = b""
            self._step("connection_lost", pipe.conn, "reset by peer")
            self._socket_closed(pipe)
            return True
        if pipe.paused and not pipe.read_under_way:
            return False
        pipe.read_under_way = False
        if pipe.inbound:
            size = min(size, 65536)
            data, pipe.inbound = pipe.inbound[:size], pipe.inbound[size:]
            pipe.read += len(data)
            self._step("receive_data", pipe.conn, data)
            return True
        if pipe.end == "eof":
            pipe.end_told = True
            self._step("receive_eof", pipe.conn)
            return True
        return False

    def _deliver(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: bool(p.inbound or p.end) and not p.aborted and p.dialled)
        return None if pipe is None else f"{pipe} {self._read(pipe, SIZES[much % 4])}"

    def _deliver_all(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: bool(p.inbound or p.end) and not p.aborted and p.dialled)
        if pipe is None:
            return None
        while self._read(pipe, SIZES[much % 4] if len(pipe.inbound) < 500 else 65536):
            pass
        return repr(pipe)

    def _pull_once(self, pipe: Pipe, limit: int = 65536) -> bool:
        if pipe.ended or pipe.aborted or not pipe.writable or pipe.unsent or not pipe.dialled:
            return False
        pipe.unsent = self.core.data_to_send(pipe.conn, limit)
        if len(pipe.unsent) > limit:
            raise LawBroken(f"{pipe}: pulled {len(pipe.unsent)} bytes of at most {limit}")
        if not pipe.unsent:
            pipe.writable = False
            if pipe.closing:
                self._socket_closed(pipe)
        return True

    def _take(self, pipe: Pipe, size: int) -> bool:
        """The kernel takes up to ``size`` of what was pulled."""
        taken = min(size, len(pipe.unsent), KERNEL_BYTES - len(pipe.kernel))
        if pipe.ended or pipe.aborted or taken <= 0:
            return False
        pipe.kernel += pipe.unsent[:taken]
        pipe.unsent = pipe.unsent[taken:]
        self._step("data_sent", pipe.conn, taken)
        return True

    def _pump(self, pipe: Pipe) -> None:
        while self._pull_once(pipe) and self._take(pipe, 1 << 20):
            if pipe.unsent:
                break

    def _pull(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.writable and not p.unsent and not p.aborted)
        return None if pipe is None else f"{pipe} {self._pull_once(pipe, (1, 100, 65536)[much % 3])}"

    def _confirm(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: bool(p.unsent) and not p.aborted)
        return None if pipe is None else f"{pipe} {self._take(pipe, SIZES[much % 4])}"

    def _peer_reads(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: bool(p.kernel))
        if pipe is None:
            return None
        size = SIZES[much % 4]
        data, pipe.kernel = pipe.kernel[:size], pipe.kernel[size:]
        self._arrive(pipe, data)
        return f"{pipe} {len(data)}"

    def _arrive(self, pipe: Pipe, data: bytes) -> None:
        if pipe.caller is not None:
            pipe.caller.receive(data)
            own = pipe.caller.ws.take()
        else:
            assert pipe.provider is not None
            for seen in pipe.provider.receive(data):
                if seen.line.startswith(("POST", "GET")):
                    known = seen.line.endswith("/chat/completions")
                    pipe.servings.append(Serving(seen.stream, seen.body or b"", self.now, known=known))
                elif seen.line.startswith("aborted"):
                    assert isinstance(pipe.provider, Http2Provider)
                    for serving in pipe.servings:
                        if serving.stream not in pipe.provider.running:
                            serving.phase = "over"
            own = pipe.provider.take()
        if own and pipe.end is None:
            pipe.inbound += own

    def _flow(self, pipe: Pipe) -> bool:
        """Everything moves from the gateway to the peer that can."""
        moved = False
        while not pipe.ended and not pipe.aborted:
            if pipe.kernel:
                data, pipe.kernel = pipe.kernel, b""
                self._arrive(pipe, data)
            elif not self._take(pipe, 1 << 20) and not self._pull_once(pipe):
                break
            moved = True
        if pipe.kernel and pipe.ended:
            data, pipe.kernel = pipe.kernel, b""
            self._arrive(pipe, data)
        return moved

    def _flow_all(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.writable or bool(p.unsent) or bool(p.kernel))
        return None if pipe is None else f"{pipe} {self._flow(pipe)}"

    def _settle(self, pipe: Pipe) -> None:
        moved = True
        while moved and not pipe.ended:
            moved = self._flow(pipe)
            moved = self._read(pipe, 65536) or moved
            moved = self._go_on_with_work() or moved

    # -- turns ---------------------------------------------------------------------------------------------------

    def _go_on_with_work(self) -> bool:
        """One ``proceed``, if work is left; whether it was."""
        if not self.work_is_left:
            return False
        self.work_is_left = False
        self._step("proceed")
        return True

    def _proceed(self, who: int, much: int) -> str | None:
        """A turn: each socket that is ready is served once, or the driver is hasty."""
        if not self.work_is_left:
            return None
        if much % 2:
            for pipe in list(self.pipes.values()):
                self._read(pipe, SIZES[who % 4])
        self._go_on_with_work()
        return "a turn"

    def _bomb(self, who: int, much: int) -> str | None:
        """Macro: a hostile provider. What it sends inflates to much more, of which nothing is shown."""
        found = self._pick_serving(who, "asked")
        if found is None:
            return None
        pipe, serving = found
        serving.spoilt = True
        body = gzip.compress(serving.chunk(10) + BOMBS[much % len(BOMBS)], mtime=0)
        fields = [("content-type", "text/event-stream"), ("content-encoding", "gzip")]
        serving.billed = True
        provider = pipe.provider
        if isinstance(provider, Http2Provider):
            with contextlib.suppress(h2.exceptions.ProtocolError):
                provider.send_head(serving.stream, 200, fields)
                provider.send_body(serving.stream, [body])
            pipe.inbound += provider.take()
        else:
            assert provider is not None
            pipe.inbound += provider.head(200, fields, "chunked") + provider.body(body)
        serving.phase = "bomb"
        return f"{pipe} {self._while_others_are_served(pipe, much)}"

    def _dense(self, who: int, much: int) -> str | None:
        """Macro: a hostile client. It sends many frames in few bytes."""
        pipe = self._pick(who, lambda p: p.caller is not None and p.caller.open and p.end is None and p.live)
        if pipe is None or pipe.caller is None:
            return None
        pipe.inbound += pipe.caller.ws.carry(DENSE[much % len(DENSE)])
        pipe.dense = True
        return f"{pipe} {self._while_others_are_served(pipe, much)}"

    def _while_others_are_served(self, hostile: Pipe, much: int) -> str:
        """What ``hostile`` sent is read, turn by turn. No call is long, and in every turn another client gets an
        answer, and its bytes are read at once."""
        core, turns, asked = self.core, 0, 0
        meter = Meter(core)
        self.core = meter  # type: ignore[assignment]
        try:
            while self._read(hostile, 65536) or self.work_is_left:
                asked += self._bystander_gets_an_answer(hostile, turns)
                if much & 16 and turns == 1:
                    break  # its end, or that of somebody else, may come while work is left
                turns += self._go_on_with_work()
                if turns > 1000:
                    raise LawBroken(f"{hostile} keeps the gateway at work")
        finally:
            self.core = core
        if not COMPILED and meter.most > MOST_CALLS:
            raise LawBroken(f"one call of {meter.where} called {meter.most} functions")
        return f"{turns} turns, {asked} answers to others"

    def _bystander_gets_an_answer(self, hostile: Pipe, who: int) -> bool:
        """Another client with nothing under way asks, and is answered in this turn. False if there is none."""
        pipe = self._pick(who, lambda p: p is not hostile and self.may_ask(p))
        if pipe is None or pipe.caller is None:
            return False
        before = pipe.caller.pongs
        pipe.inbound += pipe.caller.ask()
        self._read(pipe, 65536)
        self._flow(pipe)
        if pipe.caller.open and not pipe.closing and pipe.caller.pongs == before:
            raise LawBroken(f"{pipe} waits for more than a turn while work of {hostile} is left")
        return True

    def may_ask(self, pipe: Pipe) -> bool:
        """Whether a client has nothing under way that could keep an answer from it."""
        under_way = (
            pipe.inbound or pipe.unsent or pipe.kernel or pipe.paused or pipe.closing or pipe.end or pipe.writable
        )
        return pipe.caller is not None and pipe.caller.open and pipe.live and not under_way

    # -- ends ----------------------------------------------------------------------------------------------------

    def _socket_closed(self, pipe: Pipe) -> None:
        if not pipe.ended:
            pipe.ended = True
            self._step("closed", pipe.conn)

    def _close_socket(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.aborted or (p.closing and not p.dialled))
        if pipe is None:
            return None
        self._socket_closed(pipe)
        return repr(pipe)

    def _peer_eof(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.dialled and p.end is None)
        if pipe is None or much % 2:
            return None
        self._bill(pipe)
        pipe.end = "eof"
        return repr(pipe)

    def _peer_reset(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.dialled and p.end != "reset" and not p.end_told)
        if pipe is None or much % 2:
            return None
        self._reset(pipe)
        return repr(pipe)

    def _reset(self, pipe: Pipe) -> None:
        """The end overtakes what is under way."""
        self._bill(pipe)
        pipe.end = "reset"
        if pipe.inbound:
            for index, serving in enumerate(pipe.servings):
                begun = serving.begins is not None and pipe.read > serving.begins
                if index and self.now - serving.at <= pipe.handshake and not begun:
                    serving.billed = False

    def _bill(self, pipe: Pipe) -> None:
        """The provider goes in the middle of its work. The end can have crossed a request only on a kept connection,
        and within its handshake time."""
        for index, serving in enumerate(pipe.servings):
            if serving.phase == "asked" and (not index or self.now - serving.at > pipe.handshake):
                serving.billed = True

    # -- providers -----------------------------------------------------------------------------------------------

    def _connect(self, pipe: Pipe, much: int) -> str:
        alpn = pipe.offered[much % len(pipe.offered)] if pipe.offered else None
        pipe.provider = Http2Provider() if alpn == "h2" else self.new_provider(pipe)
        pipe.dialled = True
        pipe.handshake = self.now - pipe.dialled_at
        self._step("connected", pipe.conn, alpn)
        if pipe.live:
            pipe.writable = True
            pipe.inbound += pipe.provider.take()
        return f"{pipe} {alpn}"

    def new_provider(self, pipe: Pipe) -> Http1Provider:
        """Who answers at the other end of ``pipe`` over HTTP/1.1."""
        return Http1Provider()

    def _dial(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: not p.dialled and not p.closing)
        return None if pipe is None else self._connect(pipe, much)

    def _dial_fails(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: not p.dialled and not p.closing)
        if pipe is None:
            return None
        self._step("connect_failed", pipe.conn, "connection refused")
        self._socket_closed(pipe)
        return repr(pipe)

    def _put(self, pipe: Pipe, serving: Serving, data: bytes) -> None:
        if isinstance(pipe.provider, Http2Provider):
            try:
                pipe.provider.send_body(serving.stream, [data])
            except h2.exceptions.ProtocolError:
                serving.phase = "over"
            pipe.inbound += pipe.provider.take()
        else:
            assert pipe.provider is not None
            pipe.inbound += pipe.provider.body(data)

    def _answer_with(self, pipe: Pipe, serving: Serving, kind: str) -> None:
        status, headers, body = serving.answer(kind)
        self._send_whole(pipe, serving, status, headers, body)

    def _send_whole(self, pipe: Pipe, serving: Serving, status: int, headers: Headers, body: bytes | None) -> None:
        """A head, and all of its body; without one it is a stream."""
        serving.billed = True
        provider = pipe.provider
        assert provider is not None
        pipe.inbound += provider.take()
        serving.begins = pipe.read + len(pipe.inbound)
        if isinstance(provider, Http2Provider):
            try:
                provider.send_head(serving.stream, status, headers)
                if body is not None:
                    provider.send_body(serving.stream, [body, None])
            except h2.exceptions.ProtocolError:
                serving.phase = "over"
            pipe.inbound += provider.take()
        else:
            pipe.inbound += provider.head(status, headers, "chunked")
            if body is not None:
                pipe.inbound += provider.body(body) + provider.end()

    def _head(self, who: int, much: int) -> str | None:
        found = self._pick_serving(who, "asked")
        if found is None:
            return None
        kind = ("stream", "stream", "stream", "json", "500", "429", "404", "binary", "large", "wide")[much % 10]
        self._answer_with(*found, kind)
        return f"{found[0]} {found[1].event_id} {kind}"

    def _say(self, pipe: Pipe, serving: Serving, size: int) -> None:
        self._put(pipe, serving, serving.chunk(size))

    def _chunk(self, who: int, much: int) -> str | None:
        found = self._pick_serving(who, "stream")
        if found is None:
            return None
        self._say(*found, (0, 10, 200, 1500)[much % 4])
        return f"{found[0]} {found[1].event_id} {found[1].chunks}"

    def _flood(self, who: int, much: int) -> str | None:
        """Macro: far more than any limit lets wait."""
        found = self._pick_serving(who, "stream")
        if found is None:
            return None
        for _ in range(100):
            self._say(*found, 1500)
        return f"{found[0]} {found[1].event_id}"

    def _finish(self, who: int, much: int) -> str | None:
        found = self._pick_serving(who, "stream")
        if found is None:
            return None
        self._end(*found)
        return f"{found[0]} {found[1].event_id}"

    def _tell_end(self, who: int, much: int) -> str | None:
        """The format's own end: a terminator in some spelling, or a finish. The transport does what it likes."""
        found = self._pick_serving(who, "stream")
        if found is None:
            return None
        pipe, serving = found
        if much & 8:
            self._flow(pipe)  # what the gateway has taken back, it has taken back
            if serving.phase != "stream" or not pipe.live:
                return None
        if not serving.chunks:
            self._say(pipe, serving, 10)
        finish = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
        done = (b"data: [DONE]\n\n", b"data: [DONE] \n\n", b'data: "[DONE]"\n\n', finish, finish + b": ping\n\n")[
            who % (5 if serving.known else 3)  # a finish ends nothing in a format that is not known
        ]
        self._put(pipe, serving, done)
        serving.finished = True
        kept_back = pipe.provider.kept_back() if isinstance(pipe.provider, Http2Provider) else ()
        serving.terminated = True
        if much & 8 and serving.stream not in kept_back:  # else its end may never arrive
            while not pipe.paused and self._read(pipe, 65536):
                pass
            serving.told_end = not pipe.inbound and pipe.live
        how = ("ends", "stays open", "goes on", "eof", "reset", "floods")[much % 6]
        if how == "ends":
            self._end(pipe, serving)
        elif how == "eof" and len(pipe.servings) == 1:
            self._bill(pipe)
            pipe.end = how
        elif how == "reset" and len(pipe.servings) == 1 and not pipe.inbound:
            self._reset(pipe)
        elif how == "goes on" and finish not in done:
            self._put(pipe, serving, b'data: {"choices":[{"delta":{"content":"nobody:0:"}}]}\n\n')
        elif how == "floods":
            self._put(pipe, serving, b": ping\n\n" * 10_000)
        serving.phase = "over"
        return f"{pipe} {serving.event_id} {done!r} {how}"

    def _lie(self, who: int, much: int) -> str | None:
        """A response that is not what it looks like, all of it at once. What it is decides whether its attempt fails."""
        found = self._pick_serving(who, "asked")
        if found is None:
            return None
        pipe, serving = found
        lie = LIES[much % len(LIES)]
        self._flow(pipe)  # what the gateway has taken back, it has taken back
        logs = [log_id for log_id, event_id in self.admitted.items() if event_id == serving.event_id]
        if serving.phase != "asked" or not pipe.live or pipe.garbled or len(logs) != 1 or self.ended[logs[0]]:
            return None
        failures = self.failures.setdefault(logs[0], [])
        before = len(failures)
        end = "ends" if lie.asked and not serving.asked else lie.end
        if end == "ends":
            self._send_whole(pipe, serving, lie.status, lie.headers, serving.lie(lie))
        else:
            self._send_whole(pipe, serving, lie.status, lie.headers, None)
            self._put(pipe, serving, serving.lie(lie))
        if end == "breaks":
            self._break(pipe, serving)
        while not pipe.paused and self._read(pipe, 65536):
            pass
        told = f"{pipe} {serving.event_id} {lie.name}"
        if len(failures) == before:
            if isinstance(pipe.provider, Http1Provider) and pipe.live and not (pipe.paused or pipe.inbound or pipe.end):
                raise LawBroken(f"{told}: its attempt goes on")
        elif failures[before] == serving.tells_truth(lie):
            raise LawBroken(f"{told}: its attempt {'failed' if failures[before] else 'is a success'}")
        return told

    def _break(self, pipe: Pipe, serving: Serving) -> None:
        """The transport of a response ends in the middle of it."""
        if isinstance(pipe.provider, Http2Provider):
            with contextlib.suppress(h2.exceptions.ProtocolError):
                pipe.provider.reset_stream(serving.stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            pipe.inbound += pipe.provider.take()
        else:
            pipe.end = "eof"

    def _end(self, pipe: Pipe, serving: Serving) -> None:
        if serving.phase == "asked":
            self._answer_with(pipe, serving, "json")
        if serving.phase not in ("stream", "bomb"):
            return
        serving.phase = "over"
        serving.finished = True
        if isinstance(pipe.provider, Http2Provider):
            with contextlib.suppress(h2.exceptions.ProtocolError):
                pipe.provider.send_body(serving.stream, [None])
            pipe.inbound += pipe.provider.take()
        else:
            assert pipe.provider is not None
            pipe.inbound += pipe.provider.end()

    def _provider_odd(self, who: int, much: int) -> str | None:
        pipe = self._pick(who, lambda p: p.provider is not None and p.end is None and not p.aborted)
        if pipe is None:
            return None
        kinds = (
            "garbage",
            "interim",
            "comment",
            "error",
            "reset",
            "unasked",
            "goaway",
            "nothing",
            "forswear",
            "settings",
        )
        kind = kinds[much % len(kinds)]
        serving = next((one for one in pipe.servings if one.phase in ("stream", "asked")), None)
        if kind == "garbage":
            pipe.inbound += b"\x00\xffgarbage\r\n\r\n"
            pipe.garbled = True
            for one in pipe.servings:
                one.spoilt = True
        elif kind == "interim" and serving is not None and serving.phase == "asked" and not serving.stream:
            pipe.inbound += b"HTTP/1.1 103 Early Hints\r\n\r\n"
        elif kind == "comment" and serving is not None and serving.phase == "stream":
            self._put(pipe, serving, b": still here\n\n")
        elif kind == "error" and serving is not None and serving.phase == "stream":
            serving.spoilt = True
            self._put(pipe, serving, b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n')
        elif kind == "reset" and serving is not None and isinstance(pipe.provider, Http2Provider):
            serving.phase = "over"
            code = h2.errors.ErrorCodes.REFUSED_STREAM if much & 8 else h2.errors.ErrorCodes.INTERNAL_ERROR
            try:
                pipe.provider.reset_stream(serving.stream, code)
            except h2.exceptions.ProtocolError:
                return None
            pipe.inbound += pipe.provider.take()
        elif kind == "unasked" and isinstance(pipe.provider, Http1Provider) and serving is None:
            pipe.inbound += b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            pipe.end = "eof"
        elif kind == "goaway" and isinstance(pipe.provider, Http2Provider):
            pipe.provider.goaway(None)
            pipe.inbound += pipe.provider.take_raw()
        elif kind == "forswear" and isinstance(pipe.provider, Http2Provider) and pipe.provider.streams:
            self._forswear(pipe, pipe.provider, who)
        elif kind == "settings" and isinstance(pipe.provider, Http2Provider):
            self._settings(pipe, pipe.provider, (1, 2, 100)[who % 3], (0, 1000, 65535)[who // 3 % 3])
        else:
            return None
        return f"{pipe} {kind}"

    def _forswear(self, pipe: Pipe, provider: Http2Provider, who: int) -> None:
        """GOAWAY, which may leave out some that run."""
        provider.goaway(([0, *provider.streams])[who % (1 + len(provider.streams))])
        pipe.inbound += provider.take_raw()
        for one in pipe.servings:
            if one.stream > (provider.promised or 0):
                one.phase = "over"

    def _settings(self, pipe: Pipe, provider: Http2Provider, streams: int, window: int) -> None:
        provider.change({SettingCodes.MAX_CONCURRENT_STREAMS: streams, SettingCodes.INITIAL_WINDOW_SIZE: window})
        pipe.inbound += provider.take()

    def open_windows(self) -> None:
        """Whoever kept somebody from sending lets him go on."""
        for pipe in self.pipes.values():
            if isinstance(pipe.provider, Http2Provider) and pipe.end is None:
                self._settings(pipe, pipe.provider, 100, 65535)

    # -- macros --------------------------------------------------------------------------------------------------

    def _running_stream(self, who: int, much: int) -> str | None:
        """Macro: a stream goes a piece further, all the way to its client."""
        found = self._pick_serving(who, "asked", "stream")
        if found is None:
            return None
        pipe, serving = found
        if serving.phase == "asked":
            self._answer_with(pipe, serving, "stream")
        if serving.phase == "stream":
            self._say(pipe, serving, 50)
        self._settle(pipe)
        for other in list(self.pipes.values()):
            if other.caller is not None:
                self._settle(other)
        return f"{pipe} {serving.event_id}"

    def _full_client(self, who: int, much: int) -> str | None:
        """Macro: floods and reads on until the provider is held back."""
        found = self._pick_serving(who, "stream")
        if found is None:
            return None
        for _ in range(30):
            self._say(*found, 1500)
        while self._read(found[0], 1500):
            pass
        return f"{found[0]} paused={found[0].paused}"

    def _share(self, who: int, much: int) -> str | None:
        """Macro: several exchanges run on one HTTP/2 connection."""
        pipe = self._pick(who, lambda p: p.caller is not None and p.caller.open and p.end is None)
        if pipe is None:
            return None
        for _ in range(3):
            self._create(pipe, PROVIDERS.index("custom-two") + 12 * (who // 4), much)
        self._settle(pipe)
        for up in list(self.pipes.values()):
            if up.caller is None and not up.dialled and not up.closing:
                self._connect(up, 0)
            self._settle(up)
        return repr(pipe)

    def _share_in_trouble(self, who: int, much: int) -> str | None:
        """Macro: what happens to a connection happens to several."""
        told = self._share(who, much)
        pipe = self._pick(who, lambda p: p.live and p.end is None and len(_running(p)) > 1)
        if pipe is None or not isinstance(pipe.provider, Http2Provider):
            return told
        if much % 4 < 3:
            self._forswear(pipe, pipe.provider, who)
        else:
            self._settings(pipe, pipe.provider, len(_running(pipe)), 0)
            self._settle(pipe)
            self._share(who, much)
        return f"{pipe} {much % 4}"

    def _quiet(self, who: int, much: int) -> str:
        """Macro: all that is under way arrives, and the laws of such a moment hold."""
        self.quieten()
        self.check_quiet()
        return "quiet"

    # -- host and time -------------------------------------------------------------------------------------------

    def _answer(self, who: int, much: int) -> str | None:
        if not self.asks:
            return None
        ask = self.asks[who % len(self.asks)]
        if much % 4:  # otherwise it is answered again later, which must be ignored
            self.asks.remove(ask)
        if much % 8 == 1:
            self._step("answer", ask.id, Unavailable())
        elif isinstance(ask.question, Authenticate):
            self._step("answer", AskId(ask.id), Authenticated(allowed=much % 3 != 0))
        elif isinstance(ask.question, Admit):
            denied = Denied(429, retry_after_s=float(who % 9))
            self._step("answer", AskId(ask.id), denied if much % 3 == 0 else Admitted())
        elif isinstance(ask.question, FindKey):
            self._step("answer", AskId(ask.id), found_key(ask.question))
        elif isinstance(ask.question, LookUp):
            found = self.kept.get(ask.question.key)
            self._step("answer", AskId(ask.id), Miss() if found is None or much % 3 == 0 else Hit(found))
        elif isinstance(ask.question, Count):
            self._step("answer", ask.id, Counted(0, float(who % 9)) if much % 3 == 0 else Counted())
        elif isinstance(ask.question, FetchMedia):
            kind = ("text/plain", "application/pdf", "image/png")[much % 3]
            self._step("answer", AskId(ask.id), FetchedMedia(b"m" * (0, 9, 900, 5000)[much % 4], kind))
        elif isinstance(ask.question, Review):
            self._step("answer", AskId(ask.id), reviewed(ask.question, much))
        else:
            self._step("answer", AskId(ask.id), Metrics(body=b"up 1\n"))
        return f"#{ask.id}"

    def _drain(self, who: int, much: int) -> str | None:
        """Rare: it ends most of what could still happen."""
        if much % 16 or self.drained:
            return None
        self.drained = True
        self._step("drain")
        return "going away"

    def adapted(self, config: Config) -> Config:
        """``config`` as this world needs it."""
        return config

    def _new_settings(self, who: int, much: int) -> str:
        changes = LATER[much % len(LATER)]
        self._step("reconfigure", self.adapted(msgspec.structs.replace(CONFIG, **changes)))
        return f"{', '.join(changes) or 'as at first'}"

    def _host_cancels(self, who: int, much: int) -> str | None:
        """An exchange, which may have ended."""
        if not self.admitted:
            return None
        log_id = list(self.admitted)[-1 - who % min(8, len(self.admitted))]
        ran = not self.ended[log_id]
        if self._step("cancel_exchange", log_id) is not ran or (ran and not self.ended[log_id]):
            raise LawBroken(f"the host cancels {log_id}, and it {'runs' if ran else 'has ended'}")
        return self.admitted[log_id]

    def _host_closes(self, who: int, much: int) -> str | None:
        """Rare: a session, which may have ended."""
        if not self.sessions or much % 4:
            return None
        session = list(self.sessions)[who % len(self.sessions)]
        was_open = bool(self.sessions[session])
        closed = self._step("close_session", session, (1000, 1008, 4001)[who % 3], "the host closes it")
        if ((closed and not was_open) or self.sessions[session]) and session not in self.ends_later:
            raise LawBroken(f"the host closes session {session}, which is {'open' if was_open else 'over'}: {closed}")
        return str(session)

    def _wait(self, who: int, much: int) -> str:
        seconds = WAITS[much % len(WAITS)]
        self._pass(seconds)
        return f"{seconds} s"

    def _pass(self, seconds: float) -> None:
        target = self.now + seconds
        for _ in range(10_000):
            deadline = self.core.next_timeout()
            if deadline is None or deadline > target:
                self.now = target
                return
            self.now = max(self.now, deadline)
            self._step("handle_timeout")
            following = self.core.next_timeout()
            if following is not None and following <= self.now:
                raise LawBroken(f"next_timeout() is {following} after handle_timeout({self.now})")
            if self._resting:
                self._rest()
        raise LawBroken("the gateway keeps asking for timeouts")

    def _toggle(self, who: int, much: int) -> str:
        self.eager = not self.eager
        return f"eager={self.eager}"

    # -- the end -------------------------------------------------------------------------------------------------

    def quieten(self) -> None:
        """Everything that is under way arrives; nobody begins anything."""
        moved = True
        while moved:
            moved = False
            for pipe in list(self.pipes.values()):
                if pipe.dialled and not pipe.ended:
                    moved = self._flow(pipe) or moved
                    moved = self._read(pipe, 65536) or moved
            moved = self._go_on_with_work() or moved

    def _rest(self) -> None:
        """Everything that is under way arrives; providers finish what they began; dials succeed."""
        for _ in range(1000):
            moved = False
            for pipe in list(self.pipes.values()):
                if pipe.ended:
                    continue
                if pipe.aborted or (pipe.closing and not pipe.dialled):
                    self._socket_closed(pipe)
                    moved = True
                elif not pipe.dialled:
                    self._connect(pipe, 0)
                    moved = True
                moved = self._flow(pipe) or moved
                moved = self._read(pipe, 65536) or moved
                if pipe.end is None and pipe.live:
                    for serving in pipe.servings:
                        if serving.phase in ("asked", "stream", "bomb"):
                            self._end(pipe, serving)
                            moved = True
            moved = self._go_on_with_work() or moved
            if not moved:
                return
        raise LawBroken("the world does not come to rest")

    def finish(self) -> None:
        """Come to rest: who is still there has got its last message. Then all leave, and nothing is left."""
        self.trace.append("quiet")
        self.quieten()
        self.check()
        self.check_quiet()
        self.open_windows()
        self.trace.append("rest")
        self._resting = True
        for seconds in (0.0, RETRIES, 700.0):
            self._pass(seconds)
            self._rest()
            self.check()
            if seconds:
                self.check_rest()
        if self.work_is_left:
            raise LawBroken("work is left though the world is at rest")
        if len(self.admitted) != len(self.ended):
            raise LawBroken("exchanges go on though the world is at rest")
        self.trace.append("leave")
        for pipe in list(self.pipes.values()):
            if pipe.caller is not None and not pipe.ended:
                pipe.end = "reset"
                self._read(pipe, 1)
        self._rest()
        for _ in range(1000):
            deadline = self.core.next_timeout()
            if deadline is None:
                break
            self._pass(max(deadline - self.now, 0.0) + 0.001)
            self._rest()
        else:
            raise LawBroken("deadlines go on without a client")
        left = {name: count for name, count in self.core.snapshot().items() if count}
        if left:
            raise LawBroken(f"left behind: {left}")
        opened = {session: count for session, count in self.sessions.items() if count}
        if opened:
            raise LawBroken(f"sessions without an end: {opened}")


def make_core(config: Config) -> Core:
    from aigw_sansio.gateway import Gateway

    return Gateway(config, b"a seed for worlds", 1_700_000_000.0, TRANSLATES)


def run(moves: Sequence[Move], make: Callable[[Config], Core] = make_core, kind: type[World] = World) -> World:
    """A whole world. What it breaks is raised with the trace of its moves."""
    with living_objects() as living:
        world = kind(make(CONFIG))
        at_first = living()
        try:
            for move in moves:
                world.move(move)
            world.finish()
            left = living() - at_first
            if left:
                raise LawBroken(f"what has ended is not gone: {dict(left)}")
        except Exception as broken:
            broken.add_note("moves:\n  " + "\n  ".join(world.trace))
            raise
    return world


def random_moves(seed: int) -> list[Move]:
    chance = random.Random(seed)
    return [
        (chance.randrange(256), chance.randrange(256), chance.randrange(256))
        for _ in range(chance.choice((20, 60, 200)))
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="random worlds")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--once", action="store_true", help="only this seed")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed = options.seed
    while True:
        moves = random_moves(seed)
        try:
            run(moves)
        except Exception as broken:
            print(f"seed {seed}: {type(broken).__name__}: {broken}")
            smaller = shrink(moves, type(broken), str(broken)[:40])
            print(f"{len(moves)} moves, {len(smaller)} after shrinking: {smaller}")
            run(smaller)  # raises, with the trace
            return 1
        seed += 1
        if options.once or time.monotonic() > until:
            print(f"{seed - options.seed} worlds, nothing found")
            return 0


def shrink(moves: list[Move], kind: type[BaseException], text: str) -> list[Move]:
    """Fewer moves that fail in the same way."""

    def fails(candidate: list[Move]) -> bool:
        try:
            run(candidate)
        except Exception as broken:
            return type(broken) is kind and str(broken)[:12] == text[:12]
        return False

    size = max(1, len(moves) // 2)
    while size:
        at = 0
        while at < len(moves):
            candidate = moves[:at] + moves[at + size :]
            if fails(candidate):
                moves = candidate
            else:
                at += size
        size //= 2
    return moves


if __name__ == "__main__":
    sys.exit(main())
