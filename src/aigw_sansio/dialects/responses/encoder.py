"""The messages of one exchange for a client of Responses over WebSocket.

Decides: how chunks and ends become messages. Must not know: lanes, what a connection remembers, and when anything is
sent.

A provider that speaks Responses has its events copied, with their own number and lane (:mod:`.lines`); one that
does not was translated before. What has no type, and what is no JSON, cannot be shown: a client's library would end its
connection. An error before anything was shown is the message ``error``; after that the response fails.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ...bodies.chunk import Chunk
from ...events import ProviderEvent, ResponseFailed, UsageReported
from ...exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from ...exchanges.response import ProviderResponse
from ...faults import Fault
from ...formats.answers.errors import NO_FINISH
from ...formats.classify import worth_reading
from ...formats.values import JsonObject, obj, parse, raw_members
from ...json_text import valid_json
from ..base import Listener
from ..head_fields import shown_headers
from .failures import (
    SERVER_ERROR,
    error_message,
    failed_error,
    fault_error,
    fault_message,
    provider_error,
    provider_message,
)
from .response_object import ResponseObject
from .told import Outcome, ToldResponse

_ERRORS: Final = frozenset(("error", "response.error"))
_NO_OUTPUT: Final = len(b"[]")
_CANCELLED: Final = "the response was cancelled"
_NO_RESPONSE: Final[JsonObject] = {
    "type": SERVER_ERROR,
    "code": "malformed_response",
    "message": "what the provider sent is no response that has ended",
    "param": None,
}


class ResponsesEncoder(ResponseEncoder[bytes]):
    """The messages of one exchange. ``made`` counts them, and those of :meth:`life_sign`."""

    __slots__ = ("_committed", "_failed", "_said", "_told", "listener", "made")

    def __init__(
        self,
        response_id: str,
        *,
        request: Mapping[str, msgspec.Raw],
        stream_id: str | None,
        previous_response_id: str | None,
        store: bool,
        created: int,
        most: int,
        room: int | None = None,
        listener: Listener | None = None,
    ) -> None:
        """``response_id``: for a provider that gives none. ``request``: what the client wrote, of
        :data:`.response_object.REPEATED` at least. ``store``: whether its provider keeps the response. ``created``: in
        seconds since 1970. ``most``: so many bytes of the output may be kept. ``room``: so many bytes of output may a
        response have that the gateway stores; ``None`` or less than that of none: it does not."""
        response = ResponseObject(
            response_id,
            request,
            previous_response_id=previous_response_id,
            store=store or (room is not None and room >= _NO_OUTPUT),
            created=created,
        )
        self._told = ToldResponse(response, stream_id, most=most, room=room)
        self.listener = listener
        self._committed = False
        self._failed: ResponseFailed | None = None
        self._said: JsonObject = {}  # the event in which the provider said that it failed
        self.made = 0

    @property
    def outcome(self) -> Outcome | None:
        """What the client was told in the end; ``None`` before that."""
        return self._told.outcome

    @property
    def response_id(self) -> str | None:
        """What the client calls the response; ``None`` if nothing of it was made."""
        return self._told.response.id if self._told.begun else None

    @property
    def held(self) -> int:
        return self._told.held

    @property
    def repeated(self) -> int:
        """Bytes of memory that it holds of the request."""
        return self._told.response.repeated

    @property
    def reads_everything(self) -> bool:
        return self.listener is not None

    def attempt(self, step: int) -> None:
        self._rewind()

    def life_sign(self) -> list[bytes]:
        """Messages for a client that has heard nothing for a while. Before the commit they begin the response, so that
        it can only fail from there on, and other attempts still follow; none if messages of the attempt wait."""
        told = self._told
        if self._committed or (told.begun and told.kept):
            messages = told.go_on()
        elif told.begun or not told.kept:
            return []
        else:
            messages = told.begin()
        if not self._committed:
            told.keep()
        return self._count(messages)

    def generate_nothing(self, completed: int) -> list[bytes]:
        """The messages of a response that is complete at the Unix time ``completed`` (seconds), without any output."""
        return self._count(self._told.generate_nothing(completed))

    # -- streams ------------------------------------------------------------------------------------------------

    def begin(self, response: ProviderResponse, progress: Progress) -> list[bytes]:
        self._committed = True
        return []

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        """See :meth:`ResponseEncoder.chunks`. Every token takes this path."""
        told = self._told
        copies = told.plain and self.listener is None
        search, delta = response.search, told.lines.delta
        count = response.unsearched  # so many may hold a key, and those behind them the rest of it
        messages: list[bytes] = []
        for index, chunk in enumerate(chunks):
            if index < count or response.unsearched:
                response.unsearched = 0
                chunk = response.redacted(chunk)
            elif copies and not worth_reading(chunk, search):
                copied = delta(chunk.data)
                if copied is not None:
                    messages.append(copied)
                    continue
            events = response.read(chunk)
            messages += self._show(chunk, events)
            if response.notable:
                failed = next((event for event in events if type(event) is ResponseFailed), None)
                if failed is not None or response.terminated:
                    return self._count(messages), failed
                search = response.search
            copies = told.plain and self.listener is None
        return self._count(messages), None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        return self._count(self._show(chunk, events))

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[bytes]:
        """See :meth:`ResponseEncoder.texts`. Every token of a translated response takes this path."""
        if self.listener is not None:
            self.listener(events)
        told = self._told
        if len(texts) == 1:
            return self._count(told.written(texts[0]))
        return self._count([message for text in texts for message in told.written(text)])

    def events(self, events: list[ProviderEvent]) -> list[bytes]:
        if self.listener is not None:
            self.listener(events)
        return []

    def _show(self, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        """The messages of one chunk that was read."""
        if self.listener is not None:
            self.listener(events)
        told = self._told
        failed = next((event for event in events if type(event) is ResponseFailed), None)
        if failed is None and told.plain:
            copied = told.lines.delta(chunk.data)
            if copied is not None:
                return [copied]
        data = valid_json(chunk.data)
        members = raw_members(chunk.data if data is None else data)
        if members is None:
            self._failed = failed or self._failed
            return []
        kind = parse(members["type"]) if "type" in members else chunk.event
        if type(kind) is not str or kind in _ERRORS or (not kind.startswith("response.") and "type" not in members):
            if failed is not None:
                self._failed = failed
                self._said = obj(parse(chunk.data))
            return []
        return told.event(kind, members) if kind else []

    # -- ends ---------------------------------------------------------------------------------------------------

    def whole(self, final: FinalResponse, progress: Progress) -> list[bytes]:
        self.events(final.events)
        self._rewind()
        members = raw_members(final.body) or {}
        failed = self._told.failure(members, final.usage)
        if failed is not None:
            return self._count(failed)
        if final.status < 300:
            made = self._told.whole(members, final.usage)
            return self._count(self._refuse(502, _NO_RESPONSE, final) if made is None else made)
        return self._count(self._refuse(final.status, provider_error(final.status, final.body), final))

    def _refuse(self, status: int, error: JsonObject, final: FinalResponse) -> list[bytes]:
        if self._told.begun:
            return self._told.fail(error, final.usage)
        self._told.refuse()
        return [provider_message(status, error, shown_headers(final.headers), self._told.lines.stream_id)]

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        self._rewind()
        if self._told.begun:
            return self._count(self._told.fail(fault_error(fault), usage))
        self._told.refuse()
        return self._count([fault_message(fault, self._told.lines.stream_id)])

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        return self._count(self._told.fail(failed_error(NO_FINISH, {}), usage))

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        error = fault_error(fault) if self._failed is None else failed_error(self._failed, self._said)
        return self._count(self._told.fail(error, usage))

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        self._rewind()
        told = self._told
        if told.begun:
            return self._count(told.fail({"code": SERVER_ERROR, "message": _CANCELLED, "type": "cancelled"}, usage))
        told.refuse()
        stream_id = told.lines.stream_id
        return self._count([error_message(499, code="cancelled", message=_CANCELLED, stream_id=stream_id)])

    # -- what is kept -------------------------------------------------------------------------------------------

    def _rewind(self) -> None:
        """Before the commit: throw away what was made of an attempt."""
        if not self._committed:
            self._told.rewind()
            self._failed, self._said = None, {}

    def _count(self, messages: list[bytes]) -> list[bytes]:
        self.made += len(messages)
        return messages
