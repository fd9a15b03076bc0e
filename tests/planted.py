"""Faults planted in the core on purpose, one at a time: would the tests find them?

``python -m tests.planted`` plants each in a process of its own, runs the transcripts and then random worlds, and says
what found it; ``python -m tests.planted 7`` plants the one of that number, ``--json`` says each as a line of JSON. A
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

SOURCE = Path(__file__).parent.parent / "src" / "aigw_sansio"
WORLDS = 300  # nine times what the longest search takes
HANG_SECONDS = 60.0
AT_ONCE = 2
BEFOREHAND = ("h2.connection", "msgspec", "pytest", "websockets.speedups", "wsproto")


class Planted(NamedTuple):
    """``old`` becomes ``new`` in ``module``."""

    name: str
    module: str
    old: str
    new: str


FAULTS: list[Planted] = [
    Planted(
        "timers fire late", "timers", "deadline <= now:", "deadline < now:"
    ),  # hangs: so it comes first, beside the others
    Planted(
        "the first-byte timer goes on after the head",
        "attempt",
        "        self._first_byte_timer.disarm()\n        self._engine.emit(AttemptFirstByte",
        "        self._engine.emit(AttemptFirstByte",
    ),
    Planted(
        "bytes of the provider do not move the idle timer",
        "attempt",
        "        if not hold:\n            self._idle_timer.arm(now + self._idle_s)\n",
        "",
    ),
    Planted(
        "the idle timer goes on while the client holds the provider back",
        "attempt",
        "            self._first_byte_timer.disarm()\n            self._idle_timer.disarm()\n            if self._leg is not None:\n",
        "            if self._leg is not None:\n",
    ),
    Planted(
        "the last resort has a first-byte timer, too",
        "exchange",
        "        last = policy.attempts > 1 and",
        "        last = False and policy.attempts > 1 and",
    ),
    Planted(
        "everything is retried",
        "exchange",
        "if self._tries < policy.attempts and fault.retryable:",
        "if self._tries < policy.attempts:",
    ),
    Planted(
        "retry-after is not looked at", "exchange", "delay = max(delay, retry_after_s(", "max(delay, retry_after_s("
    ),
    Planted("tries are counted over all steps", "exchange", "            self._tries = 0\n", ""),
    Planted("an error answer is forgotten", "exchange", "            self._last_answer = shown\n", ""),
    Planted(
        "chunks held of a failed attempt go to the client",
        "exchange",
        "            self._attempt = None\n        self._held_messages, self._held_bytes = [], 0\n",
        "            self._attempt = None\n",
    ),
    Planted(
        "the leg goes on when an exchange ends",
        "attempt",
        "            leg.upstream.cancel(leg, now)\n",
        "            pass\n",
    ),
    Planted(
        "an answered stream is sent again",
        "upstream",
        "again = (event.unprocessed or lost) and not leg.touched and",
        "again = (event.unprocessed or lost) and",
    ),
    Planted(
        "a connection that dies in reuse is not replaced",
        "upstream",
        "        lost = leg.reach != ",
        "        lost = False and leg.reach != ",
    ),
    Planted(
        "a held connection stays paused when its leg is over",
        "upstream",
        "        if leg.held and not self.multiplexed:\n            self.resume_reading()\n",
        "        if leg.held and not self.multiplexed:\n            pass\n",
    ),
    Planted(
        "credit kept back is never given",
        "upstream",
        "            owed, leg.owed = leg.owed, 0\n            self.wire.consume(leg.stream, owed)\n",
        "            owed, leg.owed = leg.owed, 0\n",
    ),
    Planted(
        "credit is given though the client is slow",
        "upstream",
        "                    if leg.held:\n",
        "                    if False and leg.held:\n",
    ),
    Planted(
        "pongs pile up for a client that does not read",
        "channel",
        "            self._hold(_CONTROL)\n",
        "            pass\n",
    ),
    Planted(
        "a dial that nobody wants goes on",
        "pool",
        "                dial.close(now, abort=True)\n                self._drop(pool, dial)\n",
        "                pass\n",
    ),
    Planted(
        "one connection more than allowed",
        "pool",
        "    if total - len(expired) < limit:\n",
        "    if total - len(expired) <= limit:\n",
    ),
    Planted(
        "who waits for a connection waits for ever",
        "pool",
        "            leg.timer.arm(now + (leg.connect_timeout_s if shareable else config.timeouts.pool_wait_s))\n",
        "            pass\n",
    ),
    Planted(
        "the connect timer goes on after the dial",
        "pool",
        "        if timer is not None:\n            timer.retire()\n",
        "",
    ),
    Planted("frames behind the request are lost", "downstream", "        if early:\n", "        if False and early:\n"),
    Planted(
        "who says nothing may stay",
        "downstream",
        "        self._handshake_timer.arm(now + engine.config.timeouts.handshake_s)\n",
        "",
    ),
    Planted(
        "a missing pong is not missed",
        "channel",
        "            self._pong_timer.arm(now + self._engine.config.timeouts.pong_s)\n",
        "            pass\n",
    ),
    Planted(
        "who does not answer our close is waited for",
        "channel",
        "        self.finish_timer.arm(now + self._engine.config.timeouts.close_s)\n",
        "",
    ),
    Planted("one exchange more than allowed", "session", "if busy >= limits.exch", "if busy > limits.exch"),
    Planted(
        "a provider held back is not let go",
        "turns",
        "                exchange.release_queue(now)\n",
        "                pass\n",
    ),
    Planted(
        "what runs for a client outlives it",
        "session",
        '            exchange.cancel("gone", by, fault, now)\n',
        "            pass\n",
    ),
    Planted(
        "the other side of a relay is never let go",
        "relay_hop",
        "                self.other._release_hold(now)\n",
        "                pass\n",
    ),
    Planted(
        "a relay holds nobody back",
        "relay_hop",
        "            self._held = True\n            self.pipe.pause_reading()\n",
        "            pass\n",
    ),
    Planted(
        "a relay's side that does not answer a close is waited for",
        "relay_hop",
        "        self._finish_timer.arm(now + self._close_s)\n",
        "",
    ),
    Planted(
        "a missing pong is not missed in a relay",
        "relay_hop",
        "                self._pong_timer.arm(now + self._pong_s)\n",
        "                pass\n",
    ),
    Planted(
        "the peer's close stays behind what was held back",
        "relay_hop",
        "            self.pipe.resume_reading()  # the peer's",
        "            pass  # the peer's",
    ),
    Planted("500 is not retried", "retry", "status >= 500", "status > 500"),
    Planted("linear delays do not grow", "policy", '"linear": n,', '"linear": 1,'),
    Planted("confirmed bytes still count", "buffers", "        self.size -= n\n", ""),
    Planted(
        "what is sent refers to messages that the client has forgotten",
        "wires.deflate",
        "            if self._deflate_takeover:\n                self._deflater = deflater\n",
        "            self._deflater = deflater\n",
    ),
    Planted(
        "what inflates beyond the limit is taken",
        "wires.deflate",
        "return inflated if self._inflated <= self._limit else",
        "return inflated if True else",
    ),
    # HTTP/2, both ways
    Planted(
        "an HTTP/2 connection's credit is not given back",
        "wires.h2_link",
        "                    if credit < low:\n",
        "                    if False and credit < low:\n",
    ),
    Planted(
        "an HTTP/2 stream's credit is not given back",
        "wires.h2_link",
        "            if owed >= self._quantum:\n",
        "            if False and owed >= self._quantum:\n",
    ),
    Planted(
        "the provider is not told of a cancel over HTTP/2",
        "wires.http2",
        "            self._reset(state, wire.CANCEL)\n            self._forget(state)\n",
        "            self._forget(state)\n",
    ),
    Planted(
        "the last stream that a GOAWAY promises counts as refused",
        "wires.http2",
        "            if stream.number > last_stream:\n",
        "            if stream.number >= last_stream:\n",
    ),
    Planted(
        "the first stream above a GOAWAY's last is waited for",
        "wires.http2",
        "            if stream.number > last_stream:\n",
        "            if stream.number > last_stream + 2:\n",
    ),
    Planted(
        "a refused stream is not tried elsewhere",
        "wires.http2",
        "unprocessed=refused)",
        "unprocessed=False)",
    ),
    Planted(
        "a stream whose window opens again does not go on",
        "wires.h2_outlet",
        "        if not stream.ready and stream.queued:\n            stream.ready = True\n",
        "        if not stream.ready and stream.queued:\n            return\n",
    ),
    Planted(
        "a larger INITIAL_WINDOW_SIZE wakes nobody",
        "wires.h2_link",
        "        for stream in self._streams.values():\n            self._outlet.wake(stream)\n",
        "",
    ),
    Planted(
        "a stream that has more to send loses its turn",
        "wires.h2_outlet",
        "            if stream.queued:\n                ready.append(stream)\n            else:\n",
        "            if not stream.queued:\n",
    ),
    Planted(
        "the connection's window is sent beyond",
        "wires.h2_outlet",
        "            conn.outbound_flow_control_window -= len(data)\n",
        "",
    ),
    Planted(
        "one stream more than the provider takes",
        "wires.http2",
        "min(self._max_streams, limit) - len(self._streams))",
        "min(self._max_streams, limit + 1) - len(self._streams))",
    ),
    Planted(
        "what waits for a stream goes on with its connection alone",
        "stream_pipe",
        "            if self._owed or self._ended:\n                self._link.engine.afterwards(self._go_on)\n",
        "            pass\n",
    ),
    Planted(
        "a socket's confirmed bytes stay outstanding over HTTP/2",
        "stream_pipe",
        "        self.outstanding -= n\n        if self.outstanding and",
        "        if self.outstanding and",
    ),
    Planted(
        "one socket that does not read keeps all from being read",
        "stream_pipe",
        "            self._paused = True\n",
        "            self._paused = True\n            self._link.pause_reading()  # type: ignore[attr-defined]\n",
    ),
]


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, fault: Planted) -> None:
        super().__init__(fullname, path)
        self._fault = fault

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        text = Path(self.path).read_text(encoding="utf-8")
        assert text.count(self._fault.old) == 1, f"{self._fault.name}: matches {text.count(self._fault.old)} times"
        return compile(text.replace(self._fault.old, self._fault.new), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, fault: Planted) -> None:
        self._fault = fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != f"aigw_sansio.{self._fault.module}":
            return None
        file = SOURCE / (self._fault.module.replace(".", "/") + ".py")
        return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, str(file), self._fault))


def hunt(fault: Planted | None) -> str | None:
    """What finds ``fault``, in this process, which must not have imported the core yet."""
    if fault is not None:
        assert not [name for name in sys.modules if name.startswith("aigw_sansio")], "the core is imported already"
        sys.meta_path.insert(0, _Finder(fault))
    from tests.test_transcripts import CUTS, FILES, gateway
    from tests.transcripts_of import runs

    for path, cuts, http in runs(FILES, CUTS[:1]):
        from tests.harness import check

        _not_hanging()
        try:
            check(path, gateway, cuts, http, accept=False)
        except Exception as found:
            return f"{path.stem} ({http}): {type(found).__name__}"
    from tests import world_h2
    from tests.world import random_moves, run
    from tests.world_relay import RelayWorld, relay_moves

    for seed in range(WORLDS):
        _not_hanging()
        try:
            run(random_moves(seed))
            run(relay_moves(seed), kind=RelayWorld)
            world_h2.run(random_moves(seed))
        except Exception as found:
            return f"world, seed {seed}: {type(found).__name__}: {str(found)[:80]}"
    return None


def _not_hanging() -> None:
    """Set the alarm anew, where there is one: a search that takes long is not one that hangs."""
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)


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
            kind, said = ("found", "hangs") if code == -signal.SIGALRM else ("broken", f"ended with status {code}")
        yield Hunt(number, said if kind == "found" else None, said, time.monotonic() - began)


def _hunt_alone(number: int, writing: int) -> NoReturn:
    """The whole life of a forked process. Where it hangs, its alarm ends it, whatever became of its parent."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    sys.stdout = sys.stderr
    try:
        found = hunt(FAULTS[number])
        said = f"found {found}" if found else "missed NOT FOUND"
    except BaseException:
        said = f"broken {traceback.format_exc()[-2000:]}"
    os.write(writing, said.encode())
    os._exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description="Plant faults, and see them found.")
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
