"""A WebSocket provider that costs next to nothing, for measuring what stands before it.

``python -m tests.benchmarks._echo PORT``. Every message of one connection must have the same size: it learns it from the
first, and answers each with an unmasked message of that size: zeros to binary messages, to text a piece of a spoken
answer's transcript, as OpenAI's realtime API sends it.
"""

import asyncio
import importlib.util
import sys
from typing import cast

from aigw_sansio.wires.heads import RequestHead, parse_request_head
from aigw_sansio.wires.websocket.frames import FIN, MASKED, Opcode, encode_frame, parse_header
from aigw_sansio.wires.websocket.handshake import Upgrade, accept, check_upgrade


def transcript_delta(size: int) -> bytes:
    """A ``response.output_audio_transcript.delta`` of ``size`` bytes."""
    start = (
        b'{"type":"response.output_audio_transcript.delta","response_id":"r","item_id":"i","output_index":0,"delta":"'
    )
    return start + b"x" * (size - len(start) - 2) + b'"}'


class Echo(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._head: bytes | None = b""
        self._first = b""
        self._size = 0  # of a message, its header included
        self._left = 0  # bytes of a message that is not complete
        self._answer = b""

    def data_received(self, data: bytes) -> None:
        if self._size:
            count, self._left = divmod(self._left + len(data), self._size)
            if count:
                self._transport.write(self._answer * count)
        elif self._head is not None:
            self._read_head(data)
        else:
            self._learn(data)

    def _read_head(self, data: bytes) -> None:
        assert self._head is not None
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        self._head = None
        asked = parse_request_head(head + end)
        assert isinstance(asked, RequestHead)
        upgrade = check_upgrade(asked)
        assert isinstance(upgrade, Upgrade)
        self._transport.write(accept(upgrade))
        if rest:
            self._learn(rest)

    def _learn(self, data: bytes) -> None:
        self._first += data
        header = parse_header(self._first, 0, MASKED) if len(self._first) > 1 else 2
        if isinstance(header, int):
            return
        assert not isinstance(header, str)
        start, size = header
        self._size = start + size
        is_text = self._first[0] == FIN | Opcode.TEXT
        self._answer = encode_frame(self._first[0], transcript_delta(size) if is_text else bytes(size))
        data, self._first = self._first, b""
        self.data_received(data)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    loop_factory = None
    if importlib.util.find_spec("uvloop"):
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(int(sys.argv[1])))
