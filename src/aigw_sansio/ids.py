"""Identities, and what a record names an exchange or a realtime session by.

Data only. The ids of connections and questions are numbers: opaque, never used again. Must not know: who issues or uses
them.
"""

from typing import Final, Literal, NamedTuple, NewType, TypeAlias

import msgspec

from .secret import without_content

#: One connection of a gateway.
ConnId = NewType("ConnId", int)

#: One question of the core to its host.
AskId = NewType("AskId", int)

#: One value of ``cf-aig-metadata``.
MetadataValue: TypeAlias = str | int | float | bool


class Lineage(NamedTuple):
    """Where a request stands in the conversations of its connection: in the lane ``lane``, behind the response
    ``previous``, if that is not empty. Then of its ``input``, a JSON array, only the bytes from ``since`` on are new.
    """

    lane: str
    previous: str = ""
    since: int = 0


#: The most that a price may be, in US dollars.
MOST_PRICE: Final = 1e6


class CustomCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a request costs, in US dollars: all of it, or for each token. A client or the settings say so.

    A price of cached tokens, or of audio, that is missing is that of the others in its direction. ``None``: not said.
    """

    per_token_in: float | None = None
    per_token_out: float | None = None
    per_cache_read_token: float | None = None
    per_cache_write_token: float | None = None
    per_audio_token_in: float | None = None
    per_audio_token_out: float | None = None
    total_cost: float | None = None


class RecordOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about the record of one exchange or realtime session, by its client or else by the settings.

    ``collect``: it is recorded. ``collect_payload``: with what was sent and received. ``metadata``: the client's own
    words, at most five. ``custom_cost``: what it costs.
    """

    collect: bool = True
    collect_payload: bool = False
    metadata: dict[str, MetadataValue] = {}
    custom_cost: CustomCost | None = None

    @property
    def keeps_payload(self) -> bool:
        """Whether what is sent and received is kept."""
        return self.collect and self.collect_payload


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent to a provider and received from it: the beginning of both bodies, as text, without the gateway's
    keys. The chunks of a stream are lines. ``None``: it is no text, or there was none."""

    request: str | None
    request_complete: bool
    response: str | None
    response_complete: bool

    __repr__ = without_content


#: Nothing is said: it is recorded, without what was sent and received.
NO_OPTIONS: Final = RecordOptions()


class RecordFields(msgspec.Struct, frozen=True, kw_only=True):
    """What the last event tells of a realtime session, or of an exchange's last step.

    ``started_unix_s``: wall time. ``key``: whose key went to the provider. ``queue_s``: the wait for a connection (and
    a token). ``connect_s``: the dial for it, 0 if it was there. ``None``: it did not come so far. ``record``: whether a
    host is to keep this, and what the client says about it. ``cost``: what it costs, as far as somebody knows.
    """

    account: str = ""
    gateway: str = ""
    principal: str | None = None
    traceparent: str | None = None
    started_unix_s: float = 0.0
    provider: str | None = None
    request_model: str | None = None
    endpoint: str | None = None
    key: Literal["client", "stored", "none"] = "none"
    queue_s: float | None = None
    connect_s: float | None = None
    first_byte_s: float | None = None
    first_content_s: float | None = None
    record: RecordOptions = NO_OPTIONS
    cost: float | None = None
