"""A second dialect, shaped unlike ``universal``: every message is ``[kind, id, payload]``. The client says ``ask``,
``stop`` and ``ping``."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.dialects.base import Dialect, Listener
from aigw_sansio.dialects.commands import BadCreate, Cancel, Command, Create, Ping, Step, Unusable
from aigw_sansio.events import ProviderEvent, ResponseFailed, UsageReported
from aigw_sansio.exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from aigw_sansio.exchanges.policy import ResponseMode, StepConfig
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side


def message(kind: str, name: str | None, payload: object = None) -> bytes:
    return json.dumps([kind, name, payload]).encode()


class ToyEncoder(ResponseEncoder):
    """``begin``, ``chunk`` ..., ``end`` or ``broken``; or ``whole``; or ``refused``; or ``stopped``."""

    def __init__(self, name: str, *, reads_everything: bool = False) -> None:
        self._name = name
        self._reads_everything = reads_everything

    @property
    def reads_everything(self) -> bool:
        return self._reads_everything

    def begin(self, response: ProviderResponse, progress: Progress) -> list[bytes]:
        return [message("begin", self._name, [response.status, progress.step, progress.attempts])]

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        said: list[bytes] = []
        for chunk in chunks:
            events = response.read(chunk)
            said += self.chunk(response, chunk, events)
            failed = next((event for event in events if isinstance(event, ResponseFailed)), None)
            if failed is not None or response.terminated:
                return said, failed
        return said, None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        return [message("chunk", self._name, chunk.data.decode())]

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[bytes]:
        return [message("chunk", self._name, text.decode()) for text in texts]

    def events(self, events: list[ProviderEvent]) -> list[bytes]:
        return []

    def whole(self, final: FinalResponse, progress: Progress) -> list[bytes]:
        return [message("whole", self._name, [final.status, final.body.decode()])]

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        return [message("refused", self._name, fault.kind)]

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        return [message("end", self._name, usage.output_tokens if usage is not None else None)]

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        return [message("broken", self._name, fault.kind)]

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        return [message("stopped", self._name, response.status if response is not None else None)]


class ToyDialect(Dialect):
    """Speaks it. ``pong`` is two messages and ``going_away`` none: a session must take both."""

    @property
    def mode(self) -> Literal["universal", "realtime"]:
        return "universal"

    def decode(self, data: bytes) -> Command:
        try:
            kind, name, payload = json.loads(data)
        except ValueError:
            return Unusable(Fault(FaultKind.MALFORMED_MESSAGE, Side.CLIENT, "not [kind, id, payload]"))
        if kind == "ping":
            return Ping()
        if kind == "stop":
            return Cancel(name)
        if not isinstance(payload, list) or not payload:
            return BadCreate(name, Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, "nothing to ask"))
        return Create(name, [self._step(question) for question in payload])

    def _step(self, question: dict[str, Any]) -> Step:
        return Step(
            provider=question.get("provider", "openai"),
            endpoint="chat/completions",
            method="POST",
            headers=[("authorization", "Bearer x"), *question.get("headers", {}).items()],
            query=json.dumps(question).encode(),
            config=StepConfig(),
        )

    def encoder(self, event_id: str, log_id: str, mode: ResponseMode, listener: Listener | None) -> ResponseEncoder:
        return ToyEncoder(event_id)

    def pong(self) -> list[bytes]:
        return [message("pong", None, part) for part in (1, 2)]

    def answered(self, event_id: str, log_id: str, body: bytes) -> list[bytes]:
        return [message("answered", event_id, body.decode())]

    def refused(self, event_id: str, log_id: str, fault: Fault) -> list[bytes]:
        return [message("refused", event_id, fault.kind)]

    def cancelled(self, event_id: str, log_id: str) -> list[bytes]:
        return [message("stopped", event_id)]

    def unusable(self, fault: Fault, running_id: str | None) -> list[bytes]:
        return [message("unusable", running_id, fault.kind)]

    def going_away(self, deadline_ms: int) -> list[bytes]:
        return []
