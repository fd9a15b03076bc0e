"""What a driver does with responses that are to be kept."""

import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest

from aigw_drivers import AnyioDriver
from aigw_drivers.conformance import ToyEngine
from aigw_sansio import Keep


async def kept_by(keep: Callable[[Keep], Awaitable[None]] | None, count: int) -> AnyioDriver:
    """A driver that was told to keep ``count`` responses, and has done so."""
    engine = ToyEngine()
    driver = AnyioDriver(engine, keep=keep)
    for number in range(count):
        engine.keep(b"%d" % number)
    async with anyio.create_task_group() as tasks:
        await tasks.start(driver.serve, ())
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return driver


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.anyio
async def test_each_is_given_to_the_host() -> None:
    seen: list[bytes] = []

    async def keep(effect: Keep) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(effect.response.body)

    await kept_by(keep, 3)
    assert sorted(seen) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_host_that_keeps_nothing_or_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(effect: Keep) -> None:
        raise ConnectionError("the store is away")

    await kept_by(None, 2)
    assert caplog.records == []
    await kept_by(fail, 2)
    assert len(caplog.records) == 2
    assert "Keep" in caplog.text


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_those_on_their_way_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    begun = 0

    async def never(effect: Keep) -> None:
        nonlocal begun
        begun += 1
        await anyio.sleep_forever()

    await kept_by(never, 70)
    assert begun == 64
    assert len(caplog.records) == 6
