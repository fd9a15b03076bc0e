"""A guardrail: what a model says is reviewed before a client sees it. Card numbers are hidden, secrets stop the answer.

``python -m tests.examples.guardrail`` runs it against a provider that is a list of chunks. Beside ``ask`` it is the same
function ``answer`` for a server (``running``), a web application (``GatewayApp``) and a driver.
"""

import re

import anyio

from aigw_drivers import LocalClient
from aigw_drivers.client import GatewayError
from aigw_drivers.testing import MockProvider, MockResponse
from aigw_sansio import (
    Answer,
    Config,
    Fault,
    FaultKind,
    GatewaySettings,
    Question,
    Released,
    Review,
    Side,
    Stopped,
    TextDelta,
    Unavailable,
)

CARD = re.compile(r"\d{4}([ -]?\d{4}){3}")
#: Up to 50 chunks are reviewed together; nobody waits longer than half a second for a review to begin.
CONFIG = Config(gateways={"acme/prod": GatewaySettings(ask=("review",), review_chunks=50, review_wait_ms=500)})


async def answer(question: Question) -> Answer:
    """Called with each part of each response. Here a model of one's own could be asked; if it raises, or takes too long,
    the response is stopped."""
    if not isinstance(question, Review):
        return Unavailable()
    if any("launch code" in passage.text for passage in question.passages):
        return Stopped(Fault(FaultKind.RESPONSE_STOPPED, Side.GATEWAY, "this answer is not for you"))
    return Released(tuple(CARD.sub("[card]", passage.text) for passage in question.passages))


async def ask(*words: str) -> None:
    """Print what a client sees of a provider that says ``words``."""
    provider = MockProvider(
        [MockResponse.sse(*({"choices": [{"delta": {"content": word}}]} for word in words), "[DONE]")]
    )
    async with LocalClient(CONFIG, answer=answer, wrap=provider.over) as client:
        try:
            async with client.stream("openai", "chat/completions", {"model": "m", "stream": True}) as stream:
                print("".join([event.text async for event in stream if isinstance(event, TextDelta)]))
        except GatewayError as error:
            print(error)


async def main() -> None:
    await ask("Pay with ", "4111 1111 ", "1111 1111", ", please.")
    await ask("The launch", " code is 0000.")


if __name__ == "__main__":
    anyio.run(main)
