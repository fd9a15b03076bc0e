"""Faults planted in the core on purpose, one at a time: would the tests find them?

``python -m tests.world.mutants`` plants each in a process of its own, runs the transcripts and then random worlds, and says
what found it; ``python -m tests.world.mutants 7`` plants the one of that number, ``--json`` says each as a line of JSON. A
fault is an edit of one module's text that must match exactly once; nothing on disk is changed.

The processes are forked from one that has imported everything but the core, so each imports the core by itself.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

SOURCE = Path(__file__).parents[2] / "src" / "aigw_sansio"
WORLDS = 300  # eight times what the longest search takes
HANG_SECONDS = 10.0  # of its own CPU time; a check takes less than a tenth of it
AT_ONCE = 2
BEFOREHAND = ("h2.connection", "msgspec", "pytest", "websockets.speedups", "wsproto")


class Mutant(NamedTuple):
    """``old`` becomes ``new`` in ``module``."""

    name: str
    module: str
    old: str
    new: str


FAULTS: list[Mutant] = [
    Mutant(
        "timers fire late", "engine.timers", "deadline <= now:", "deadline < now:"
    ),  # hangs: so it comes first, beside the others
    Mutant(
        "the first-byte timer goes on after the head",
        "exchanges.attempt",
        "        self._first_byte_timer.cancel()\n        self.times = self.times.with_head(now)",
        "        self.times = self.times.with_head(now)",
    ),
    Mutant(
        "bytes of the provider do not move the idle timer",
        "exchanges.attempt",
        "            self._idle_timer.arm(now + self._idle_s)\n            if self._turns.left",
        "            if self._turns.left",
    ),
    Mutant(
        "the idle timer goes on while the client holds the provider back",
        "exchanges.attempt",
        "            self._first_byte_timer.cancel()\n            self._idle_timer.cancel()\n            self._grace_timer.cancel()\n",
        "            self._grace_timer.cancel()\n",
    ),
    Mutant(
        "the last resort has a first-byte timer, too",
        "exchanges.exchange",
        "        last = policy.attempts > 1 and",
        "        last = False and policy.attempts > 1 and",
    ),
    Mutant(
        "everything is retried",
        "exchanges.exchange",
        "if again and self._may_repeat:",
        "if self._may_repeat:",
    ),
    Mutant("steps are not counted", "dialects.universal.decode", "if len(steps) > most:", "if len(steps) > 2 * most:"),
    Mutant(
        "retry-after is not looked at",
        "exchanges.retry",
        "    wait_s = max(wait_s, retry_after_s(",
        "    max(wait_s, retry_after_s(",
    ),
    Mutant("tries are counted over all steps", "exchanges.exchange", "            self._tries = 0\n", ""),
    Mutant(
        "an error answer is forgotten",
        "exchanges.exchange",
        "            self._last_response = rejection.final\n",
        "            pass\n",
    ),
    Mutant(
        "uncommitted messages of a failed attempt go to the client",
        "exchanges.exchange",
        "            self._attempt = None\n        self._uncommitted, self._uncommitted_bytes = [], 0\n",
        "            self._attempt = None\n",
    ),
    Mutant(
        "the call goes on when an exchange ends",
        "exchanges.attempt",
        "            call.cancel(now)\n",
        "            pass\n",
    ),
    # turns
    Mutant(
        "one call reads all of a bomb",
        "exchanges.attempt",
        "            if self._turns.left <= 0:\n                self._postpone()\n                self._note_buffered(response, now)\n                return\n",
        "",
    ),
    Mutant(
        "frames that give no event cost nothing",
        "engine.backlog",
        "        turns.left = min(turns.left, left - PORTION_COST)\n",
        "",
    ),
    Mutant("an owner with work left is not called again", "engine.turns", "                worker.proceed(now)\n", ""),
    # the money rules
    Mutant(
        "an answered request is sent again",
        "upstream.resend",
        "    if answered:\n        return False\n",
        "",
    ),
    Mutant(
        "a request is sent again however late its connection ends",
        "upstream.resend",
        "    return kept and sent_since_s <= handshake_s\n",
        "    return kept\n",
    ),
    Mutant(
        "a request is sent again though the connection was dialled for it",
        "upstream.resend",
        "    return kept and sent_since_s <= handshake_s\n",
        "    return sent_since_s <= handshake_s\n",
    ),
    Mutant(
        "a request that GOAWAY covers is sent again",
        "upstream.resend",
        "    if failed.processed or failed.fault",
        "    if failed.fault",
    ),
    Mutant(
        "any reset stream is sent again",
        "upstream.resend",
        "    if failed.processed or failed.fault.kind is not FaultKind.CONNECTION_LOST:\n        return False\n",
        "",
    ),
    Mutant(
        "a connection that dies in reuse is not replaced",
        "upstream.resend",
        "    return kept and sent_since_s <= handshake_s\n",
        "    return False\n",
    ),
    Mutant(
        "a refused stream is not replaced",
        "upstream.resend",
        "    if failed.unprocessed or failed.needs_http1:\n",
        "    if failed.needs_http1:\n",
    ),
    Mutant(
        "a busy connection counts as one that was kept idle",
        "upstream.connection",
        '            kept=call.reach == "reused",\n',
        '            kept=call.reach != "dialled",\n',
    ),
    Mutant(
        "a request of which a part was taken is a failed attempt",
        "upstream.resend",
        "        return not stalled\n",
        "        return False\n",
    ),
    Mutant(
        "what a connection that takes nothing carries goes to the next one like it",
        "upstream.resend",
        "        return not stalled\n",
        "        return True\n",
    ),
    Mutant(
        "a request whose last byte was taken counts as a part of one",
        "upstream.connection",
        "            sent_since_s=now - call.sent_at if call.sent else None,\n",
        "            sent_since_s=None,\n",
    ),
    Mutant(
        "a part of a response over HTTP/2 is none",
        "wires.http2.client",
        "            self._note_cut()\n",
        "",
    ),
    Mutant(
        "a part of a response over HTTP/1.1 is none",
        "upstream.connection",
        "                call.response_started = True\n                call.handler.response_activity(now)\n            if not",
        "                call.handler.response_activity(now)\n            if not",
    ),
    Mutant(
        "a demand for HTTP/1.1 is a failed attempt",
        "upstream.resend",
        "    if failed.unprocessed or failed.needs_http1:\n",
        "    if failed.unprocessed:\n",
    ),
    Mutant(
        "a request is sent again for ever",
        "upstream.connection",
        "        again = call.replacements < _MAX_REPLACEMENTS and",
        "        again =",
    ),
    Mutant(
        "a second attempt is not counted",
        "exchanges.exchange",
        "        self._attempts += 1\n",
        "        self._attempts = self._step + 1\n",
    ),
    Mutant(
        "an error inside of a 2xx is tried again, whatever its class",
        "formats.error_classes",
        "    return error_class in _RETRIED\n",
        "    return True\n",
    ),
    Mutant(
        "a provider that says that it is no use is asked again",
        "exchanges.retry",
        "fault.retryable if told is None else told",
        "fault.retryable",
    ),
    Mutant(
        "who asks for more than 5 s is tried again",
        "exchanges.retry",
        " and wait_s <= MAX_RETRY_AFTER_S, wait_s",
        ", wait_s",
    ),
    # the commit
    Mutant(
        "a chunk that a known format does not define commits",
        "formats.classify",
        "(type(event) is Unrecognised and event.opaque)",
        "type(event) is Unrecognised",
    ),
    Mutant(
        "every chunk commits",
        "exchanges.exchange",
        "            if weight is CONTENT or",
        "            if True or",
    ),
    Mutant(
        "an error as the first content is shown",
        "exchanges.exchange",
        "            if weight is ERROR:",
        "            if False and weight is ERROR:",
    ),
    Mutant(
        "a whole 2xx that is an error is a success",
        "exchanges.rejection",
        "    if refused is not None:\n",
        "    if False and refused is not None:\n",
    ),
    Mutant(
        "a stream with nothing in it is a success",
        "exchanges.exchange",
        "            if (failed := response.failure(events)) is not None:\n",
        "            if False and (failed := response.failure(events)) is not None:\n",
    ),
    Mutant(
        "a whole document in a stream is always an error",
        "formats.base",
        '        if name != "error" and any_error(value) is None:\n',
        "        if False and any_error(value) is None:\n",
    ),
    Mutant(
        "of a cancelled exchange the events have no end",
        "exchanges.exchange",
        "[*last, *self._encoder.cancelled(",
        "[*self._encoder.cancelled(",
    ),
    Mutant(
        "a stream that says nothing of its format has no end",
        "exchanges.response",
        "        if self.known and not self._finished and not self._failed:",
        "        if False and not self._finished and not self._failed:",
    ),
    # usage
    Mutant(
        "usage is lost with its stream",
        "exchanges.exchange",
        "        failed = self._encoder.failed(response, fault, self._progress(now), usage)\n",
        "        failed = self._encoder.failed(response, fault, self._progress(now), None)\n",
    ),
    Mutant(
        "usage is lost with a cancel",
        "exchanges.exchange",
        "self._encoder.cancelled(response, self._progress(now), usage)",
        "self._encoder.cancelled(response, self._progress(now), None)",
    ),
    Mutant(
        "usage without the format's own end is final",
        "exchanges.response",
        "complete=self.complete and not self._failed",
        "complete=True",
    ),
    Mutant(
        "a count of usage may fall",
        "formats.totals",
        "after is None or (before is not None and before > after)",
        "after is None",
    ),
    # the ends
    Mutant(
        "the terminator ends nothing",
        "exchanges.response",
        "        return self._done or self._reader.terminated\n",
        "        return False\n",
    ),
    Mutant(
        "a finish without an end is waited for",
        "exchanges.attempt",
        "            self._grace_timer = self._services.timers.arm(self._grace_timer, self._on_grace_over, deadline)\n",
        "            pass\n",
    ),
    Mutant(
        "a break behind a finish is a failure",
        "exchanges.attempt",
        "        if self.ended_well:\n",
        "        if False and self.ended_well:\n",
    ),
    Mutant(
        "the rest of a response is read for ever",
        "upstream.remainder",
        "            self._timer = services.timers.arm(NO_TIMER, self._on_timeout, now + services.config.timeouts.read_on_s)\n",
        "            pass\n",
    ),
    Mutant(
        "a paused connection stays paused when its call is over",
        "upstream.connection",
        "        if call.paused and not self.multiplexed:\n            self.resume_reading()\n",
        "        if call.paused and not self.multiplexed:\n            pass\n",
    ),
    Mutant(
        "credit kept back is never given",
        "upstream.connection",
        "            credit, call.withheld_credit = call.withheld_credit, 0\n            self.wire.consume(call.stream, credit)\n",
        "            credit, call.withheld_credit = call.withheld_credit, 0\n",
    ),
    Mutant(
        "credit is given though the client is slow",
        "upstream.connection",
        "                    if call.paused:\n",
        "                    if False and call.paused:\n",
    ),
    Mutant(
        "pongs pile up for a client that does not read",
        "downstream.websocket",
        "            self._pause(_PAUSED_BY_CONTROL)\n",
        "            pass\n",
    ),
    Mutant(
        "a dial that nobody wants goes on",
        "upstream.pool",
        "            else:\n                dial.close(now, abort=True)\n                pool.remove(dial.conn)\n",
        "            else:\n                pass\n",
    ),
    Mutant(
        "who waits for a connection waits for ever",
        "upstream.pool",
        "            call.timer.arm(now + (call.connect_timeout_s if pool.shareable_dial else config.timeouts.pool_wait_s))\n",
        "            pass\n",
    ),
    Mutant(
        "the connect timer goes on after the dial",
        "upstream.pool",
        "        if timer is not None:\n            timer.close()\n",
        "",
    ),
    Mutant(
        "frames behind the request are lost", "downstream.http1", "        if early:\n", "        if False and early:\n"
    ),
    Mutant(
        "who says nothing may stay",
        "downstream.http1",
        "        self._handshake_timer.arm(now + services.config.timeouts.handshake_s)\n",
        "",
    ),
    Mutant(
        "a missing pong is not missed",
        "engine.keepalive",
        "            self._pong_timer.arm(now + self._pong_s)\n",
        "            pass\n",
    ),
    Mutant(
        "who does not answer our close is waited for",
        "downstream.websocket",
        "        self._finish_timer.arm(now + self._services.config.timeouts.close_s)\n",
        "",
    ),
    Mutant("one exchange more than allowed", "sessions.client_limits", "if busy >= most or", "if busy > most or"),
    Mutant(
        "a paused provider is never resumed",
        "sessions.scheduler",
        "                exchange.resume_after_queue(now)\n",
        "                pass\n",
    ),
    Mutant(
        "what runs for a client outlives it",
        "sessions.session",
        '            exchange.cancel("gone", by, fault, now)\n',
        "            pass\n",
    ),
    Mutant(
        "the other side of a relay is never resumed",
        "realtime.direction",
        "            self.resume(now)\n\n    def squeeze",
        "            pass\n\n    def squeeze",
    ),
    Mutant(
        "a relay pauses nobody",
        "realtime.direction",
        "            self.paused = self.waits = True\n            if not self.held:\n                self.source.pause_reading()\n",
        "            pass\n",
    ),
    Mutant(
        "a relay's side that does not answer a close is waited for",
        "realtime.side",
        "        self._finish_timer.arm(now + self._close_s)\n\n    def wait_for_rest",
        "\n    def wait_for_rest",
    ),
    Mutant(
        "an ended relay has one deadline, whatever its peers take",
        "realtime.side",
        "            self._finish_timer.arm(now + self._close_s)\n        if not outstanding:",
        "            pass\n        if not outstanding:",
    ),
    Mutant(
        "a closed pipe has one deadline, whatever its peer takes",
        "engine.connection",
        "            self._arm_close(now)  # counts from the last progress\n",
        "            pass\n",
    ),
    Mutant(
        "a client that ended its direction gets nothing more",
        "realtime.relay",
        "passing=half_closed)",
        "passing=False)",
    ),
    Mutant(
        "a record counts what was not delivered",
        "realtime.side",
        "return messages - lost_messages, size - lost_size",
        "return messages, size",
    ),
    Mutant(
        "a peer that answers a ping is dead all the same",
        "engine.keepalive",
        "        self.awaiting = False\n        self._pong_timer.cancel()\n",
        "        self.awaiting = False\n",
    ),
    Mutant(
        "the peer's close stays behind bytes that are not read",
        "realtime.side",
        "            self._inbound.resume(now)  # the peer's",
        "            pass  # the peer's",
    ),
    Mutant("500 is not retried", "exchanges.retry", "status >= 500", "status > 500"),
    Mutant("linear delays do not grow", "exchanges.policy", '"linear": n,', '"linear": 1,'),
    Mutant("confirmed bytes still count", "engine.send_buffer", "size = self.size - n\n", "size = self.size\n"),
    Mutant(
        "what is sent refers to messages that the client has forgotten",
        "wires.websocket.deflate",
        "            if self._deflate_takeover:\n                self._deflater = deflater\n",
        "            self._deflater = deflater\n",
    ),
    Mutant(
        "what inflates beyond the limit is taken",
        "wires.websocket.deflate",
        "return inflated if self._inflated <= self._limit else",
        "return inflated if True else",
    ),
    Mutant(
        "chunks are shown before they are released",
        "exchanges.reviewed",
        "        if not data and is_silent(items):",
        "        if True:",
    ),
    Mutant(
        "what nobody has reviewed is released",
        "exchanges.reviewed",
        "        if not isinstance(answer, Released):\n",
        "        if False:\n",
    ),
    Mutant(
        "the provider is read on during a review",
        "exchanges.reviewed",
        "            return\n        self._pause(PAUSED_BY_REVIEW)\n",
        "            return\n",
    ),
    Mutant(
        "a text that was changed is repeated",
        "formats.rewriting",
        '            shown = "".join(told.shown)\n',
        '            shown = "".join(told.old)\n',
    ),
    Mutant(
        "the provider's close overtakes what is reviewed",
        "realtime.reviewed_side",
        "        elif isinstance(event, CloseReceived | Violation) and self._held:",
        "        elif False:",
    ),
    Mutant(
        "a message is passed on before it is released",
        "realtime.reviewed_side",
        "        elif not self._held:\n",
        "        elif True:\n",
    ),
    # HTTP/2, both ways
    Mutant(
        "an HTTP/2 connection's credit is not given back",
        "wires.http2.connection",
        "                    if credit < low:\n",
        "                    if False and credit < low:\n",
    ),
    Mutant(
        "an HTTP/2 stream's credit is not given back",
        "wires.http2.connection",
        "            if credit_due >= self._quantum:\n",
        "            if False and credit_due >= self._quantum:\n",
    ),
    Mutant(
        "the provider is not told of a cancel over HTTP/2",
        "wires.http2.client",
        "            self._reset(state, wire.CANCEL)\n            self._forget(state)\n",
        "            self._forget(state)\n",
    ),
    Mutant(
        "the last stream that a GOAWAY promises counts as refused",
        "wires.http2.client",
        "            if stream.number > last_stream:\n",
        "            if stream.number >= last_stream:\n",
    ),
    Mutant(
        "the first stream above a GOAWAY's last is waited for",
        "wires.http2.client",
        "            if stream.number > last_stream:\n",
        "            if stream.number > last_stream + 2:\n",
    ),
    Mutant(
        "a refused stream is not tried elsewhere",
        "wires.http2.client",
        "unprocessed=refused, ",
        "unprocessed=False, ",
    ),
    Mutant(
        "a stream whose window opens again does not go on",
        "wires.http2.frame_writer",
        "        if not stream.ready and stream.queued:\n            stream.ready = True\n",
        "        if not stream.ready and stream.queued:\n            return\n",
    ),
    Mutant(
        "a larger INITIAL_WINDOW_SIZE wakes nobody",
        "wires.http2.connection",
        "        for stream in self._streams.values():\n            self._writer.wake(stream)\n",
        "",
    ),
    Mutant(
        "a stream that has more to send loses its turn",
        "wires.http2.frame_writer",
        "            if stream.queued:\n                ready.append(stream)\n            else:\n",
        "            if not stream.queued:\n",
    ),
    Mutant(
        "the connection's window is sent beyond",
        "wires.http2.frame_writer",
        "            conn.outbound_flow_control_window -= len(data)\n",
        "",
    ),
    Mutant(
        "one stream more than the provider takes",
        "wires.http2.client",
        "min(self._max_streams, self._h2.remote_settings.max_concurrent_streams)",
        "min(self._max_streams, self._h2.remote_settings.max_concurrent_streams + 1)",
    ),
    Mutant(
        "what waits for a stream goes on with its connection alone",
        "downstream.http2_stream",
        "            if self._withheld_credit or self._eof_pending:\n                self._owner.services.defer(self._deliver)\n",
        "            pass\n",
    ),
    Mutant(
        "a socket's confirmed bytes stay outstanding over HTTP/2",
        "downstream.http2_stream",
        "        self.outstanding -= n\n        if self.outstanding and",
        "        if self.outstanding and",
    ),
    Mutant(
        "one socket that does not read keeps all from being read",
        "downstream.http2_stream",
        "            self._paused = True\n",
        "            self._paused = True\n            self._owner.pause_reading()  # type: ignore[attr-defined]\n",
    ),
    Mutant(
        "a session that has ended and its channel keep each other alive",
        "downstream.websocket",
        "owner, self._owner = self._owner, NO_OWNER",
        "owner = self._owner",
    ),
    Mutant(
        "the pool keeps what a drain has closed",
        "upstream.pool",
        "                pool.remove(upstream.conn)\n            self._remove_if_empty(pool)\n",
        "",
    ),
    Mutant(
        "the reader of a remainder keeps its call",
        "upstream.remainder",
        "        self._cancel = _nothing\n",
        "",
    ),
    Mutant(
        "a relay keeps its sides, and they keep it",
        "realtime.side",
        "        self._owner = _NO_RELAY\n",
        "        pass\n",
    ),
    Mutant(
        "a host that takes no messages holds no provider back",
        "realtime.message_sides",
        "                self._to_client.pause()",
        "                pass",
    ),
    Mutant(
        "a provider is not told that a client without bytes closed",
        "realtime.message_sides",
        "            self._owner.side_ended(self, now, code=code, reason=reason, cause=CloseCause.CLOSED)\n",
        "            pass\n",
    ),
    Mutant(
        "a client without bytes is not told that its provider closed",
        "realtime.message_sides",
        "            self._client.close_messages(_NORMAL if frame.code is None else frame.code, frame.reason, now)\n",
        "            pass\n",
    ),
    Mutant(
        "nobody hears that a host took messages",
        "downstream.messages",
        "            self._receiver.taken(now)",
        "            pass",
    ),
    Mutant(
        "a client without bytes keeps its session",
        "downstream.messages",
        "receiver, self._receiver = self._receiver, None",
        "receiver = self._receiver",
    ),
]


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, fault: Mutant) -> None:
        super().__init__(fullname, path)
        self._fault = fault

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        text = Path(self.path).read_text(encoding="utf-8")
        assert text.count(self._fault.old) == 1, f"{self._fault.name}: matches {text.count(self._fault.old)} times"
        return compile(text.replace(self._fault.old, self._fault.new), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, fault: Mutant) -> None:
        self._fault = fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != f"aigw_sansio.{self._fault.module}":
            return None
        file = SOURCE / (self._fault.module.replace(".", "/") + ".py")
        return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, str(file), self._fault))


def hunt(fault: Mutant | None) -> str | None:
    """What finds ``fault``, in this process, which must not have imported the core yet."""
    if fault is not None:
        assert not [name for name in sys.modules if name.startswith("aigw_sansio")], "the core is imported already"
        sys.meta_path.insert(0, _Finder(fault))
    from tests.transcripts.transcripts_of import CUTS, FILES, gateway, runs

    for path, cuts, http in runs(FILES, CUTS[:1]):
        from tests.transcripts.runner import check

        _not_hanging()
        try:
            check(path, gateway, cuts, http, accept=False)
        except Exception as found:
            return f"{path.stem} ({http}): {type(found).__name__}"
    from tests.world import h2 as world_h2
    from tests.world.hosted import HostedRelayWorld, hosted
    from tests.world.relay import RelayWorld, relay_moves
    from tests.world.world import random_moves, run

    for seed in range(WORLDS):
        _not_hanging()
        try:
            run(random_moves(seed))
            run(relay_moves(seed), kind=RelayWorld)
            world_h2.run(random_moves(seed))
            run(random_moves(seed), hosted)
            run(relay_moves(seed), hosted, HostedRelayWorld)
        except Exception as found:
            return f"world, seed {seed}: {type(found).__name__}: {str(found)[:80]}"
    return None


def _not_hanging() -> None:
    """Set the alarm anew, where there is one: a search that takes long is not one that hangs."""
    if signal.getitimer(signal.ITIMER_PROF)[0]:
        signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)


class Hunt(NamedTuple):
    """What found fault ``number``."""

    number: int
    found: str | None
    said: str
    seconds: float


def hunts(chosen: Iterable[int]) -> Iterator[Hunt]:
    """Hunt the faults of these numbers, in the order in which the hunts end."""
    for name in BEFOREHAND:
        importlib.import_module(name)
    running: dict[int, tuple[int, int, float]] = {}
    numbers = iter(chosen)
    while True:
        while len(running) < AT_ONCE and (number := next(numbers, None)) is not None:
            reading, writing = os.pipe()
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                _hunt_alone(number, writing)
            os.close(writing)
            running[pid] = number, reading, time.monotonic()
        if not running:
            return
        pid, status = os.wait()
        number, reading, began = running.pop(pid)
        with open(reading, encoding="utf-8") as pipe:
            kind, _, said = pipe.read().partition(" ")
        if not kind:
            code = os.waitstatus_to_exitcode(status)
            kind, said = ("found", "hangs") if code == -signal.SIGPROF else ("broken", f"ended with status {code}")
        yield Hunt(number, said if kind == "found" else None, said, time.monotonic() - began)


def _hunt_alone(number: int, writing: int) -> NoReturn:
    """The whole life of a forked process. Where it hangs, its alarm ends it, whatever became of its parent."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
    sys.stdout = sys.stderr
    try:
        found = hunt(FAULTS[number])
        said = f"found {found}" if found else "missed NOT FOUND"
    except BaseException:
        said = f"broken {traceback.format_exc()[-2000:]}"
    os.write(writing, said.encode())
    os._exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.world.mutants", description="Plant faults, and see them found."
    )
    every = range(len(FAULTS))
    parser.add_argument("numbers", nargs="*", type=int, metavar=f"0..{every[-1]}", help="which; all, if none is named")
    parser.add_argument("--json", action="store_true", help="a JSON object for each")
    arguments = parser.parse_args()
    if wrong := [number for number in arguments.numbers if number not in every]:
        parser.error(f"there is no fault {wrong[0]}; the faults are numbered 0 to {every[-1]}")
    chosen = arguments.numbers or every
    count = 0
    for done in hunts(chosen):
        count += done.found is not None
        if arguments.json:
            print(json.dumps(done._asdict()), flush=True)
        else:
            fault = FAULTS[done.number]
            print(f"{fault.module}: {fault.name}\n    {done.seconds:.1f} s  {done.said}", flush=True)
    if not arguments.json:
        print(f"{count} of {len(chosen)} found")
    return 0 if count == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
