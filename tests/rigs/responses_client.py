"""A conversation over Responses' WebSocket, as an SDK of OpenAI holds it, with whatever serves the URL."""

import json
from typing import Any

from aigw_drivers.client import connect

TERMINAL = ("response.completed", "response.incomplete", "response.failed", "error")


async def two_turns_in_two_lanes(url: str, model: str) -> dict[str, list[dict[str, Any]]]:
    """Say something in two lanes at once, and go on in each of them. Returns all messages, by lane."""
    told: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
    async with connect(url) as client:

        async def say(lane: str, text: str, parent: str | None = None) -> None:
            create = {"type": "response.create", "model": model, "store": False, "input": text}
            await client.send(json.dumps({**create, "stream_id": lane, "previous_response_id": parent}))

        async def until_all_ended(count: int) -> None:
            while sum(message["type"] in TERMINAL for lane in told.values() for message in lane) < count:
                message = json.loads(await client.receive())
                told[message["stream_id"]].append(message)

        for lane in told:
            await say(lane, f"hello {lane}")
        await until_all_ended(2)
        for lane, messages in told.items():
            await say(lane, "go on", messages[-1]["response"]["id"])
        await until_all_ended(4)
    return told


def check_two_turns(told: dict[str, list[dict[str, Any]]]) -> None:
    """Each lane has two whole responses, the second of which goes on from the first."""
    for lane in told.values():
        first, second = (message["response"] for message in lane if message["type"] in TERMINAL)
        assert (first["status"], second["status"]) == ("completed", "completed")
        assert second["previous_response_id"] == first["id"] != second["id"]
        numbers = [message["sequence_number"] for message in lane]
        begun = numbers.index(0, 1)
        assert numbers == [*range(begun), *range(len(numbers) - begun)]
        said = "".join(message["delta"] for message in lane if message["type"] == "response.output_text.delta")
        outputs = [item["content"][0]["text"] for response in (first, second) for item in response["output"]]
        assert said == "".join(outputs)
        assert said
