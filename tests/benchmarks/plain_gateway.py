"""The gateway that one writes in an afternoon: ``websockets`` on one side, ``httpx`` on the other. For comparison only.

It speaks ``universal.create`` and ``universal.cancel``, streams server-sent events and nothing else; it has no limits,
retries, timers or backpressure worth the name. ``python -m tests.benchmarks.plain_gateway PORT PROVIDER_URL``.
"""

import asyncio
import json
import logging
import sys
import uuid
from typing import Any

import httpx
import websockets.asyncio.server as server
from httpx_sse import EventSource


class PlainGateway:
    """One process, one provider."""

    def __init__(self, provider_url: str) -> None:
        self._provider_url = provider_url
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._http = httpx.AsyncClient(timeout=None, limits=limits)

    async def handle(self, socket: server.ServerConnection) -> None:
        """One client."""
        running: dict[str, asyncio.Task[None]] = {}
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "universal.cancel":
                    task = running.pop(message["eventId"], None)
                    if task is not None:
                        task.cancel()
                    continue
                request = message["request"]
                event_id = request["eventId"]
                running[event_id] = asyncio.create_task(self._exchange(socket, event_id, request))
                running[event_id].add_done_callback(lambda _, event_id=event_id: running.pop(event_id, None))
        finally:
            for task in running.values():
                task.cancel()

    async def _exchange(self, socket: server.ServerConnection, event_id: str, request: dict[str, Any]) -> None:
        metadata: dict[str, object] = {
            "cacheStatus": "MISS",
            "eventId": event_id,
            "logId": str(uuid.uuid4()),
            "step": "0",
        }
        url = f"{self._provider_url}/{request['endpoint']}"
        headers = request.get("headers", {})
        async with self._http.stream("POST", url, json=request["query"], headers=headers) as response:
            metadata["contentType"] = response.headers.get("content-type", "").partition(";")[0]
            metadata["status"] = response.status_code
            if metadata["contentType"] != "text/event-stream":
                await response.aread()
                await self._send(socket, "universal.created", metadata, response.json())
                return
            await self._send(socket, "universal.created", metadata)
            async for event in EventSource(response).aiter_sse():
                if event.data != "[DONE]":
                    await self._send(socket, "universal.stream", {"eventId": event_id}, json.loads(event.data))
            await self._send(socket, "universal.done", metadata)

    async def _send(
        self, socket: server.ServerConnection, kind: str, metadata: dict[str, object], response: object = None
    ) -> None:
        message: dict[str, object] = {"type": kind, "metadata": metadata}
        if response is not None:
            message["response"] = response
        await socket.send(json.dumps(message))


async def main(port: int, provider_url: str) -> None:
    """Serve until killed."""
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # clients that are killed are no news here
    gateway = PlainGateway(provider_url)
    async with server.serve(gateway.handle, "127.0.0.1", port, compression=None, max_size=None) as listening:
        print("ready", flush=True)
        await listening.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
