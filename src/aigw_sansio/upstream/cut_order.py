"""The order of effects when a drain is over.

Decides: that clients are told before the calls that they wait for are cut (client protocol, section 6). Must not know:
why a call is cut.
"""

from collections.abc import Mapping

from ..effects import Effect
from ..engine.connection import Connection
from ..ids import ConnId
from .connection import UpstreamConnection


def put_calls_last(effects: list[Effect], made: int, connections: Mapping[ConnId, Connection]) -> None:
    """Of ``effects`` those behind the first ``made``: put those for providers' connections behind the others. What is
    for one connection keeps its order."""
    of_calls: list[Effect] = []
    others: list[Effect] = []
    for effect in effects[made:]:
        connection = connections.get(getattr(effect, "conn", ConnId(0)))
        (of_calls if isinstance(connection, UpstreamConnection) else others).append(effect)
    effects[made:] = [*others, *of_calls]
