"""A gateway whose host reviews responses, without sockets: a script of a provider, and a reviewer that a test writes."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from tests.rigs.review_settings import reviewed

from aigw_drivers.testing import MockProvider, MockResponse, VirtualClient, VirtualGateway
from aigw_sansio import (
    Answer,
    Ask,
    AskId,
    Config,
    Effect,
    ExchangeEnded,
    Hit,
    KeptResponse,
    Limits,
    LookUp,
    Question,
    Released,
    Review,
    Timeouts,
)
from aigw_sansio.review import ReviewWindow

CHAT = ("openai", "chat/completions")
QUERY = {"model": "anthropic/m", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}


def text_chunk(text: str, choice: int = 0) -> dict[str, Any]:
    """A chunk of OpenAI's chat format."""
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": choice, "delta": {"content": text}}]}


def finish_chunk() -> dict[str, Any]:
    """The finish of such a stream, with its usage."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}


def chat(*texts: str) -> MockResponse:
    """A stream that says ``texts``."""
    return MockResponse.sse(*map(text_chunk, texts), finish_chunk(), "[DONE]")


class ReviewedGateway(VirtualGateway):
    """Its ``reviewer`` answers each review; ``None``: nobody does, until :meth:`reply`."""

    def __init__(
        self,
        responses: Sequence[MockResponse] | Callable[..., MockResponse],
        reviewer: Callable[[Review], Answer] | None = lambda review: Released(),
        *,
        window: ReviewWindow | None = None,
        limits: Limits | None = None,
        kept: KeptResponse | None = None,
    ) -> None:
        settings = reviewed(window)
        if kept is not None:
            settings = msgspec.structs.replace(settings, cache_ttl=60)
        self._kept = kept
        config = Config(
            gateways={"local/default": settings},
            limits=limits or Limits(),
            timeouts=Timeouts(review_s=7.0),
        )
        super().__init__(config, MockProvider(responses), answer=self._review)
        self._reviewer = reviewer
        #: The reviews that the host was asked for, in order.
        self.reviews: list[Review] = []
        #: Those that nobody has answered.
        self.open: list[tuple[AskId, Review]] = []
        self.client: VirtualClient = self.connect()

    def _execute(self, effect: Effect) -> None:
        if isinstance(effect, Ask) and self._reviewer is None:
            assert isinstance(effect.question, Review)
            self.reviews.append(effect.question)
            self.open.append((effect.id, effect.question))
        else:
            super()._execute(effect)

    def _review(self, question: Question) -> Answer:
        if isinstance(question, LookUp) and self._kept is not None:
            return Hit(self._kept)
        assert isinstance(question, Review)
        assert self._reviewer is not None
        self.reviews.append(question)
        return self._reviewer(question)

    def reply(self, answer: Answer, at: int = 0) -> None:
        """Answer a review that is open: the oldest."""
        self.call(self.gateway.answer, self.open.pop(at)[0], answer)

    def create(
        self,
        name: str = "e",
        steps: Sequence[tuple[str, str]] = (CHAT,),
        mode: str = "raw",
        headers: Mapping[str, str] = MappingProxyType({}),
        **more: Any,
    ) -> None:
        """The client asks for a response."""
        made: list[dict[str, Any]] = [
            {"provider": provider, "endpoint": endpoint, "headers": dict(headers), "query": QUERY, "config": more}
            for provider, endpoint in steps
        ]
        made[0] |= {"eventId": name, "config": {"response": mode, **more}}
        self.client.send(json.dumps({"type": "universal.create", "request": made}))

    @property
    def told(self) -> list[dict[str, Any]]:
        """All messages to the client."""
        return [json.loads(text) for side, text in self.client.messages if side == "gateway"]

    @property
    def kinds(self) -> list[str]:
        """The types of these, without ``universal.``."""
        return [message["type"].removeprefix("universal.") for message in self.told]

    @property
    def ended(self) -> ExchangeEnded:
        """The end of the only exchange."""
        (ended,) = [event for event in self.events if isinstance(event, ExchangeEnded)]
        return ended

    @property
    def text(self) -> str:
        """What the client was shown as text of choice 0: in chunks, if it gets them, else in events."""
        chunks = [message["response"] for message in self.told if message["type"] == "universal.stream"]
        if chunks:
            return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
        return self.text_of_events

    @property
    def text_of_events(self) -> str:
        """What the client was shown as text in events."""
        events = [message["event"] for message in self.told if message["type"] == "universal.event"]
        return "".join(event["text"] for event in events if event["type"] == "text.delta")
