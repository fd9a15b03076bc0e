"""A provider of one's own: its URL and key, its own framing, its own format, and a change to each of its requests.

``acme`` answers in blocks: four bytes of length, then one JSON object, as ``application/x-acme``.
"""

import sys

import anyio
import msgspec

from aigw_drivers import ServerSettings, Settings, running
from aigw_drivers.client import Client
from aigw_sansio import (
    Chunk,
    Config,
    Fault,
    FaultKind,
    KeyLocation,
    Parts,
    Provider,
    ProviderEvent,
    ProviderRequest,
    ProviderSettings,
    ResponseFinished,
    Route,
    Secret,
    Side,
    TextDelta,
)


class Blocks:
    """The framing: bytes in, whole blocks out. The gateway limits how long one may be."""

    fault: Fault | None = None
    unread = False

    def __init__(self) -> None:
        self.held = bytearray()

    @property
    def buffered(self) -> int:
        return len(self.held)

    def feed(self, data: bytes) -> list[Chunk]:
        self.held += data
        blocks = []
        while len(self.held) >= 4 and len(self.held) >= (end := 4 + int.from_bytes(self.held[:4])):
            blocks.append(Chunk(bytes(self.held[4:end])))
            del self.held[:end]
        return blocks

    def finish(self) -> list[Chunk]:
        if self.held:
            self.fault = Fault(FaultKind.INCOMPLETE_BODY, Side.PROVIDER, "the last block is not complete")
        return []


class AcmeBlock(msgspec.Struct):
    say: str = ""
    over: bool = False


class AcmeReader:
    """The format: what a block means."""

    markers = (b"",)  # read every block
    terminated = False
    finish_seen = False

    @property
    def complete(self) -> bool:
        return self.terminated

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        try:
            block = msgspec.json.decode(chunk.data, type=AcmeBlock)
        except msgspec.MsgspecError:
            return []
        self.terminated = block.over
        return [ResponseFinished("stop")] if block.over else [TextDelta(block.say)]

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        return self.read(Chunk(body))

    def finish(self) -> list[ProviderEvent]:
        return []


def with_project(request: ProviderRequest) -> ProviderRequest | Fault:
    """The transform: a header for each request, and a refusal of long ones."""
    if len(request.body) > 10_000:
        return Fault(FaultKind.NOT_ALLOWED, Side.CLIENT, "acme takes 10,000 bytes at a time")
    return msgspec.structs.replace(request, headers=(*request.headers, ("x-project", "weather")))


PARTS = Parts(
    providers=[
        Provider(
            slug="acme",
            routes=(Route(url="https://api.acme.example/v1"),),
            key=KeyLocation("x-acme-key"),
            format="acme",
            framings=(("application/x-acme", "blocks"),),
        )
    ],
    readers={"acme": AcmeReader},
    framings={"blocks": Blocks},
    transforms={"acme": with_project},
)


async def main(base_url: str | None) -> None:
    acme = ProviderSettings(api_key=Secret("key-of-acme"), base_url=base_url)
    settings = Settings(config=Config(providers={"acme": acme}), server=ServerSettings(port=0))
    async with (
        running(settings, parts=PARTS) as gateway,
        Client(f"{gateway.url}/v1/local/default") as client,
        client.stream("acme", "talk", {"say": "Hello"}) as answer,
    ):
        async for event in answer:
            print(event.text if isinstance(event, TextDelta) else "\n", end="", flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else None)
