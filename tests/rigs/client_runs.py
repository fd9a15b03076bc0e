"""What both kinds of clients of a gateway must bear: many exchanges at a time, from tasks and from threads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
from tests.rigs.live_gateway import chat

from aigw_drivers.client import Response
from aigw_drivers.client.caller import Caller
from aigw_drivers.client.sync import SyncCaller

CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120


async def ask_side_by_side(client: Caller[Any]) -> None:
    """Twenty exchanges, streamed and whole: each has its own answer."""
    got: list[Response] = []

    async def ask(number: int) -> None:
        got.append(await client.create(*CHAT, chat(stream=number % 2 == 0, chunks=number + 1)))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, number)
    assert len({response.metadata.event_id for response in got}) == 20


def ask_from_threads(client: SyncCaller) -> None:
    """Twenty-four streams from eight threads: each has its own chunks."""

    def ask(number: int) -> tuple[int, int]:
        with client.stream(*CHAT, chat(chunks=number + 1, chunk_bytes=10), mode="raw") as stream:
            return number, len(list(stream))

    with ThreadPoolExecutor(8) as pool:
        counted = dict(pool.map(ask, range(24), timeout=PATIENCE_S))
    more = {counts - number for number, counts in counted.items()}
    assert len(counted) == 24
    assert len(more) == 1  # the same few chunks that hold no text
