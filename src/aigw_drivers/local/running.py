"""The client in the process of a gateway that runs already, whoever runs it.

Decides: nothing but when its exchanges end. Must not know: how the gateway was made, and what an exchange does
(:mod:`.link`).
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aigw_sansio import Create, LocalEngine

from ..anyio_driver import AnyioDriver
from ..client.caller import Caller
from ..client.errors import NotConnected
from ..client.request import Step
from ..client.values import Mode
from .link import LocalLink
from .request import create_command


class RunningClient(Caller[Create]):
    """Calls providers through a gateway that runs in this loop, with the methods of :class:`.client.LocalClient`. Enter
    it with ``async with``; leaving the block ends what still runs of it, and nothing else."""

    def __init__(self, driver: AnyioDriver, engine: LocalEngine, *, gateway: str, principal: str | None) -> None:
        """``driver`` drives ``engine``. ``gateway``: "ACCOUNT/GATEWAY"; ``principal``: the client's name in events."""
        super().__init__()
        self._driver = driver
        self._link = LocalLink(driver, engine, gateway, principal)
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        self._link.close()

    def _request(self, steps: Sequence[Step], event_id: str, mode: Mode) -> Create:
        return create_command(steps, event_id, mode)

    async def _usable_link(self) -> LocalLink:
        if not self._is_open:
            raise RuntimeError("enter the client first: async with running.client() as client")
        if not self._driver.serving:
            raise NotConnected("the gateway does not run")
        return self._link


def one_gateway(name: str | None, names: Sequence[str]) -> str:
    """``name``, if it is one of ``names``; without one the only one. ``ValueError`` for anything else."""
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        raise ValueError(f"gateway is {name!r}; it must be one of the settings: {', '.join(sorted(names))}")
    return name
