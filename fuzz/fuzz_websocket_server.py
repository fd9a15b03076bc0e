"""Any bytes, any cuts, as a server: the same events as read whole, and wsproto's; what is relayed is well-formed.

``python -m fuzz.fuzz_websocket_server --seconds 60``. The first byte of an input chooses the cuts.
"""

from fuzz._fuzz import main
from fuzz._websocket import check, seeds

from aigw_sansio.wires.websocket.frames import Role

SEEDS: list[bytes] = seeds(Role.SERVER)


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    check(Role.SERVER, data)


if __name__ == "__main__":
    main(target, SEEDS)
