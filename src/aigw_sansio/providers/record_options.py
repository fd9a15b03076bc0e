"""What a client says about the record of its request: whether there is to be one, and what it is to tell.

Decides: which fields say it, their forms and bounds, and what an unusable one is. Must not know: what else a record
tells, and where records go.

``cf-aig-metadata`` that cannot be read is lost as a whole, as in the original. The other fields decide about privacy
and money: one that cannot be read is a fault.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ..faults import Fault, FaultKind, Side
from ..ids import MOST_PRICE, CustomCost, MetadataValue, RecordOptions

METADATA: Final = "cf-aig-metadata"
_COLLECT: Final = "cf-aig-collect-log"
_PAYLOAD: Final = "cf-aig-collect-log-payload"
_COST: Final = "cf-aig-custom-cost"
_NAMES: Final = frozenset((METADATA, _COLLECT, _PAYLOAD, _COST))
#: More values are not read. A name that begins like this is reserved.
_MOST_VALUES: Final = 5
_RESERVED: Final = "cf."
_WORDS: Final = {"true": True, "false": False}

#: What the settings say, if the client says nothing: by ``collect`` and ``collect_payload``.
_UNSAID: Final = {
    (collect, payload): RecordOptions(collect=collect, collect_payload=payload)
    for collect in (False, True)
    for payload in (False, True)
}

_decode_metadata: Final = msgspec.json.Decoder(dict[str, str | int | float | bool]).decode
_decode_cost: Final = msgspec.json.Decoder(CustomCost).decode


def read_options(
    headers: Iterable[tuple[str, str]], handshake: Mapping[str, str], *, collect: bool, payload: bool
) -> RecordOptions | Fault:
    """What a request says: in its own ``headers``, else in those of its client's ``handshake``, whose names are in
    lower case. ``collect`` and ``payload`` are the settings' words."""
    said = {name: value for name, value in handshake.items() if name in _NAMES} if handshake else {}
    for name, value in headers:
        if (lower := name.lower()) in _NAMES:
            said[lower] = value
    if not said:
        return _UNSAID[collect, payload]
    cost = None
    try:
        if _COLLECT in said:
            collect = _WORDS[said[_COLLECT].lower()]
        if _PAYLOAD in said:
            payload = _WORDS[said[_PAYLOAD].lower()]
        if _COST in said:
            cost = _read_cost(said[_COST])
    except KeyError:
        return _refuse(f"headers {_COLLECT} and {_PAYLOAD}: allowed are true and false")
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        prices = ", ".join(CustomCost.__struct_fields__)
        allowed = f"allowed are {prices}, each a number from 0 to {MOST_PRICE:.0f}"
        return _refuse(f"header {_COST} must be a JSON object; {allowed}")
    return RecordOptions(
        collect=collect, collect_payload=payload, metadata=read_metadata(said.get(METADATA)), custom_cost=cost
    )


def read_metadata(text: str | None) -> dict[str, MetadataValue]:
    """The client's metadata: a JSON object of texts, numbers and booleans; nothing, if it is anything else."""
    if text is None:
        return {}
    try:
        found = _decode_metadata(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return {name: value for name, value in list(found.items())[:_MOST_VALUES] if not name.startswith(_RESERVED)}


def _read_cost(text: str) -> CustomCost:
    cost = _decode_cost(text)
    for price in msgspec.structs.astuple(cost):
        if price is not None and not 0 <= price <= MOST_PRICE:
            raise ValueError("a price that is out of range")
    return cost


def _refuse(detail: str) -> Fault:
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail)
