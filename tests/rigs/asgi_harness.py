"""An ASGI server without sockets: it runs an application for one scope, and keeps what the application sends."""

from collections.abc import MutableMapping
from typing import Any

import anyio
from anyio.abc import TaskGroup

Event = MutableMapping[str, Any]


def websocket_scope(path: str = "/v1/local/default", **more: Any) -> dict[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"app.test")],
        "client": ("192.0.2.1", 5000),
        "server": ("192.0.2.9", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        **more,
    }


class Served:
    """One scope. ``gate`` set: what the application sends is taken; otherwise it waits."""

    def __init__(self, app: Any, scope: dict[str, Any]) -> None:
        self.app, self.scope = app, scope
        self.sent: list[Event] = []
        self.done = anyio.Event()
        self.gate = anyio.Event()
        self.gate.set()
        self.gone = False  #: the client is: sending raises OSError
        self._in, self._queue = anyio.create_memory_object_stream[Event](1000)
        self._changed = anyio.Event()

    async def run(self) -> None:
        try:
            await self.app(self.scope, self._queue.receive, self._take)
        finally:
            self.done.set()
            self._changed.set()
            self._in.close()
            self._queue.close()

    def start(self, tasks: TaskGroup) -> "Served":
        tasks.start_soon(self.run)
        if self.scope["type"] == "websocket":
            self.say({"type": "websocket.connect"})
        return self

    def say(self, event: Event) -> None:
        self._in.send_nowait(event)

    def text(self, text: str) -> None:
        self.say({"type": "websocket.receive", "text": text})

    async def until(self, count: int) -> list[Event]:
        """Wait until the application has sent so many messages."""
        with anyio.fail_after(60):
            while len(self.sent) < count and not self.done.is_set():
                await self._changed.wait()
        return self.sent

    async def _take(self, event: Event) -> None:
        await self.gate.wait()
        if self.gone:
            raise OSError("the client has gone")
        self.sent.append(event)
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
