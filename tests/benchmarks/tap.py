"""What the tap costs: one content chunk of about 200 bytes in each format, beside ``json.loads`` of the same bytes.

``python -m tests.benchmarks.tap``; with ``AIGW_FIXTURES`` also the whole recorded traffic, framing and reading.
"""

import json
import statistics
import time

from tests.benchmarks._timing import compare
from tests.reading.recordings import RECORDINGS

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.formats.classify import (
    marker_search,
    worth_reading,
)
from aigw_sansio.formats.registry import (
    make_reader,
)

TEXT = " a few words"
ID = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"
CHUNKS: dict[str, Chunk] = {
    "openai-chat": Chunk(
        b'{"id":"%b","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1","choices":[{"index":0,'
        b'"delta":{"content":"%b"},"logprobs":null,"finish_reason":null}],"usage":null}' % (ID.encode(), TEXT.encode())
    ),
    "openai-responses": Chunk(
        b'{"type":"response.output_text.delta","item_id":"msg_67c9fdcf37fc8190ba82116e33fb28c5","output_index":0,'
        b'"content_index":0,"delta":"%b","logprobs":[],"sequence_number":12,"obfuscation":"aBcDeFgH"}' % TEXT.encode(),
        "response.output_text.delta",
    ),
    "anthropic-messages": Chunk(
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}' % (TEXT * 10).encode(),
        "content_block_delta",
    ),
    "gemini": Chunk(
        b'{"candidates":[{"content":{"parts":[{"text":"%b"}],"role":"model"},"index":0}],"usageMetadata":'
        b'{"promptTokenCount":8,"totalTokenCount":12},"modelVersion":"gemini-2.5-flash","responseId":"x"}'
        % TEXT.encode()
    ),
    "bedrock-converse": Chunk(
        b'{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"%b"},"p":"%b"}}'
        % ((TEXT * 5).encode(), b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        "contentBlockDelta",
    ),
    "cohere-v2": Chunk(
        b'{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"%b"}}}}' % (TEXT * 10).encode()
    ),
    "workers-ai": Chunk(b'{"response":"%b","p":"abdefghijklmnopqrstuvwxyz0123456789"}' % (TEXT * 11).encode()),
    "ollama": Chunk(
        b'{"model":"gemma3:1b","created_at":"2025-08-20T13:48:23.241046Z","message":{"role":"assistant","content":"%b"},'
        b'"done":false}' % (TEXT * 6).encode()
    ),
    "unknown": Chunk(b'{"anything":"%b"}' % (TEXT * 15).encode()),
}


def main() -> None:
    print("ns per chunk")
    print(f"{'format':20}{'bytes':>6}{'json.loads':>12}{'tap':>9}{'ratio':>8}{'unlistened':>12}{'ratio':>8}")
    for name, chunk in CHUNKS.items():
        reader = make_reader(name)
        read, search, data = reader.read, marker_search(reader.markers), chunk.data
        read(chunk)  # begun
        times = compare(
            {
                "json": lambda data=data: json.loads(data),  # type: ignore[misc]
                "tap": lambda read=read, chunk=chunk: read(chunk),  # type: ignore[misc]
                "skip": lambda chunk=chunk, search=search: worth_reading(chunk, search),  # type: ignore[misc]
            }
        )
        plain, tap, skip = times["json"], times["tap"], times["skip"]
        missed = " (read)" if worth_reading(chunk, search) else ""
        print(f"{name:20}{len(data):>6}{plain:>12.0f}{tap:>9.0f}{tap / plain:>7.2f}x", end="")
        print(f"{skip:>12.0f}{skip / plain:>7.2f}x{missed}")
    if RECORDINGS:
        traffic()


def traffic() -> None:
    """The whole of the recorded traffic, a few times over."""
    streams = [recording for recording in RECORDINGS if recording.framing is not Framing.WHOLE]
    chunks = [(recording.format, recording.chunks()) for recording in streams]
    size = sum(len(recording.body) for recording in streams)
    number = sum(len(some) for _, some in chunks)
    framed, read = [], []
    for _ in range(5):
        began = time.perf_counter()
        for recording in streams:
            recording.chunks()
        framed.append(time.perf_counter() - began)
        began = time.perf_counter()
        for name, some in chunks:
            reader = make_reader(name)
            for chunk in some:
                reader.read(chunk)
            reader.finish()
        read.append(time.perf_counter() - began)
    frame, tap = statistics.median(framed), statistics.median(read)
    print(
        f"{len(streams)} recorded streams, {number} chunks, {size / 1e6:.1f} MB: "
        f"framing {size / frame / 1e6:.0f} MB/s, tap {number / tap:,.0f} chunks/s ({size / tap / 1e6:.0f} MB/s), "
        f"both {1 / (frame + tap):.1f} times the whole per second"
    )


if __name__ == "__main__":
    main()
