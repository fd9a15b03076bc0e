"""The demonstration: a gateway, the built-in provider, one socket, several requests at once.

Decides: the requests, and the record of them. Must not know: how it is shown (:mod:`.universal_view`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Literal, Protocol

import anyio
import msgspec

from aigw_sansio import AttemptConnected, AttemptEnded, AttemptFirstByte, AttemptStarted, Event, RequestAdmitted

from ...client import Client, Step, StepConfig
from ...server.serve import DriverName, running
from ...server.settings import ServerSettings, Settings

Wire = Literal["client", "provider"]
_PATH = "/v1/local/default"


@dataclass
class Lane:
    """One request and its progress. Times are milliseconds since the demonstration began."""

    name: str
    title: str
    state: str = "waiting"
    text: str = ""
    chunks: int = 0
    sent_ms: float = 0.0
    first_ms: float | None = None
    end_ms: float | None = None
    status: int | None = None
    step: str = ""
    attempts: int = 0
    reach: str = ""
    saved_ms: float = 0.0
    cancel_after: int | None = None  #: so many chunks; then the client cancels

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.end_ms is None


@dataclass
class Line:
    """One line: something passed a wire."""

    at_ms: float
    wire: Wire
    outward: bool  #: away from the client
    lane: str
    text: str
    repeat: int = 0  #: number of earlier lines of this kind in this lane


class View(Protocol):
    """Shows a demonstration while it runs."""

    def line(self, line: Line) -> None:
        """Something passed a wire."""

    def changed(self) -> None:
        """A lane changed."""


@dataclass
class Demonstration:
    """Everything that can be shown."""

    lanes: dict[str, Lane] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    url: str = ""
    handshake_ms: float = 0.0


def _chat(prompt: str, *, stream: bool, **loopback: object) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "loopback-1", "stream": stream, "messages": messages, "loopback": loopback}


def _step(query: dict[str, object], endpoint: str = "chat/completions") -> Step:
    return Step("loopback", endpoint, query)


def _scenario() -> list[tuple[Lane, list[Step]]]:
    """The requests that run at once."""
    claude = _chat("Why is the sky blue?", stream=True, chunks=22, chunk_delay_ms=60) | {"max_tokens": 256}
    retried = _chat("Try, try again", stream=True, fail_times=2, key="demo", chunks=10, chunk_delay_ms=60)
    broken = _chat("Who answers?", stream=True, status=500)
    second = _chat("Who answers?", stream=True, chunks=12, chunk_delay_ms=60)
    story = _chat("Tell me a story", stream=True, first_chunk_delay_ms=120, chunks=28, chunk_delay_ms=50)
    endless = _chat("Go on", stream=True, chunks=400, chunk_delay_ms=50)
    retries = StepConfig(maxAttempts=3, retryDelay=250, backoff="constant")
    return [
        (Lane("story", "a streamed answer"), [_step(story)]),
        (Lane("claude", "another format, streamed"), [_step(claude, "messages")]),
        (Lane("whole", "a whole answer"), [_step(_chat("Say it in one go", stream=False, delay_ms=300))]),
        (Lane("retry", "fails twice, third attempt answers"), [replace(_step(retried), config=retries)]),
        (Lane("fallback", "first step fails, second answers"), [_step(broken), _step(second)]),
        (Lane("cancel", "cancelled in mid-stream", cancel_after=8), [_step(endless)]),
    ]


async def demonstrate(view_for: Callable[["Demonstration"], View], *, driver: DriverName = "anyio") -> Demonstration:
    """Run the demonstration to its end. ``view_for(demonstration)`` makes the view that shows it."""
    demo = Demonstration()
    view = view_for(demo)
    recorder = _Recorder(demo, view)
    settings = Settings(server=ServerSettings(port=0))
    async with running(settings, driver=driver, loopback=True, on_event=recorder.event) as gateway:
        demo.url = gateway.url + _PATH
        began = perf_counter()
        async with Client(demo.url, on_message=recorder.passed) as client:
            demo.handshake_ms = (perf_counter() - began) * 1000
            recorder.note("client", "", f"opened one WebSocket in {demo.handshake_ms:.1f} ms", outward=True)
            async with anyio.create_task_group() as tasks:
                for lane, steps in _scenario():
                    tasks.start_soon(recorder.run, client, lane, steps)
            again = Lane("again", "the same socket, the same connection to the provider")
            story = _chat("Tell me a story", stream=True, first_chunk_delay_ms=120, chunks=6, chunk_delay_ms=30)
            await recorder.run(client, again, [_step(story)])
    return demo


class _Recorder:
    """Records what passes each wire."""

    def __init__(self, demo: Demonstration, view: View) -> None:
        self._demo = demo
        self._view = view
        self._began = perf_counter()
        self._lane_of: dict[str, str] = {}  # by log id

    @property
    def now_ms(self) -> float:
        return (perf_counter() - self._began) * 1000

    def note(self, wire: Wire, lane: str, text: str, *, outward: bool, repeat: int = 0) -> None:
        """Record a line; ``outward`` is away from the client."""
        line = Line(self.now_ms, wire, outward=outward, lane=lane, text=text, repeat=repeat)
        self._demo.lines.append(line)
        self._view.line(line)

    async def run(self, client: Client, lane: Lane, steps: list[Step]) -> None:
        """One request, to its end. What passes the socket meanwhile is recorded by :meth:`passed`."""
        self._demo.lanes[lane.name] = lane
        first, *fallback = steps
        async with client.stream(
            first.provider,
            first.endpoint,
            first.query,
            mode="raw",
            config=first.config,
            fallback=fallback,
            event_id=lane.name,
        ) as stream:
            async for _ in stream:
                if lane.cancel_after is not None and lane.chunks >= lane.cancel_after:
                    stream.cancel()

    def passed(self, way: Literal["sent", "received"], text: str) -> None:
        """A message passed the client's socket."""
        message = msgspec.json.decode(text)
        if way == "received":
            self._take(message, len(text))
            self._view.changed()
            return
        kind, lane = message["type"], self._demo.lanes[message["eventId"]]
        if kind == "universal.create":
            lane.sent_ms = self.now_ms
            request = message["request"]
            steps = f", {len(request)} steps" if len(request) > 1 else ""
            kind = f"{kind} {request[0]['endpoint']}{steps} ({len(text)} bytes)"
        self.note("client", lane.name, kind, outward=True)

    def _take(self, message: dict[str, Any], size: int) -> None:
        metadata = message["metadata"]
        lane = self._demo.lanes[metadata["eventId"]]
        kind = message["type"].removeprefix("universal.")
        now = self.now_ms
        if "status" in metadata:
            lane.status, lane.attempts, lane.step = metadata["status"], metadata["attempts"], metadata["step"]
        if kind == "stream":
            delta = _text_of(message["response"])
            if delta and lane.first_ms is None:
                lane.first_ms = now
            lane.text += delta
            self.note("client", lane.name, f"universal.stream {delta!r}", outward=False, repeat=lane.chunks)
            lane.chunks += 1
            lane.state = "streaming"
            return
        self.note("client", lane.name, f"universal.{kind} ({size} bytes)", outward=False)
        if kind == "created" and "response" not in message:
            lane.state = "committed"
            return
        if kind == "created":
            lane.first_ms = now
            lane.text = _text_of(message["response"])
        lane.end_ms = now
        lane.state = kind if kind != "created" else "whole"

    def event(self, event: Event) -> None:
        """An event of the gateway, about the provider's side."""
        match event:
            case RequestAdmitted():
                self._lane_of[event.log_id] = event.event_id
            case AttemptStarted():
                text = f"POST {event.target} (attempt {event.attempt}, step {event.step})"
                self.note("provider", self._lane_of[event.log_id], text, outward=True)
            case AttemptConnected():
                lane = self._demo.lanes[self._lane_of[event.log_id]]
                ms = event.handshake_s * 1000
                lane.reach = event.reach
                lane.saved_ms = 0.0 if event.reach == "dialled" else ms
                cost = f"dialled in {ms:.2f} ms" if event.reach == "dialled" else f"{event.reach}: {ms:.2f} ms saved"
                self.note("provider", lane.name, f"connection #{event.conn}, {cost}", outward=True)
            case AttemptFirstByte():
                text = f"{event.status} after {event.after_s * 1000:.1f} ms"
                self.note("provider", self._lane_of[event.log_id], text, outward=False)
            case AttemptEnded() if event.fault is not None:
                text = f"attempt over: {event.fault.detail}"
                self.note("provider", self._lane_of[event.log_id], text, outward=False)


def _text_of(response: Any) -> str:
    """The text in a chunk or answer of the loopback provider, in any of its formats."""
    if not isinstance(response, dict):
        return ""
    if response.get("choices"):
        choice = response["choices"][0]
        return str((choice.get("delta") or choice.get("message") or {}).get("content") or "")
    return str((response.get("delta") or {}).get("text") or "")
