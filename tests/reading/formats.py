"""Short ways to write chunks and to read them, for the tests of readers."""

import base64
import json
from collections.abc import Iterable
from typing import Any

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.realtime import BuiltInReader, make_realtime_reader
from aigw_sansio.formats.registry import make_reader


def sse(*payloads: object, events: bool = False) -> list[Chunk]:
    """Chunks as an SSE decoder gives them; with ``events`` each is named by its ``type``."""
    chunks = []
    for payload in payloads:
        name = payload["type"] if events and isinstance(payload, dict) else ""
        chunks.append(Chunk(payload if isinstance(payload, bytes) else json.dumps(payload).encode(), name))
    return chunks


def read_all(format: str, chunks: Iterable[Chunk]) -> list[e.ProviderEvent]:
    """The events of one stream that ends cleanly."""
    reader = make_reader(format)
    return [event for chunk in chunks for event in reader.read(chunk)] + reader.finish()


def read_chunk(format: str, value: object) -> list[e.ProviderEvent]:
    """The events of one chunk that is the first of its stream."""
    return make_reader(format).read(Chunk(json.dumps(value).encode()))


def read_whole(format: str, body: object) -> list[e.ProviderEvent]:
    """The events of one whole answer: bytes, or a value to be written as JSON."""
    return make_reader(format).read_whole(body if isinstance(body, bytes) else json.dumps(body).encode())


def read_message(reader: BuiltInReader, data: bytes, *, is_text: bool = True) -> list[e.ProviderEvent]:
    """The events of one message of the provider on a realtime connection."""
    return reader.read_message(data, is_text=is_text)


def read_messages(reader: BuiltInReader, *values: dict[str, Any], text: bool = True) -> list[e.ProviderEvent]:
    """The events of the provider's messages on a realtime connection."""
    return [event for value in values for event in read_message(reader, json.dumps(value).encode(), is_text=text)]


def read_realtime(format: str, value: dict[str, Any]) -> list[e.ProviderEvent]:
    """The events of one message that is the first of its connection."""
    return read_messages(make_realtime_reader(format), value)


def without_frame(events: list[e.ProviderEvent]) -> list[e.ProviderEvent]:
    """``events`` without the start and the end of the answer."""
    return [event for event in events if not isinstance(event, e.ResponseStarted | e.ResponseFinished)]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
