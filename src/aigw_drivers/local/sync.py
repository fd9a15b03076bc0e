"""The client in the process of the gateway, for programs without an event loop: both run on a loop in a thread of their
own.

Decides: nothing; see :mod:`..client.sync`. Must not know: exchanges and the engine.
"""

from collections.abc import Callable

from aigw_sansio import Config, Engine, Event, Parts

from ..anyio_driver import AnswerHandler
from ..client.sync import SyncCaller
from .client import LocalClient


class SyncLocalClient(SyncCaller):
    """:class:`.client.LocalClient` for ordinary code: ``with SyncLocalClient(config) as client:``.

    Parameters, methods and errors are the same, without ``await``. Any thread may call, and many at once. ``answer``
    and ``on_event`` are called in the client's thread.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        gateway: str | None = None,
        principal: str | None = None,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        wrap: Callable[[Engine], Engine] | None = None,
        parts: Parts | None = None,
    ) -> None:
        client = LocalClient(
            config, gateway=gateway, principal=principal, answer=answer, on_event=on_event, wrap=wrap, parts=parts
        )
        super().__init__(client)
        self._drain = client.drain
        self._reconfigure = client.reconfigure

    def reconfigure(self, config: Config) -> None:
        """See :meth:`.client.LocalClient.reconfigure`. Any thread may call it."""

        async def reconfigure() -> None:
            self._reconfigure(config)

        self._call(reconfigure)

    def drain(self) -> None:
        """See :meth:`.client.LocalClient.drain`."""
        self._call(self._drain)
