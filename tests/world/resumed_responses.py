"""The world of a client that comes back (:mod:`.resumed`), for a client of Responses: lanes, and what goes on from them.

Each create has all its events once, in order and without a gap, and ran once, whichever bytes of its sockets were lost;
what goes on from a response is asked with all that stood before it.

``python -m tests.world.resumed_responses --seconds 60 [--seed 7]`` runs random worlds.
"""

import json
from collections import deque
from functools import partial
from typing import Any, Final

from tests.world import resumed
from tests.world.random_runs import run_random

from aigw_drivers.client.messages import Message, read_message
from aigw_drivers.client.protocol import Due
from aigw_sansio import ConnId
from aigw_sansio.events import ExchangeEnded, RequestAdmitted

LANES: Final = ("", "", "a", "b")
TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed", "error")


class Create:
    """One create, and what its client was told of it."""

    def __init__(self, event_id: str, lane: str, parent: "Create | None", text: str) -> None:
        self.event_id = event_id
        self.lane = lane
        self.parent = parent
        self.text = text
        self.told: list[str] = []
        self.id = ""
        self.output: list[object] = []
        self.ended = False

    @property
    def conversation(self) -> list[object]:
        """All items up to its input."""
        before = [] if self.parent is None else [*self.parent.conversation, *self.parent.output]
        return [*before, {"type": "message", "role": "user", "content": self.text}]


class Stream(resumed.Stream):
    """One request at a provider that speaks Responses."""

    def __init__(self, conn: ConnId, total: int, name: str) -> None:
        super().__init__(conn, total)
        self.name = name

    def next_bytes(self) -> bytes | None:
        if self.sent > self.total:
            return None
        number, self.sent = self.sent, self.sent + 1
        response: dict[str, object] = {"id": f"resp_{self.name}", "object": "response", "metadata": {"n": self.name}}
        if number == -1:
            return resumed.HEAD + chunk({"type": "response.created", "response": {**response, "output": []}})
        if number == self.total:
            done = {**response, "status": "completed", "output": answer(self.name, self.total)}
            return chunk({"type": "response.completed", "response": done}) + b"0\r\n\r\n"
        place = {"item_id": "msg", "output_index": 0, "content_index": 0}
        return chunk({"type": "response.output_text.delta", **place, "delta": f"{number} "})


def chunk(event: dict[str, object]) -> bytes:
    data = b"data: %b\n\n" % json.dumps(event).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(name: str, total: int) -> list[object]:
    text = "".join(f"{number} " for number in range(total))
    return [{"id": "msg", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]


class World(resumed.World):
    """One client of Responses, its gateway and its providers."""

    target = b"/v1/local/default/openai/responses"
    fields = (("authorization", "Bearer k"),)
    most = 14

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.creates: list[Create] = []
        self.waiting: deque[Due] = deque()
        self.lanes: dict[str, deque[Create]] = {}  # those that have not ended
        self.latest: dict[str, Create] = {}

    # -- the client -----------------------------------------------------------------------------------------------

    def create(self, total: int) -> None:
        name = str(len(self.creates))
        lane = self.chance.choice(LANES)
        parent = self.latest.get(lane) if not self.lanes.get(lane) and self.chance.random() < 0.7 else None
        one = Create(name, lane, parent, f"{name} " * self.chance.choice((1, 50)))
        message: dict[str, Any] = {
            "type": "response.create", "model": "m", "store": False, "input": one.text,
            "metadata": {"total": str(total), "n": name}, **({"stream_id": lane} if lane else {}),
        }  # fmt: skip
        if parent is not None:
            message["previous_response_id"] = parent.id
        self.creates.append(one)
        self.lanes.setdefault(lane, deque()).append(one)
        self.waiting.append(Due(json.dumps(message), begins=name))

    def next_due(self) -> Due | None:
        return self.waiting.popleft() if self.waiting else None

    def hear(self, text: str) -> None:
        message = read_message(text)
        if message is not None:
            assert not self.resumption.heard(text, message) or message.kind == "going_away", text
            return
        told = json.loads(text)
        one = self.lanes[told.get("stream_id", "")][0]
        kind = str(told["type"])
        if self.resumption.heard(text, Message(kind, len(text), event_id=one.event_id, number=told.get("n"))):
            self.tell(one, kind, told)

    def tell(self, one: Create, kind: str, told: dict[str, Any]) -> None:
        assert kind != "error", told
        assert told["sequence_number"] == len(one.told), (one.event_id, told)
        one.told.append(told.get("delta", kind))
        if "response" in told:
            one.id = told["response"]["id"]
            assert told["response"]["metadata"]["n"] == one.event_id, told
        if kind in TERMINAL:
            one.output = told["response"]["output"]
            one.ended = True
            self.lanes[one.lane].popleft()
            self.latest[one.lane] = one

    @property
    def count(self) -> int:
        return len(self.creates)

    @property
    def is_over(self) -> bool:
        return all(one.ended for one in self.creates) and not self.waiting

    def step(self) -> None:
        """A random move. Providers are quick, and often all arrives, so that conversations go on."""
        super().step()
        socket = self.socket
        if socket is not None and not socket.lost and self.chance.random() < 0.3:
            self.to_gateway(socket)
            self.to_client(socket)
        for stream in list(self.streams.values()):
            if self.chance.random() < 0.5:
                self.provider_says(stream)

    # -- the provider ---------------------------------------------------------------------------------------------

    def asks(self, conn: ConnId, data: bytes) -> None:
        body = json.loads(data.partition(b"\r\n\r\n")[2])
        one = self.creates[int(body["metadata"]["n"])]
        assert body["input"] == one.conversation, one.event_id
        self.streams[conn] = Stream(conn, int(body["metadata"]["total"]), one.event_id)

    # -- checks ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        for one in self.creates:
            assert one.ended, one.event_id
            deltas = [told for told in one.told if not told.startswith("response.")]
            frame = [told for told in one.told if told.startswith("response.")]
            assert frame == ["response.created", "response.in_progress", "response.completed"], one.told
            assert deltas == [f"{number} " for number in range(len(deltas))], one.told
            assert one.output == answer(one.event_id, len(deltas)), (one.event_id, one.output)
        begun = sum(isinstance(event, RequestAdmitted) for event in self.events)
        assert begun == len(self.creates) == sum(isinstance(event, ExchangeEnded) for event in self.events)


run = partial(resumed.run, moves=250, make=World)
cut_at = partial(resumed.cut_at, make=World)

if __name__ == "__main__":
    raise SystemExit(run_random("random worlds of clients of Responses that come back", run))
