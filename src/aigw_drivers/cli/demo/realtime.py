"""The demonstration of a realtime session: a user asks, the built-in provider's voice answers, all through the gateway.

Decides: the conversation, and the record of it on both hops. Must not know: how it is shown (:mod:`.realtime_view`).
"""

from array import array
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from sys import byteorder
from time import perf_counter
from typing import Any, Final, Literal, Protocol

import anyio
import msgspec

from aigw_sansio import Event, ProviderSettings, SessionEnded

from ...client import WebSocketClient, connect
from ...loopback import LoopbackProvider
from ...loopback.tone import RATE, speak
from ...server.serve import DriverName, running
from ...server.settings import ServerSettings, Settings

Hop = Literal["client", "provider"]

_PATH: Final = "/v1/local/default/loopback/realtime?model=loopback-voice&loopback_chunks=26&loopback_chunk_delay_ms=90"
#: Samples of audio in one level of the meter.
_WINDOW: Final = RATE // 50
#: The user interrupts after so many words.
_WORDS_BEFORE_BARGE_IN: Final = 7


@dataclass
class HopLine:
    """One message on one hop."""

    at_ms: float
    hop: Hop
    outward: bool  #: away from the client
    opcode: str
    size: int
    kind: str
    repeat: int = 0  #: number of earlier messages of this kind on this hop in this turn


@dataclass
class Turn:
    """One question and its answer. Times are milliseconds since the demonstration began."""

    question: str
    state: str = "asked"
    transcript: str = ""
    words: int = 0
    audio_bytes: int = 0
    levels: list[float] = field(default_factory=list)  #: loudness of each 20 ms of the answer, 0 to 1
    asked_ms: float = 0.0
    first_audio_ms: float | None = None
    cut_ms: float | None = None
    end_ms: float | None = None
    usage: dict[str, Any] = field(default_factory=dict)


@dataclass
class Conversation:
    """Everything that can be shown."""

    turns: list[Turn] = field(default_factory=list)
    lines: list[HopLine] = field(default_factory=list)
    handshake_ms: float = 0.0
    ended: SessionEnded | None = None


class RealtimeView(Protocol):
    """Shows a conversation while it runs."""

    def line(self, line: HopLine) -> None:
        """A message passed a hop."""

    def turn(self, turn: Turn) -> None:
        """A question was asked."""

    def changed(self) -> None:
        """A turn changed."""


async def converse(view_for: Callable[[Conversation], RealtimeView], *, driver: DriverName = "anyio") -> Conversation:
    """Run the demonstration to its end. ``view_for(conversation)`` makes the view that shows it."""
    conversation = Conversation()
    recorder = _Recorder(conversation, view_for(conversation))
    async with LoopbackProvider.start() as provider:
        provider.on_message = recorder.passed_provider
        own = ProviderSettings(realtime_url=provider.base_url.replace("http", "ws", 1))
        settings = Settings(server=ServerSettings(port=0))
        config = msgspec.structs.replace(settings.config, providers={"loopback": own}, emit_provider_events=True)
        settings = msgspec.structs.replace(settings, config=config)
        async with running(settings, driver=driver, on_event=recorder.event) as gateway:
            began = perf_counter()
            async with connect(gateway.url + _PATH) as socket:
                conversation.handshake_ms = (perf_counter() - began) * 1000
                await recorder.run(socket)
            with anyio.move_on_after(60):
                await recorder.over.wait()
    return conversation


class _Recorder:
    """Speaks for the user, and records the messages of each hop."""

    def __init__(self, conversation: Conversation, view: RealtimeView) -> None:
        self._conversation = conversation
        self._view = view
        self._began = perf_counter()
        self._counts: dict[tuple[Hop, str], int] = {}
        self.over = anyio.Event()

    async def run(self, socket: WebSocketClient) -> None:
        """The whole conversation."""
        await self._until(socket, "session.created")
        await self._say(socket, {"type": "session.update", "session": {"instructions": "Answer aloud."}})
        await self._until(socket, "session.updated")

        turn = self._ask("What is a gateway good for?")
        content = [{"type": "input_text", "text": turn.question}]
        item = {"type": "message", "role": "user", "content": content}
        await self._say(socket, {"type": "conversation.item.create", "item": item})
        await self._say(socket, {"type": "response.create"})
        await self._until(socket, "response.done")

        turn = self._ask("And how does it do that?")
        for word in turn.question.split():  # spoken this time
            await self._say(socket, {"type": "input_audio_buffer.append", "audio": speak(word)})
        await self._say(socket, {"type": "input_audio_buffer.commit"})
        await self._say(socket, {"type": "response.create"})
        await self._until(socket, "response.done", words=_WORDS_BEFORE_BARGE_IN)
        turn.cut_ms = self._now_ms
        await self._say(socket, {"type": "response.cancel"})
        await self._until(socket, "response.done")

    def passed_provider(self, data: bytes, *, inward: bool, text: bool) -> None:
        """A message on the provider's hop."""
        self._note("provider", data, outward=inward, text=text)

    def event(self, event: Event) -> None:
        """An event of the gateway."""
        if isinstance(event, SessionEnded):
            self._conversation.ended = event
            self.over.set()

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _now_ms(self) -> float:
        return (perf_counter() - self._began) * 1000

    def _ask(self, question: str) -> Turn:
        turn = Turn(question, asked_ms=self._now_ms)
        self._conversation.turns.append(turn)
        self._counts.clear()
        self._view.turn(turn)
        return turn

    async def _say(self, socket: WebSocketClient, event: dict[str, object]) -> None:
        data = msgspec.json.encode(event)
        self._note("client", data, outward=True, text=True)
        await socket.send(data.decode())

    async def _until(self, socket: WebSocketClient, kind: str, *, words: int | None = None) -> None:
        """Receive until a message of ``kind``, or until the answer has so many ``words``."""
        while True:
            message = await socket.receive()
            data = message.encode() if isinstance(message, str) else message
            event = self._note("client", data, outward=False, text=isinstance(message, str))
            if self._conversation.turns:
                self._hear(self._conversation.turns[-1], event)
                self._view.changed()
                if words is not None and self._conversation.turns[-1].words >= words:
                    return
            if event.get("type") == kind:
                return

    def _note(self, hop: Hop, data: bytes, *, outward: bool, text: bool) -> dict[str, Any]:
        event: dict[str, Any] = msgspec.json.decode(data)
        kind = str(event.get("type", ""))
        repeat = self._counts.get((hop, kind), 0)
        self._counts[hop, kind] = repeat + 1
        line = HopLine(
            self._now_ms,
            hop,
            outward=outward,
            opcode="text" if text else "binary",
            size=len(data),
            kind=kind,
            repeat=repeat,
        )
        self._conversation.lines.append(line)
        self._view.line(line)
        return event

    def _hear(self, turn: Turn, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "response.output_audio_transcript.delta":
            turn.transcript += event["delta"]
            turn.words += 1
            turn.state = "speaking"
        elif kind == "response.output_audio.delta":
            audio = b64decode(event["delta"])
            turn.audio_bytes += len(audio)
            turn.levels += _loudness(audio)
            if turn.first_audio_ms is None:
                turn.first_audio_ms = self._now_ms
        elif kind == "response.done":
            turn.state = event["response"]["status"]
            turn.usage = event["response"]["usage"]
            turn.end_ms = self._now_ms


def _loudness(audio: bytes) -> list[float]:
    """The loudness of each 20 ms, 0 to 1."""
    samples = array("h", audio)
    if byteorder == "big":
        samples.byteswap()
    windows = [samples[at : at + _WINDOW] for at in range(0, len(samples), _WINDOW)]
    return [sqrt(sum(sample * sample for sample in window[::8]) / len(window[::8])) / 32768 for window in windows]
