"""Recorded traffic of providers: answers over HTTP and realtime sessions.

Decides: how the folder that ``AIGW_FIXTURES`` names is walked, and which format each recording has. Must not know: how
any format is read.
"""

import csv
import functools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.reading.answers import Answer, assemble

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing, decoder_for, framing_of, media_type
from aigw_sansio.config import Limits
from aigw_sansio.formats.detection import detect_format
from aigw_sansio.formats.registry import FORMAT_ALIASES, make_reader

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
        """The format that the content tells; if it tells none, that of the folder's name."""
        detected = detect_format(self.content_type, self.body)
        return self.named_format if detected == "unknown" else detected

    @property
    def named_format(self) -> str:
        """The format of the folder's name."""
        return _MORE_ALIASES.get(self.folder) or FORMAT_ALIASES[self.folder]

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

    def events(self, format: str | None = None, cuts: Iterable[int] = ()) -> list[e.ProviderEvent]:
        """All events that the reader finds in it."""
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


#: Folder names of ``translation/`` that are no names of formats.
_MORE_ALIASES = {
    "anthropic-openai-compat": "openai-chat",
    "bedrock-invoke-anthropic": "bedrock-invoke",
    "bedrock-mantle-chat": "openai-chat",
    "bedrock-mantle-responses": "openai-responses",
    "huggingface": "openai-chat",  # the router, whose requests go to ``chat/completions``
    "ollama-chat": "openai-chat",
    "ollama-native": "ollama",
}


def _translation_rows() -> Iterator[Recording]:
    """The answers of ``translation/``, which has their requests too; without gRPC, which has no HTTP body."""
    index = Path(FOLDER or "") / "translation" / "INDEX.tsv"
    if FOLDER is not None and index.exists():
        with index.open(newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["format"] != "xai-grpc":
                    status = int(row["status"] or 200)
                    yield Recording(f"translation/{row['response']}", row["format"], row["content_type"], status)


RECORDINGS = list(_rows())
#: Answers to conversations that were had with several providers; their ``folder`` is the name of a format.
TRANSLATIONS = list(_translation_rows())


def recorded_answer(file: str) -> Answer:
    """The answer that a client puts together from the recording ``file``."""
    return assemble(next(recording for recording in RECORDINGS if recording.file == file).events())


#: The recorded realtime sessions, one file each.
SESSIONS = sorted(Path(FOLDER).glob("ws-*/*.jsonl")) if FOLDER else []


def session_format(session: Path) -> str:
    """The name of the protocol that a recorded session speaks."""
    if "gemini" in session.parent.name or "google" in session.name:
        return "gemini-live"
    return "deepgram" if "deepgram" in session.parent.name else "openai-realtime"


def session_messages(session: Path) -> list[tuple[bool, bytes, bool]]:
    """(text, data, from the provider) of each message of a recorded session."""
    found = []
    for line in session.read_text().splitlines():
        message = json.loads(line)
        if message["opcode"] != "close":
            data = json.dumps(message["json"]) if "json" in message else message["data"]
            found.append((message["opcode"] == "text", data.encode(), message["dir"] == "server"))
    return found
