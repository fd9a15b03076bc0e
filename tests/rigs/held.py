"""What a gateway holds in all, counted at once."""

from aigw_sansio.engine.memory import ClientId
from aigw_sansio.gateway import Gateway


def count(gateway: Gateway) -> tuple[int, dict[ClientId, int]]:
    """All bytes, and those of each client that holds any."""
    census = gateway._census
    clients: dict[ClientId, int] = {}
    total = sum(census.count(conn, clients, 1)[0] for conn in census.connections())
    return total, clients


def held(gateway: Gateway) -> int:
    """All bytes."""
    return count(gateway)[0]
