"""A dialect of one's own: editors ask in JSON-RPC over plain lines, as language servers do, and get text as it comes.

The gateway runs inside of the program. A line is a call of ``chat`` or a notification ``cancel``; text goes back in
notifications ``delta``, and the end in the response. Keys, limits, retries and fallbacks are the gateway's.
"""

import sys
from collections.abc import Callable
from contextlib import suppress

import anyio
import msgspec
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

from aigw_drivers import RunningClient, ServerSettings, Settings, running
from aigw_drivers.client import ClientError, ProviderError
from aigw_sansio import Config, ProviderSettings, Secret, TextDelta


class Params(msgspec.Struct):
    model: str = ""
    prompt: str = ""
    id: int = 0  # of ``cancel``


class Call(msgspec.Struct):
    method: str
    params: Params = msgspec.field(default_factory=Params)
    id: int | None = None


class Editor:
    """One connection. Each call is a task, so that many run at once."""

    def __init__(self, stream: ByteStream, ai: RunningClient) -> None:
        self.stream = stream
        self.ai = ai
        self.running: dict[int, Callable[[], None]] = {}
        self.writing = anyio.Lock()

    async def serve(self) -> None:
        lines = BufferedByteReceiveStream(self.stream)
        async with anyio.create_task_group() as tasks:
            try:
                while True:
                    line = await lines.receive_until(b"\n", 65536)
                    try:
                        call = msgspec.json.decode(line, type=Call)
                    except msgspec.MsgspecError as error:
                        await self.send(id=None, error={"code": -32700, "message": str(error)})
                        continue
                    if call.method == "cancel":
                        self.running.get(call.params.id, int)()
                    elif call.method == "chat" and call.id is not None:
                        tasks.start_soon(self.chat, call.id, call.params)
                    else:
                        await self.send(id=call.id, error={"code": -32601, "message": "allowed are chat and cancel"})
            except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError):
                tasks.cancel_scope.cancel()  # which cancels what runs for it

    async def chat(self, id: int, params: Params) -> None:
        query = {"model": params.model, "stream": True, "messages": [{"role": "user", "content": params.prompt}]}
        try:
            async with self.ai.stream("openai", "chat/completions", query) as stream:
                self.running[id] = stream.cancel
                async for event in stream:
                    if isinstance(event, TextDelta):
                        await self.send(method="delta", params={"id": id, "text": event.text})
                result = {"cancelled": stream.is_cancelled, "finish": stream.metadata.finish_reason}
                await self.send(id=id, result=result)
        except ProviderError as error:
            await self.send(id=id, error={"code": error.status, "message": str(error)})
        except ClientError as error:
            await self.send(id=id, error={"code": -32000, "message": str(error)})
        finally:
            self.running.pop(id, None)

    async def send(self, **message: object) -> None:
        # Whole lines; a slow editor holds its provider back, and of one that has gone ``serve`` hears.
        async with self.writing:
            with suppress(anyio.BrokenResourceError):
                await self.stream.send(msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n")


async def main(*arguments: str) -> list[dict[str, object]]:
    """Ask as an editor would: the URL of the provider, then prompts. Returns all that the editor gets."""
    base_url, *prompts = arguments
    own = ProviderSettings(base_url=base_url, api_key=Secret("sk-of-the-operator"))
    settings = Settings(config=Config(providers={"openai": own}), server=ServerSettings(port=0))
    got: list[dict[str, object]] = []
    async with running(settings) as gateway, gateway.client(principal="the editors") as ai:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

        async def accepted(stream: ByteStream) -> None:
            async with stream:
                await Editor(stream, ai).serve()

        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, accepted)
            port = listener.extra(SocketAttribute.local_port)
            async with await anyio.connect_tcp("127.0.0.1", port) as editor:
                for number, prompt in enumerate(prompts):
                    call = {"id": number, "method": "chat", "params": {"model": "m", "prompt": prompt}}
                    await editor.send(msgspec.json.encode(call) + b"\n")
                lines = BufferedByteReceiveStream(editor)
                while sum("id" in message for message in got) < len(prompts):
                    got.append(msgspec.json.decode(await lines.receive_until(b"\n", 65536)))
                    print(got[-1])
            tasks.cancel_scope.cancel()
    return got


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
