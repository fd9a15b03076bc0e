"""Responses over WebSocket as a session uses it (``RESPONSES.md`` beside this file).

Decides: what a create of a client asks of its provider, from what was said before on its connection, and the messages
outside exchanges. Must not know: sessions and sockets, when a create has its turn, and which providers there are.

A provider is asked as any client of ``compat`` asks it, with the whole conversation: it need not keep any of it.
"""

import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

import msgspec

from ...config import Config
from ...events import SessionMode
from ...exchanges.encoder import Progress, ResponseEncoder
from ...exchanges.policy import ResponseMode
from ...faults import Fault, WrongField
from ...formats.answers.encoding import own_id
from ...formats.values import parse, text
from ...ids import Lineage
from ..base import LanedDialect, Listener
from ..commands import Command, Create, Recall, Reply, Step, Storing, ToStore, Turn, Unusable
from .encoder import ResponsesEncoder
from .failures import error_message, fault_message
from .items import Items, calls_of, count_items, input_items, output_items, unknown_call
from .memory import Conversation, Memory, Remembered, bytes_of
from .request import (
    NO_MODEL,
    Ask,
    BadLane,
    Nothing,
    Refusal,
    Steer,
    no_such_call,
    no_such_response,
    read_message,
    without_steering,
)
from .stored import as_stored, from_stored, stored_size

#: What a create takes in memory beside its message: bytes, measured with CPython 3.11.
_TURN_BYTES: Final = 2048
_COMPAT: Final = "compat"
_ENDPOINT: Final = "responses"
_TRUE: Final = msgspec.Raw(b"true")
_NULL: Final = msgspec.Raw(b"null")
#: Stands for the conversation of a create that generates nothing, when it is asked whether it may go.
_NO_WORDS: Final = msgspec.Raw(b'"."')
_NO_PROGRESS: Final = Progress(0, 0)
#: A place in the items of a request.
_ITEM: Final = re.compile(r"input\[(\d{1,9})\](.*)", re.DOTALL).fullmatch


class _Running:
    """A create that was begun. ``conversation``: with its input. ``encoder`` makes all its messages."""

    __slots__ = (
        "conversation",
        "encoder",
        "lane",
        "listed",
        "model",
        "parent",
        "stored",
        "storing",
    )

    def __init__(
        self,
        ask: Ask,
        conversation: Conversation,
        model: msgspec.Raw,
        encoder: ResponsesEncoder,
        *,
        listed: int | None,
        stored: bool,
        storing: Storing | None,
    ) -> None:
        self.lane = ask.lane
        self.parent = ask.parent
        self.conversation = conversation
        self.listed = listed  # the items of its own in that; None: its input is no array
        self.model = msgspec.Raw(bytes(model))
        self.stored = stored  # at its provider
        self.storing = storing  # in the host's store
        self.encoder = encoder

    def as_asked(self, fault: WrongField) -> WrongField:
        """``fault``, which is about all items of the conversation, for a client that wrote the last ones of them."""
        found = _ITEM(fault.field)
        if found is None:
            return fault
        before = count_items(self.conversation.items) - (1 if self.listed is None else self.listed)
        number = int(found[1])
        if number < before:
            why = f"{fault.why} This is item {number} of its conversation, counted from 0."
            return msgspec.structs.replace(fault, field="previous_response_id", why=why)
        field = "input" if self.listed is None else f"input[{number - before}]{found[2]}"
        return msgspec.structs.replace(fault, field=field)


class ResponsesDialect(LanedDialect):
    """The protocol on one connection."""

    __slots__ = (
        "_headers", "_keeps", "_lanes", "_life_s", "_limits", "_memory", "_numbers", "_provider", "_recalling",
        "_running", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        *,
        provider: str | None,
        headers: Sequence[tuple[str, str]],
        keeps: Callable[[str], bool],
    ) -> None:
        """``provider``: that of the URL; ``None``: each model names its own. ``headers``: those of the client's upgrade
        that go to providers. ``keeps``: whether a provider speaks Responses itself, and so may know older responses."""
        self._limits = limits = config.limits
        self._life_s = config.timeouts.responses_session_s
        self._provider = provider
        self._headers = list(headers)
        self._keeps = keeps
        self._recalling: dict[str, tuple[Ask, str, int, Storing | None]] = {}
        self._memory = Memory(limits.conversation_bytes_per_connection)
        self._lanes: set[str] = set()  # the names so far
        self._waiting: dict[str, Ask] = {}
        self._running: dict[str, _Running] = {}
        self._numbers = count(1)

    @property
    def mode(self) -> SessionMode:
        return "responses"

    @property
    def held(self) -> int:
        held = self._memory.held
        for running in self._running.values():
            held += running.encoder.held
        return held

    # -- a create's way -----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> Turn | Reply | Unusable:
        message = read_message(data)
        if isinstance(message, Fault):
            return Unusable(message)
        if isinstance(message, Nothing):
            return Reply([])
        if isinstance(message, Steer):
            return Reply([without_steering(message, self._lane_of(message.target))])
        if isinstance(message, BadLane):
            return Reply([_told(message.refusal, None)])
        lane, most = message.lane, self._limits.lanes_per_connection
        if lane and lane not in self._lanes:
            if len(self._lanes) >= most:
                return Reply([_told(_too_many_lanes(most), lane)])
            self._lanes.add(lane)
        event_id = f"{lane}#{next(self._numbers)}"
        self._waiting[event_id] = message
        return Turn(event_id, lane, _TURN_BYTES + len(data))

    def begin(
        self, event_id: str, log_id: str, created: int, storing: Storing | None = None
    ) -> Create | Reply | Recall:
        ask = self._waiting.pop(event_id)
        if ask.refusal is not None:
            return self._refuse(ask, ask.refusal)
        if ask.parent is None:
            return self._begin(event_id, ask, None, log_id=log_id, created=created, storing=storing)
        found = self._memory.find(ask.parent, ask.lane)
        if found is None and storing is not None and self._wants_store(ask, self._provider_of(ask.body.get("model"))):
            self._recalling[event_id] = ask, log_id, created, storing
            return Recall(ask.parent)
        return self._begin(event_id, ask, found, log_id=log_id, created=created, storing=storing)

    def recalled(self, event_id: str, content: bytes | None) -> Create | Reply:
        ask, log_id, created, storing = self._recalling.pop(event_id)
        found = None if content is None else from_stored(ask.parent or "", content)
        return self._begin(event_id, ask, found, log_id=log_id, created=created, storing=storing)

    def _begin(
        self,
        event_id: str,
        ask: Ask,
        found: Remembered | None,
        *,
        log_id: str,
        created: int,
        storing: Storing | None,
    ) -> Create | Reply:
        """``found``: what it goes on from, if that is known."""
        conversation, model = Conversation(), ask.body.get("model")
        provider = self._provider_of(model)
        if ask.parent is not None:
            if found is not None:
                conversation, model = found.conversation, model or found.model
                provider = self._provider_of(model)
            elif self._is_stored(ask, provider):
                conversation = Conversation(base=ask.parent)
            else:
                return self._refuse(ask, no_such_response(ask.parent))
            if conversation.base is not None and not self._keeps(provider):
                return self._refuse(ask, no_such_response(ask.parent))
        if model is None:
            return self._refuse(ask, NO_MODEL)
        items = input_items(ask.input)
        if ask.parent is not None and conversation.base is None:
            missing = unknown_call(items, conversation.calls)
            if missing is not None:
                return self._refuse(ask, no_such_call(missing))
        conversation = conversation.with_items(items.text, calls_of(items))
        stored = ask.generate and self._is_stored(ask, provider)
        storing = storing if ask.generate and self._wants_store(ask, provider) else None
        encoder = ResponsesEncoder(
            _response_id(log_id),
            request={**ask.body, "model": msgspec.Raw(msgspec.json.encode(self._model_at(provider, model)))},
            stream_id=ask.lane or None,
            previous_response_id=ask.parent,
            store=stored,
            room=None if storing is None else storing.most - stored_size(conversation, model),
            created=created,
            most=self._limits.response_body_bytes,
        )
        self._running[event_id] = _Running(
            ask, conversation, model, encoder, listed=items.listed, stored=stored, storing=storing
        )
        previous = found.id if found is not None and items.text else ""
        steps = [self._step(ask, conversation, model, previous, len(items.text))]
        return Create(event_id, steps, log_id=log_id, generates=ask.generate)

    def admitted(self, event_id: str, completed: int) -> list[bytes]:
        return self._running[event_id].encoder.generate_nothing(completed)

    def call_off(self, event_id: str) -> None:
        ask = self._waiting[event_id]
        self._waiting[event_id] = ask._replace(body={}, input=_NULL, refusal=_CANCELLED)

    def carried(self, event_id: str) -> int:
        running = self._running.get(event_id)
        if running is None:
            return 0
        parent = 0 if running.parent is None else 2 * bytes_of(running.parent)  # and in what its client is told
        return running.conversation.size + running.encoder.repeated + parent

    def ended(self, event_id: str) -> ToStore | None:
        running = self._running.pop(event_id, None)
        if running is None:
            return None
        outcome = running.encoder.outcome
        if outcome is None or outcome.status in ("failed", "error"):
            self._memory.forget(running.lane, running.parent)
            return None
        items = output_items(outcome.output, stored=running.stored)
        remembered = self._remember(running, outcome.response_id, items)
        storing = running.storing if outcome.fits else None
        content = None if storing is None else as_stored(remembered)
        return None if storing is None or content is None else ToStore(remembered.id, content, storing.ttl_s)

    def turned_away(self, event_id: str, fault: Fault) -> list[bytes]:
        ask = self._not_begun(event_id)
        self._memory.forget(ask.lane, ask.parent)
        return [fault_message(fault, ask.lane or None)]

    def too_old(self, event_id: str | None) -> list[bytes]:
        ask = None if event_id is None else self._not_begun(event_id)
        return [_told(_too_old(self._life_s), None if ask is None else ask.lane or None)]

    def made(self, event_id: str) -> int | None:
        running = self._running.get(event_id)
        return None if running is None else running.encoder.made

    def life_sign(self, event_id: str) -> list[bytes]:
        running = self._running.get(event_id)
        return [] if running is None else running.encoder.life_sign()

    # -- Dialect ------------------------------------------------------------------------------------------------

    def decode(self, data: bytes) -> Command:
        raise AssertionError("a create waits for its turn: call receive")

    def encoder(
        self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None
    ) -> ResponseEncoder[bytes]:
        encoder = self._running[event_id].encoder
        encoder.listener = listener
        return encoder

    def pong(self) -> list[bytes]:
        return []

    def answered(self, event_id: str, log_id: str, body: bytes) -> list[bytes]:
        raise AssertionError("the gateway itself has no response in this format")

    def refused(self, event_id: str, log_id: str, fault: Fault) -> list[bytes]:
        running = self._running[event_id]
        if isinstance(fault, WrongField):
            fault = running.as_asked(fault)
        return running.encoder.refused(fault, _NO_PROGRESS, None)

    def cancelled(self, event_id: str, log_id: str) -> list[bytes]:
        return self._running[event_id].encoder.cancelled(None, _NO_PROGRESS, None)

    def unusable(self, fault: Fault, running_id: str | None) -> list[bytes]:
        return [fault_message(fault, None)]

    def going_away(self, deadline_ms: int) -> list[bytes]:
        return []

    # -- inside -------------------------------------------------------------------------------------------------

    def _provider_of(self, model: msgspec.Raw | None) -> str:
        if self._provider is not None:
            return self._provider
        return "" if model is None else text(parse(model)).partition("/")[0]

    def _model_at(self, provider: str, model: msgspec.Raw) -> str:
        """``model`` as its provider calls it, which is what a response says."""
        name = text(parse(model))
        return name if self._provider is not None else name.removeprefix(f"{provider}/")

    def _is_stored(self, ask: Ask, provider: str) -> bool:
        """Whether the provider keeps the response, and knows older ones."""
        return _wants_to_store(ask) and self._keeps(provider)

    def _wants_store(self, ask: Ask, provider: str) -> bool:
        """Whether the host would store the response, and is asked for older ones."""
        return _wants_to_store(ask) and not self._keeps(provider)

    def _step(self, ask: Ask, conversation: Conversation, model: msgspec.Raw, previous: str, fresh: int) -> Step:
        """``previous``: the response that it goes on from, if all before it is known; only the last ``fresh`` bytes of
        the conversation are not part of that."""
        body: dict[str, msgspec.Raw] = {**ask.body, "model": model}
        if self._provider is not None:
            body["model"] = msgspec.Raw(msgspec.json.encode(f"{self._provider}/{text(parse(model))}"))
        if conversation.base is not None:
            body["previous_response_id"] = msgspec.Raw(msgspec.json.encode(conversation.base))
        lineage = Lineage(ask.lane)
        if not ask.generate:
            body["input"] = _NO_WORDS  # what may go on need not be what can be asked: a call without its result
        elif conversation.items or bytes(memoryview(ask.input)[:1]) == b"[":
            whole = b"[%b]" % b",".join(conversation.items)
            body["input"] = msgspec.Raw(whole)
            if previous:
                lineage = Lineage(ask.lane, previous, len(whole) - 1 - fresh)
        body["stream"] = _TRUE
        query = msgspec.json.encode(body)
        return Step(provider=_COMPAT, endpoint=_ENDPOINT, headers=self._headers, query=query, lineage=lineage)

    def _remember(self, running: _Running, id: str, output: Items) -> Remembered:
        conversation = running.conversation.with_items(output.text, calls_of(output))
        remembered = Remembered(id, conversation, running.model)
        self._memory.keep(running.lane, remembered)
        return remembered

    def _refuse(self, ask: Ask, refusal: Refusal) -> Reply:
        self._memory.forget(ask.lane, ask.parent)
        return Reply([_told(refusal, ask.lane or None)])

    def _not_begun(self, event_id: str) -> Ask:
        """A create that is not to begin."""
        return self._recalling.pop(event_id)[0] if event_id in self._recalling else self._waiting.pop(event_id)

    def _lane_of(self, response_id: str) -> str | None:
        """The lane of a response that runs, or ran last there."""
        for running in self._running.values():
            if running.encoder.response_id == response_id:
                return running.lane
        return self._memory.lane_of(response_id)


_CANCELLED: Final = Refusal("cancelled", "The request was cancelled.", None, status=499)


def _too_old(life_s: float | None) -> Refusal:
    message = (
        f"Responses websocket connection limit reached ({round((life_s or 0) / 60)} minutes). Create a new websocket "
        "connection to continue."
    )
    return Refusal("websocket_connection_limit_reached", message, None)


def _too_many_lanes(most: int) -> Refusal:
    message = (
        f"This WebSocket connection has reached its maximum number of distinct stream IDs ({most}). Reuse an existing "
        "stream_id or open a new WebSocket connection."
    )
    return Refusal("websocket_stream_limit_reached", message, "stream_id")


def _told(refusal: Refusal, stream_id: str | None) -> bytes:
    return error_message(
        refusal.status,
        code=refusal.code,
        type=refusal.kind,
        message=refusal.message,
        param=refusal.param,
        stream_id=stream_id,
    )


def _wants_to_store(ask: Ask) -> bool:
    return bytes(ask.body.get("store", _TRUE)) != b"false"


def _response_id(log_id: str) -> str:
    return own_id("resp_", log_id)  # as that of a translated response
