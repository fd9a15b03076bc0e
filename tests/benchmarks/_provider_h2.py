"""A provider that costs little, over HTTP/2 with prior knowledge: for measuring what stands before it.

``python -m tests.benchmarks._provider_h2 PORT``. A request's JSON body may say ``chunks``, ``interval_s``, ``size`` and
``batch``, as :mod:`._provider` reads them; each chunk is a DATA frame. h2 reads what comes; DATA frames are written by
hand, inside the windows that the peer gives.
"""

import asyncio
import json
import sys
import time
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RemoteSettingsChanged, RequestReceived, StreamEnded, WindowUpdated
from h2.settings import SettingCodes
from tests.benchmarks._provider import event, main

_HEAD = [(":status", "200"), ("content-type", "text/event-stream")]
_WHOLE_CONNECTION = 0
_INITIAL_WINDOW = 65535


class Provider(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
        self._h2.initiate_connection()
        self._windows = {_WHOLE_CONNECTION: _INITIAL_WINDOW}
        self._window = _INITIAL_WINDOW  # of a new stream
        self._bodies: dict[int, bytes] = {}
        self._room = asyncio.Event()
        self._gone = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._flush()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        for happened in self._h2.receive_data(data):
            if isinstance(happened, RequestReceived):
                self._bodies[happened.stream_id] = b""
                self._windows[happened.stream_id] = self._window
            elif isinstance(happened, DataReceived):
                self._bodies[happened.stream_id] += happened.data
                self._h2.acknowledge_received_data(happened.flow_controlled_length, happened.stream_id)
            elif isinstance(happened, StreamEnded):
                body = self._bodies.pop(happened.stream_id)
                task = asyncio.get_running_loop().create_task(self._answer(happened.stream_id, json.loads(body)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif isinstance(happened, WindowUpdated):
                if happened.stream_id in self._windows:
                    self._windows[happened.stream_id] += happened.delta
                self._room.set()
            elif isinstance(happened, RemoteSettingsChanged):
                changed = happened.changed_settings.get(SettingCodes.INITIAL_WINDOW_SIZE)
                if changed is not None:
                    self._window = changed.new_value
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._room.set()
        for task in self._tasks:
            task.cancel()

    async def _take(self, stream: int, size: int) -> None:
        """Wait until both windows have room for ``size`` bytes, and use it."""
        windows = self._windows
        while windows[stream] < size or windows[_WHOLE_CONNECTION] < size:
            self._room.clear()
            await self._room.wait()
        windows[stream] -= size
        windows[_WHOLE_CONNECTION] -= size

    async def _answer(self, stream: int, options: dict[str, Any]) -> None:
        self._h2.send_headers(stream, _HEAD)
        self._flush()
        payload = event(options.get("size", 200)).split(b"\r\n", 1)[1][:-2]  # without the chunk around it
        frame = len(payload).to_bytes(3) + b"\0\0" + stream.to_bytes(4) + payload
        interval = options.get("interval_s", 0)
        batch = 1 if interval else options.get("batch", 20)
        due = time.monotonic()
        for _ in range(options.get("chunks", 10) // batch):
            await self._take(stream, len(payload) * batch)
            if self._gone:
                return
            self._transport.write(frame * batch)
            due += interval
            await asyncio.sleep(max(0.0, due - time.monotonic()) if interval else 0)
        del self._windows[stream]
        self._h2.send_data(stream, b"data: [DONE]\n\n", end_stream=True)
        self._flush()


if __name__ == "__main__":
    asyncio.run(main(Provider, int(sys.argv[1])))
