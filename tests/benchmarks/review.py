"""What a review costs that answers at once: for the core, and in time that a chunk comes later.

``python -m tests.benchmarks.review`` prints ratios. First the core time of a streamed 200-byte chunk with a review of
each read, beside the same chunk without one: released as it is, and with another text. Then, on asyncio in one thread,
the wall time from a provider without a socket to the ``async for`` of a program, chunk by chunk: how much later one comes
if an ``answer`` releases it that waits for nothing. Both ways are measured in turns.
"""

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import anyio
from tests.rigs.core_stream import ReviewedRig, Rig, chunk

from aigw_drivers import LocalClient
from aigw_drivers.testing import MockProvider, MockResponse
from aigw_sansio import Answer, Config, GatewaySettings, Question, Released

TURNS = 60
CHUNKS = 1000
QUERY = {"model": "m", "stream": True}


def ratio(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float, float]:
    """The middle of both times, and that of their ratios turn by turn."""
    turns = [(first(), second()) for _ in range(TURNS)]
    return (*map(median, zip(*turns, strict=True)), median(one / other for one, other in turns))  # type: ignore[return-value]


def core() -> None:
    """Print the table of the core."""
    for per_read, answer, told in (
        (1, Released(), "released as it is"),
        (20, Released(), "released as it is"),
        (1, Released(("another text",)), "another text"),
        (20, Released(("another text",)), "another text"),
    ):
        read, rounds = chunk() * per_read, 2000 // per_read
        with_review, without = ReviewedRig(answer), Rig(1)
        reviewed, plain, times = ratio(lambda: with_review.run(read, rounds), lambda: without.run(read, rounds))  # noqa: B023
        each = [seconds / rounds / per_read * 1e6 for seconds in (reviewed, plain)]
        print(f"  {per_read:>2} chunks per read, {told}: {each[0]:6.2f} and {each[1]:6.2f} us, {times:.2f} times")


async def release(question: Question) -> Answer:
    return Released()


async def later() -> None:
    """Print how much later a chunk comes."""
    body = [b'data: {"choices":[{"index":0,"delta":{"content":"a word "}}]}\n\n'] * CHUNKS

    def responses() -> Iterator[MockResponse]:
        while True:
            yield MockResponse(200, body, {"content-type": "text/event-stream"})

    script = responses()
    reviewed = Config(gateways={"a/b": GatewaySettings(ask=("review",))})
    plain = Config(gateways={"a/b": GatewaySettings()})

    async def run(client: LocalClient) -> float:
        began = perf_counter()
        async with client.stream("openai", "chat/completions", QUERY) as stream:
            async for _ in stream:
                pass
        return perf_counter() - began

    provider = MockProvider(lambda request: next(script))
    async with (
        LocalClient(reviewed, answer=release, wrap=provider.over) as first,
        LocalClient(plain, wrap=provider.over) as second,
    ):
        turns = [(await run(first), await run(second)) for _ in range(TURNS // 4)]
    times = [median(one) / CHUNKS * 1e6 for one in zip(*turns, strict=True)]
    print(f"  {times[0]:6.1f} and {times[1]:6.1f} us for each chunk: {times[0] - times[1]:.1f} us later")


if __name__ == "__main__":
    print("core time of a chunk with and without a review that is answered at once (median)")
    core()
    print("wall time of a chunk on asyncio, with and without a review that is answered at once")
    anyio.run(later)
