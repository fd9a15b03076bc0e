"""A provider that costs little: HTTP/1.1 on a bare ``asyncio.Protocol``, for measuring what stands before it.

``python -m tests.benchmarks._provider PORT [DEFAULTS]``. The JSON body of a request, or DEFAULTS for all of them, may say
``chunks``, ``interval_s``, ``size``, ``finish`` (tell the finish of the response) and ``phase`` (``no_head``,
``head_only``, ``streaming``, ``no_end``: where to stop and wait). ``GET /log`` answers with when each connection was seen
to end (``time.monotonic``), and how many bytes were written.
"""

import asyncio
import json
import sys
import time
from typing import Any, ClassVar

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

_FINISHED = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
FINISH = b"%x\r\n%b\r\n" % (len(_FINISHED), _FINISHED)


def event(size: int) -> bytes:
    """One server-sent event of ``size`` bytes, in OpenAI's chat format, as one HTTP chunk."""
    choices = '"choices":[{"index":0,"delta":{"content":"%s"}}]'
    frame = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk",' + choices + "}\n\n"
    data = (frame % ("x" * max(1, size - len(frame) + 2))).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


class Provider(asyncio.Protocol):
    """One connection."""

    log: ClassVar[list[dict[str, float]]] = []
    defaults: ClassVar[dict[str, Any]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._written = 0
        self._paused = False
        self._gone = False
        self._work: asyncio.Task[None] | None = None
        self._resumed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            if head.startswith(b"get /log"):
                text = json.dumps(self.log).encode()
                self._write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text)
                    + text
                )
                self.log.clear()
            else:
                self._work = asyncio.get_running_loop().create_task(
                    self._answer({**self.defaults, **json.loads(body or b"{}")})
                )

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._resumed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._resumed.set()
        self.log.append({"at": time.monotonic(), "written": self._written})
        if self._work is not None:
            self._work.cancel()

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._transport.write(data)

    async def _answer(self, options: dict[str, Any]) -> None:
        phase = options.get("phase")
        if phase == "no_head":
            return
        self._write(HEAD)
        if phase == "head_only":
            return
        data = event(options.get("size", 200))
        interval = options.get("interval_s", 0)
        batch = 1 if interval else options.get("batch", 20)
        due = time.monotonic()
        for _ in range(options.get("chunks", 10) // batch):
            self._write(data * batch)
            if interval:
                due += interval
                await asyncio.sleep(due - time.monotonic())
            elif self._paused:
                self._resumed.clear()
                await self._resumed.wait()
            else:
                await asyncio.sleep(0)
            if self._gone:
                return
        if options.get("finish"):
            self._write(FINISH)
        if phase not in ("streaming", "no_end"):
            self._write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def main(protocol: type[asyncio.Protocol], port: int) -> None:
    """Serve with one ``protocol`` for each connection, until killed."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    Provider.defaults = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    asyncio.run(main(Provider, int(sys.argv[1])))
