"""The driver of this project on everything that it supports, each as the host of a conformance suite."""

import asyncio

from anyio.abc import TaskGroup

from aigw_drivers import AnyioDriver
from aigw_drivers.conformance import DriverSuite, LoopHost
from aigw_drivers.core.readiness import LoopReadiness, Readiness, TaskReadiness


class _TaskDriver(AnyioDriver):
    """The driver as it runs where there is neither epoll nor a loop with reader callbacks."""

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return TaskReadiness(tasks, self._on_readable, self._on_writable)


class _CallbackDriver(AnyioDriver):
    """The driver as it runs on asyncio where there is no epoll."""

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return LoopReadiness(asyncio.get_running_loop(), self._on_readable, self._on_writable)


HOSTS = {
    "anyio-asyncio": LoopHost(AnyioDriver),
    "anyio-uvloop": LoopHost(AnyioDriver, use_uvloop=True),
    "anyio-trio": LoopHost(AnyioDriver, "trio"),
    "anyio-callbacks-asyncio": LoopHost(_CallbackDriver),
    "anyio-callbacks-uvloop": LoopHost(_CallbackDriver, use_uvloop=True),
    "anyio-tasks-asyncio": LoopHost(_TaskDriver),
    "anyio-tasks-trio": LoopHost(_TaskDriver, "trio"),
}


class OwnSuite(DriverSuite):
    """The driver does all that a driver can do."""

    patience_s = 120.0  # far longer than any machine needs
    tls = True
    waits_for_look_ups = True
    half_close_over_tls = True
    lingering_close = True
    contains_bugs = True
    checks_answers = True
    exact_pauses = True
    proxies = True
