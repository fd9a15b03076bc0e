"""One response as its client is told of it: how it begins, its items, its one end.

Decides: that ``response.created`` and ``response.in_progress`` come first and one terminal event last, with the whole
output. Must not know: chunks, attempts, and when anything is sent.

Source: OpenAI's guide "WebSocket mode"; its SDKs, most of which take the ``response`` of the terminal event as it is.
Every method that makes messages returns none behind the terminal event.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from ...events import UsageReported
from ...formats.answers.encoding import encode
from ...formats.answers.kept import OBJECT
from ...formats.values import JsonObject, count, obj, parse, raw_members, text, word
from .failures import SERVER_ERROR
from .lines import Lines
from .response_object import NULL, Members, ResponseObject, begins, failed_members, whole_usage
from .whole import item_events

Status: TypeAlias = Literal["completed", "incomplete", "failed", "error"]

CREATED, QUEUED, IN_PROGRESS = "response.created", "response.queued", "response.in_progress"
_BEGINNINGS: Final = frozenset((CREATED, QUEUED, IN_PROGRESS))
#: Terminal events, and what the client is told. Its libraries know the first three of them.
_ENDS: Final[dict[str, Status]] = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "failed",
}
_DONE: Final = "response.done"
#: What a response has that has not ended.
_NOT_ENDED: Final[Members] = {
    "output": msgspec.Raw(b"[]"),
    **dict.fromkeys(("error", "usage", "incomplete_details", "completed_at"), NULL),
}
_MEMBERS: Final[Members] = {}


class Outcome(NamedTuple):
    """What the client was told in the end. ``error``: no response began, and it got the message ``error``.

    ``response_id`` is what the client calls the response, ``provider_id`` what the provider does, if it has said so.
    ``output`` is the JSON array of the terminal event; an empty one for ``failed`` and ``error``. ``fits``: whether the
    gateway may store it."""

    status: Status
    response_id: str
    provider_id: str | None
    output: bytes
    fits: bool = True


class ToldResponse:
    """Call :meth:`event` for each event of a provider, or :meth:`whole` once; :meth:`fail` may end it at any time.
    ``outcome`` is set by the terminal event.

    What is made until :meth:`keep` may be thrown away with :meth:`rewind`."""

    __slots__ = (
        "_base",
        "_items",
        "_lost",
        "_most",
        "_next",
        "_room",
        "_stage",
        "held",
        "lines",
        "outcome",
        "response",
    )

    def __init__(self, response: ResponseObject, stream_id: str | None, *, most: int, room: int | None = None) -> None:
        """``most``: so many bytes of items are kept, for a provider whose terminal event has no output. ``room``: with
        more output the gateway does not store it, and says so; ``None``: it does not anyway."""
        self.lines = Lines(stream_id)
        self.response = response
        self.outcome: Outcome | None = None
        #: Bytes of memory that are kept of the output.
        self.held = 0
        self._most = most
        self._room = room
        self._items: dict[int, bytes] = {}
        self._next = 0  # the index behind all items
        self._lost = False
        self._stage = 0  # 1: it was created; 2: it is in progress
        self._base = (0, 0)  # the number and the stage that were sent

    @property
    def begun(self) -> bool:
        """Whether anything was made."""
        return self._stage > 0

    @property
    def plain(self) -> bool:
        """Whether a delta may be copied."""
        return self._stage == 2 and self.outcome is None

    def keep(self) -> None:
        """What was made so far is sent."""
        self._base = (self.lines.number, self._stage)

    @property
    def kept(self) -> bool:
        """Whether all that was made is sent."""
        return self._base[0] == self.lines.number

    def rewind(self) -> None:
        """What was made since :meth:`keep` is thrown away."""
        self.lines.number, self._stage = self._base
        self._forget_items()
        self._lost, self.outcome = False, None
        if self._stage == 0:
            self.response.restart()

    def begin(self, given: Members = _MEMBERS) -> list[bytes]:
        """The events that begin the response, as far as they were not made. ``given``: what the provider says of it."""
        out: list[bytes] = []
        for stage, kind in enumerate((CREATED, IN_PROGRESS)):
            if self._stage == stage:
                self._stage = stage + 1
                out.append(self._frame(kind, given, "in_progress"))
        return out

    def go_on(self) -> list[bytes]:
        """A sign of life of a response that was created: ``response.in_progress``, once more if it was told."""
        if self.outcome is not None or self._stage == 0:
            return []
        self._stage = 2
        return [self._frame(IN_PROGRESS, {}, "in_progress")]

    def event(self, kind: str, members: Members) -> list[bytes]:
        """A provider's event of the type ``kind``, with all its members."""
        if self.outcome is not None:
            return []
        if kind in _BEGINNINGS:
            return self._beginning(kind, members)
        status = _ENDS.get(kind)
        if status is not None or kind == _DONE:
            response = _response_of(members)
            return [
                *self.begin(_as_it_began(response)),
                self._end(status or _done_as(response), response, members),
            ]
        out = self.begin()
        if kind == "response.output_item.done":
            self._keep_item(members)
        out.append(self.lines.event(kind, members))
        return out

    def written(self, written: bytes) -> list[bytes]:
        """The same for an event that we wrote ourselves from another format. Its terminal event has the output."""
        copied = self.lines.written(written) if self.plain else None
        if copied is not None:
            return [copied]
        members = raw_members(written) or {}
        kind = text(parse(members.get("type", NULL)))
        return self.event(kind, members) if kind else []

    def whole(self, response: Members, usage: UsageReported | None) -> list[bytes] | None:
        """A whole response as the events of a stream. ``None`` if it is none, or has not ended."""
        status = text(parse(response.get("status", NULL)))
        items = parse(response.get("output", NULL))
        if type(items) is not list or status not in ("completed", "incomplete", ""):
            return None
        out = self.begin(_as_it_began(response))
        for index, item in enumerate(items):
            out += [self.lines.event(kind, told) for kind, told in item_events(obj(item), index)]
        out.append(self._end("incomplete" if status == "incomplete" else "completed", response, {}, usage))
        return out

    def failure(self, said: Members, usage: UsageReported | None) -> list[bytes] | None:
        """What a provider says of a response that has failed: its event, or the response itself. ``None`` if it is
        neither: then no response began."""
        event = text(parse(said.get("type", NULL)))
        response = _response_of(said) if event else said
        if "id" not in response or text(parse(response.get("status", NULL))) != "failed":
            return None
        if event == "response.failed":
            return self.event(event, said)
        return [*self.begin(_as_it_began(response)), self._end("failed", response, {}, usage)]

    def fail(self, error: JsonObject, usage: UsageReported | None = None) -> list[bytes]:
        """The response fails with ``error``; see :mod:`.failures`."""
        if self.outcome is not None:
            return []
        return [*self.begin(), self._end("failed", failed_members(error), {}, usage)]

    def generate_nothing(self, completed: int) -> list[bytes]:
        """The events of a response without any output, which is complete at the Unix time ``completed`` (seconds)."""
        out: list[bytes] = []
        if self._stage == 0:
            self._stage = 1
            out.append(self._frame(CREATED, {}, "in_progress"))
        at = msgspec.Raw(b"%d" % completed)
        return [*out, self._end("completed", {"completed_at": at}, {}, UsageReported())]

    def refuse(self) -> None:
        """The client gets the message ``error`` instead of a response."""
        self.outcome = self._outcome("error", b"[]")

    # -- the frame ----------------------------------------------------------------------------------------------

    def _beginning(self, kind: str, members: Members) -> list[bytes]:
        response = _response_of(members)
        if kind == CREATED:
            if self._stage:
                return []
            self._stage = 1
            return [self._frame(kind, response, "in_progress", members)]
        out: list[bytes] = []
        if self._stage == 0:
            self._stage = 1
            out.append(self._frame(CREATED, response, "in_progress"))
        if kind == IN_PROGRESS:
            self._stage = 2
        out.append(self._frame(kind, response, "queued" if kind == QUEUED else "in_progress", members))
        return out

    def _frame(self, kind: str, given: Members, status: str, members: Mapping[str, object] = _MEMBERS) -> bytes:
        return self.lines.event(kind, {**members, "response": self.response.fill(given, status)})

    def _end(self, status: Status, given: Members, members: Members, usage: UsageReported | None = None) -> bytes:
        output = given.get("output", NULL)
        if begins(output) != b"[" or len(memoryview(output)) < 3:  # left out, or empty
            if self._lost and status != "failed":
                status = "failed"
                why = f"the provider left out its output, which has more than {self._most} bytes"
                given = {**given, **failed_members({"code": SERVER_ERROR, "message": why})}
            output = self._rebuilt()
        filled = {**given, "output": output, "usage": whole_usage(given.get("usage", NULL), usage)}
        if status == "failed":
            filled["error"] = _error_of(filled)
        else:
            filled["error"] = NULL
        shown = bytes(output) if status != "failed" else b"[]"
        fits = self._room is None or (status != "failed" and len(shown) <= self._room)
        told = self.response.fill(filled, status)
        if not fits:
            told["store"] = msgspec.Raw(b"false")
        event = self.lines.event(f"response.{status}", {**members, "response": told})
        self.outcome = self._outcome(status, shown)._replace(fits=fits)
        self._forget_items()
        return event

    def _outcome(self, status: Status, output: bytes) -> Outcome:
        response = self.response
        return Outcome(status, response_id=response.id, provider_id=response.provider_id, output=output)

    # -- items --------------------------------------------------------------------------------------------------

    def _keep_item(self, members: Members) -> None:
        item = members.get("item")
        if item is None or self._lost:
            return
        index = count(parse(members.get("output_index", NULL)))
        kept = bytes(item)
        index = self._next if index is None else index
        self._items[index] = kept
        self._next = max(self._next, index + 1)
        self.held += len(kept) + OBJECT
        if self.held > self._most:
            self._forget_items()
            self._lost = True

    def _rebuilt(self) -> msgspec.Raw:
        """The output, from its items."""
        return msgspec.Raw(b"[%b]" % b",".join(self._items[index] for index in sorted(self._items)))

    def _forget_items(self) -> None:
        self._items, self._next, self.held = {}, 0, 0


def _response_of(members: Members) -> Members:
    given = members.get("response")
    return {} if given is None else raw_members(bytes(given)) or {}


def _as_it_began(response: Members) -> Members:
    """A response that has ended, as it was in the beginning."""
    return {**response, **_NOT_ENDED}


def _done_as(response: Members) -> Status:
    """The end that ``response.done`` is, an older name for all of them."""
    status = text(parse(response.get("status", NULL)))
    if status == "incomplete":
        return "incomplete"
    return "completed" if status in ("", "completed") else "failed"


def _error_of(response: Members) -> msgspec.Raw:
    """The ``error`` of a response that failed: the provider's, with what it must have."""
    own = obj(parse(response.get("error", NULL)))
    status = text(parse(response.get("status", NULL)))
    told = dict(own)
    if type(own.get("code")) is not str or not own.get("code"):
        told["code"] = word(own.get("type")) or SERVER_ERROR
    if type(own.get("message")) is not str:
        told["message"] = f"the provider ended its response: {status or 'failed'}"[:200]
    return msgspec.Raw(encode(told))
