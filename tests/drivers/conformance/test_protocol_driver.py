"""``ProtocolDriver`` keeps the contract, on asyncio's loop and uvloop's."""

from tests.rigs.hosts import HOSTS, OwnSuite


class TestOnAsyncio(OwnSuite):
    host = HOSTS["protocol-asyncio"]


class TestOnUvloop(OwnSuite):
    host = HOSTS["protocol-uvloop"]
    exact_pauses = False  # its transports may read once what was said before
