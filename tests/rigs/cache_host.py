"""A gateway whose host keeps responses in a dict, with a mock provider and clients without sockets."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aigw_drivers.testing import MockProvider, MockRequest, MockResponse, VirtualClient, VirtualGateway
from aigw_sansio import (
    Answer,
    Config,
    ExchangeEnded,
    GatewaySettings,
    Hit,
    KeptResponse,
    Limits,
    LookUp,
    Miss,
    ProviderSettings,
    Question,
    Timeouts,
    Unavailable,
)

#: A stream of two tokens, with its finish and terminator.
STREAM = (
    {"choices": [{"index": 0, "delta": {"content": "h"}}]},
    {"choices": [{"index": 0, "delta": {"content": "i"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "total_tokens": 5}},
    "[DONE]",
)
WHOLE = {"id": "x", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
#: What differs between the first response and the same one from the cache, in the metadata of a message.
OF_THE_EXCHANGE = ("cacheStatus", "eventId", "logId", "attempts")


def usual(request: MockRequest) -> MockResponse:
    """A stream if it is asked for, else a whole response."""
    return (
        MockResponse.sse(*STREAM) if b'"stream":true' in request.body.replace(b" ", b"") else MockResponse.json(WHOLE)
    )


class CacheHost(VirtualGateway):
    """Keeps what it is told to keep, until its time is over. ``others`` answers the other questions."""

    def __init__(
        self,
        respond: Callable[[MockRequest], MockResponse] = usual,
        *,
        gateways: Mapping[str, GatewaySettings] | None = None,
        providers: Mapping[str, ProviderSettings] | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        others: Callable[[Question], Answer] | None = None,
    ) -> None:
        self.asked: list[MockRequest] = []
        self.questions: list[Question] = []
        self.store: dict[str, tuple[KeptResponse, float]] = {}
        self.is_off = False
        self._respond = respond
        self._others = others
        config = Config(
            gateways=dict(gateways or {"local/default": GatewaySettings(cache_ttl=60)}),
            providers=dict(providers or {}),
            limits=limits or Limits(),
            timeouts=timeouts or Timeouts(),
        )
        self.provider = MockProvider(self._asked)
        super().__init__(config, self.provider, answer=self._give)

    def _asked(self, request: MockRequest) -> MockResponse:
        self.asked.append(request)
        return self._respond(request)

    def _give(self, question: Question) -> Answer:
        self.questions.append(question)
        if not isinstance(question, LookUp):
            return Unavailable() if self._others is None else self._others(question)
        self.take_kept()
        if self.is_off:
            return Unavailable()
        found = self.store.get(question.key)
        return Miss() if found is None or found[1] <= self.now else Hit(found[0])

    def advance(self, seconds: float) -> None:
        """See :meth:`VirtualGateway.advance`."""
        self.take_kept()
        super().advance(seconds)

    def take_kept(self) -> None:
        """Store what was to be kept until now."""
        for effect in self.kept:
            self.store[effect.key] = effect.response, self.now + effect.ttl_s
        self.kept.clear()

    def names(self) -> list[str]:
        """The classes of all questions so far."""
        return [type(question).__name__ for question in self.questions]

    def ended(self) -> list[ExchangeEnded]:
        """The ends of all exchanges so far."""
        return [event for event in self.events if isinstance(event, ExchangeEnded)]


def create(
    client: VirtualClient,
    query: object = None,
    *,
    event_id: str | None = None,
    provider: str = "openai",
    endpoint: str = "chat/completions",
    key: str = "Bearer sk-mine",
    headers: Mapping[str, object] | None = None,
    steps: list[dict[str, Any]] | None = None,
    **more: object,
) -> str:
    """Send a request, and return its ``eventId``. ``steps`` takes the place of the one step."""
    name = event_id or f"e{len(client.messages)}"
    fields = {"authorization": key, **(headers or {})} if key else dict(headers or {})
    first = {"provider": provider, "endpoint": endpoint, "headers": fields, "query": query or {"model": "m"}, **more}
    request = [first, *steps] if steps else first
    client.send(json.dumps({"type": "universal.create", "eventId": name, "request": request}))
    return name


def messages(client: VirtualClient, event_id: str) -> list[dict[str, Any]]:
    """What the client was told of an exchange."""
    told = [json.loads(text) for side, text in client.messages if side == "gateway"]
    return [message for message in told if message["metadata"].get("eventId") == event_id]


def shown(client: VirtualClient, event_id: str) -> list[dict[str, Any]]:
    """The same without what is of this exchange alone."""
    told = messages(client, event_id)
    for message in told:
        for name in OF_THE_EXCHANGE:
            message["metadata"].pop(name, None)
    return told


def status_of(client: VirtualClient, event_id: str) -> tuple[str, int]:
    """The ``cacheStatus`` and the ``attempts`` that the last message tells."""
    metadata = messages(client, event_id)[-1]["metadata"]
    return metadata["cacheStatus"], metadata["attempts"]
