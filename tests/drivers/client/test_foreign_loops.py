"""The client on event loops that anyio did not start."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.rigs.live_gateway import chat, gateway_in_a_thread

from aigw_drivers.client import Client


def in_uvloop(work: Coroutine[Any, Any, None]) -> None:
    pytest.importorskip("uvloop").run(work)


@pytest.mark.parametrize("run", [asyncio.run, in_uvloop])
def test_a_loop_of_the_caller(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    got: list[int] = []

    async def main(url: str) -> None:
        async with Client(url) as client, client.stream("loopback", "chat/completions", chat(chunks=2)) as stream:
            got.append(len([event async for event in stream]))
        async with Client(url) as client:
            both = (client.create("loopback", "chat/completions", chat()) for _ in range(2))
            got.extend(len(response.chunks) for response in await asyncio.gather(*both))

    with gateway_in_a_thread() as gateway:
        run(main(gateway.url))
    assert len(got) == 3
    assert all(got)
