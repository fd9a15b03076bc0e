"""The commands that a client can give in any dialect. Data only."""

from typing import NamedTuple, TypeAlias

import msgspec

from ..exchanges.policy import StepConfig
from ..faults import Fault
from ..ids import Lineage
from ..secret import without_content


class Step(msgspec.Struct, frozen=True):
    """One step of a request. ``headers`` in the order sent, values as text (JSON text if the value was no string);
    ``query`` is the client's bytes, which are JSON, ``None`` if there were none; ``body``, in its place, bytes that are
    no JSON or not to be read as such. ``lineage``: where it stands on a connection with conversations."""

    provider: str
    endpoint: str
    method: str = "POST"
    headers: list[tuple[str, str]] = []
    query: bytes | None = None
    config: StepConfig = StepConfig()
    body: bytes | None = None
    lineage: Lineage | None = None

    __repr__ = without_content


class Create(msgspec.Struct, frozen=True):
    """Begin an exchange. ``event_id`` is ``None`` if the client left it to the gateway. ``log_id``: if it has one
    already. ``generates``: whether there is to be an exchange; else it is only found out whether there may be one."""

    event_id: str | None
    steps: list[Step]
    log_id: str | None = None
    generates: bool = True


class BadCreate(msgspec.Struct, frozen=True):
    """A create that names an exchange but cannot run."""

    event_id: str | None
    fault: Fault


class Cancel(msgspec.Struct, frozen=True):
    """Cancel an exchange."""

    event_id: str


class Ping(msgspec.Struct, frozen=True):
    """Reply with a sign of life."""


class Unusable(msgspec.Struct, frozen=True):
    """A message that names no exchange."""

    fault: Fault


class Turn(msgspec.Struct, frozen=True):
    """A create that waits until it is its turn: those of one ``lane`` run one after another. ``size``: the bytes of
    memory that it takes until then."""

    event_id: str
    lane: str
    size: int


class Reply(msgspec.Struct, frozen=True):
    """The dialect itself has replied, with ``messages``; there may be none."""

    messages: list[bytes]

    __repr__ = without_content


class Recall(msgspec.Struct, frozen=True):
    """A create goes on from the response ``id``, which is not known here: the host may have stored it."""

    id: str


class Storing(NamedTuple):
    """How the host stores responses: for ``ttl_s`` seconds, and at most so many bytes of one."""

    ttl_s: int
    most: int


class ToStore(msgspec.Struct, frozen=True):
    """What the host is to store for ``ttl_s`` seconds for later creates, of this connection or another one: the
    response ``id`` and what stands before it."""

    id: str
    content: bytes
    ttl_s: int

    __repr__ = without_content


Command: TypeAlias = Create | BadCreate | Cancel | Ping | Unusable
