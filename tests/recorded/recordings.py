"""Recorded answers of providers, and what a client would make of the events read from them.

Decides: how the folder that ``AIGW_FIXTURES`` names is walked, and how events add up to an answer. Must not know: how
any format reads; where it extracts a text itself, it does so from the JSON alone.
"""

import base64
import csv
import functools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing, decoder_for, framing_of, media_type
from aigw_sansio.config import Limits
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.formats.detection import (
    detect_format,
)
from aigw_sansio.formats.registry import (
    FORMAT_ALIASES,
    make_reader,
)

FOLDER = os.environ.get("AIGW_FIXTURES")
needs_recordings = pytest.mark.skipif(FOLDER is None, reason="AIGW_FIXTURES does not name the recorded traffic")


@dataclass(frozen=True)
class Recording:
    """One recorded body."""

    file: str
    folder: str
    content_type: str
    status: int

    @functools.cached_property
    def body(self) -> bytes:
        return (Path(FOLDER or "") / self.file).read_bytes()

    @property
    def format(self) -> str:
        """What the content tells, else what the folder's name says."""
        detected = detect_format(self.content_type, self.body)
        return FORMAT_ALIASES[self.folder] if detected == "unknown" else detected

    @property
    def framing(self) -> Framing:
        kind, _ = media_type([(b"content-type", self.content_type.encode())])
        array = self.format == "gemini" and self.body.startswith(b"[")
        return framing_of(self.status, kind, has_length=True, array_stream=array)

    def chunks(self, cuts: Iterable[int] = ()) -> list[Chunk]:
        """The payloads of a stream whose body arrives cut at ``cuts``."""
        decoder = decoder_for(self.framing, Limits())
        chunks: list[Chunk] = []
        last = 0
        for cut in [*sorted(cuts), len(self.body)]:
            chunks += decoder.feed(self.body[last:cut])
            last = cut
        chunks += decoder.finish()
        assert decoder.fault is None
        return chunks

    def events(self, format: str | None = None, cuts: Iterable[int] = ()) -> list[ProviderEvent]:
        """All that the tap reads from it."""
        reader = make_reader(format or self.format)
        if self.framing is Framing.WHOLE:
            return reader.read_whole(self.body)
        return [event for chunk in self.chunks(cuts) for event in reader.read(chunk)] + reader.finish()


def _rows() -> Iterator[Recording]:
    if FOLDER is not None:
        with (Path(FOLDER) / "INDEX.tsv").open(newline="") as index:
            for row in csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE):
                if not row["family"].startswith("ws-"):
                    yield Recording(row["file"], row["family"], row["content-type"], int(row["status"] or 200))


RECORDINGS = list(_rows())


@dataclass
class Call:
    """A tool call put together."""

    id: str | None
    name: str | None
    kind: str
    choice: int
    arguments: str = ""
    void: bool = False


@dataclass
class Answer:
    """What the events add up to."""

    text: dict[int, str] = field(default_factory=dict)
    reasoning: dict[int, str] = field(default_factory=dict)
    signatures: list[str] = field(default_factory=list)
    refusal: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    citations: list[Citation] = field(default_factory=list)
    audio: int = 0
    usages: list[UsageReported] = field(default_factory=list)
    finishes: list[ResponseFinished] = field(default_factory=list)
    failures: list[ResponseFailed] = field(default_factory=list)
    starts: list[ResponseStarted] = field(default_factory=list)
    unrecognised: list[str] = field(default_factory=list)

    @property
    def usage(self) -> UsageReported | None:
        return self.usages[-1] if self.usages else None


def assemble(events: Iterable[ProviderEvent]) -> Answer:
    """What a client makes of the events, by the vocabulary's own rules."""
    answer = Answer()
    for event in events:
        match event:
            case TextDelta(text, choice):
                assert text
                answer.text[choice] = answer.text.get(choice, "") + text
            case ReasoningDelta(text, choice, signature):
                answer.reasoning[choice] = answer.reasoning.get(choice, "") + text
                if signature is not None:
                    answer.signatures.append(signature)
            case RefusalDelta(text):
                answer.refusal += text
            case ToolCallStarted(call, id_, name, choice, kind):
                assert call not in answer.calls, "a call's number was used twice"
                answer.calls[call] = Call(id_, name, kind, choice)
            case ToolCallDelta(call, arguments):
                answer.calls[call].arguments += arguments
            case AudioDelta(size):
                answer.audio += size
            case Citation():
                answer.citations.append(event)
            case UsageReported():
                answer.usages.append(event)
            case ResponseFinished():
                answer.finishes.append(event)
            case ResponseFailed():
                answer.failures.append(event)
            case ResponseStarted():
                answer.starts.append(event)
                if event.restarted:
                    for before in answer.calls.values():
                        before.void = before.void or not _complete(before.arguments)
            case Unrecognised(what):
                answer.unrecognised.append(what)
    return answer


def _complete(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def sse(*payloads: object, events: bool = False) -> list[Chunk]:
    """Chunks as an SSE decoder gives them; with ``events`` each is named by its ``type``."""
    chunks = []
    for payload in payloads:
        name = payload["type"] if events and isinstance(payload, dict) else ""
        chunks.append(Chunk(payload if isinstance(payload, bytes) else json.dumps(payload).encode(), name))
    return chunks


def read_all(format: str, chunks: Iterable[Chunk]) -> list[ProviderEvent]:
    """The events of one clean stream."""
    reader = make_reader(format)
    return [event for chunk in chunks for event in reader.read(chunk)] + reader.finish()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
