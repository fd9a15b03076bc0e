"""``AnyioDriver`` keeps the contract, on every loop, and with every way of waiting for sockets."""

from tests.rigs.hosts import HOSTS, OwnSuite


class TestOnAsyncio(OwnSuite):
    host = HOSTS["anyio-asyncio"]


class TestOnUvloop(OwnSuite):
    host = HOSTS["anyio-uvloop"]


class TestOnTrio(OwnSuite):
    host = HOSTS["anyio-trio"]


class TestWithCallbacksOnAsyncio(OwnSuite):
    host = HOSTS["anyio-callbacks-asyncio"]


class TestWithCallbacksOnUvloop(OwnSuite):
    host = HOSTS["anyio-callbacks-uvloop"]


class TestWithTasksOnAsyncio(OwnSuite):
    host = HOSTS["anyio-tasks-asyncio"]


class TestWithTasksOnTrio(OwnSuite):
    host = HOSTS["anyio-tasks-trio"]
