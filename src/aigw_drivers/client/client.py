"""The client of a gateway on anyio: asyncio, uvloop or trio, whoever started the loop.

Decides: when a socket is dialled, and how an exchange is given to a program. Must not know: what messages say
(:mod:`.protocol`), and how a socket is served (:mod:`.link`).
"""

import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import Secret

from .caller import Caller
from .errors import NotConnected
from .link import Link, Observer
from .protocol import ClientProtocol
from .request import Step, create_message
from .resumption import Resumption
from .values import Mode
from .websocket import HandshakeRefused, connect


def check_url(url: str) -> None:
    """Raises ``ValueError`` if ``url`` is none of a WebSocket."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"the URL of a gateway is ws://HOST/v1/ACCOUNT/GATEWAY, or wss://; not {url!r}")


class Client(Caller[str]):
    """A client of one gateway. Use it as ``async with Client(url) as client:``; the block is left in the same task.

    One socket carries any number of exchanges; :meth:`stream` and :meth:`create` begin them, from any task. Entering
    the block opens the socket, so a wrong ``token`` is found at once. If the socket ends, the exchanges on it fail with
    :class:`.errors.ConnectionLost`, because their requests may have been carried out; the next exchange opens another
    socket. It does so too when the gateway goes away (a drain), while the exchanges on the old socket finish. No
    request is carried out twice.

    With ``resume`` the gateway keeps the session when a socket is lost, if its setting ``resume_s`` allows it: another
    socket is opened, and the exchanges go on without a message lost or repeated. Messages are acknowledged in batches
    of 32, or sooner if they are large. Only if the gateway cannot be reached in time, or keeps the session no more,
    they fail with :class:`.errors.ConnectionLost`.

    ``url`` is ``ws(s)://HOST/v1/ACCOUNT/GATEWAY``. ``headers`` are added to the handshake. ``ssl_context`` replaces the
    system's trust. ``open_timeout_s`` limits a dial with its handshake, in seconds. ``on_message`` is called for each
    message, with ``"sent"`` or ``"received"`` and its text. Raises ``ValueError`` for another kind of URL.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Secret | None = None,
        headers: Sequence[tuple[str, str]] = (),
        ssl_context: ssl.SSLContext | None = None,
        open_timeout_s: float = 30.0,
        on_message: Observer | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__()
        check_url(url)
        self._url = url
        self._headers = list(headers)
        if token is not None:
            value = token.reveal() if isinstance(token, Secret) else token
            self._headers.append(("cf-aig-authorization", f"Bearer {value}"))
        self._ssl_context = ssl_context
        self._open_timeout_s = open_timeout_s
        self._observer = on_message
        self._resumes = resume
        self._tasks: TaskGroup | None = None
        self._link: Link | None = None  # the one on which the next exchange is created
        self._links: set[Link] = set()
        self._dialling = anyio.Lock()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a Client is entered once; make another one")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            await self._usable_link()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        assert self._tasks is not None
        self._is_closed = True
        for link in self._links:
            link.close()
        # The task group is told of no error: it would wrap it.
        await self._tasks.__aexit__(None, None, None)

    # -- for its exchanges ----------------------------------------------------------------------------------------

    def _request(self, steps: Sequence[Step], event_id: str, mode: Mode) -> str:
        return create_message(steps, event_id, mode)

    async def _usable_link(self) -> Link:
        if self._tasks is None:
            raise RuntimeError("enter the client first: async with Client(...) as client")
        async with self._dialling:
            if self._is_closed:
                raise NotConnected("the client is closed")
            if self._link is not None and self._link.is_usable:
                return self._link
            resumption = Resumption() if self._resumes else None
            link = Link(
                lambda: connect(
                    self._url,
                    headers=[*self._headers, *(resumption.headers if resumption is not None else ())],
                    ssl_context=self._ssl_context,
                ),
                ClientProtocol(),
                self._observer,
                resumption=resumption,
                open_timeout_s=self._open_timeout_s,
            )
            try:
                with anyio.fail_after(self._open_timeout_s):
                    await self._tasks.start(self._run, link)
            except HandshakeRefused as error:
                raise NotConnected(f"the gateway refused the socket: {error}", error.status) from error
            except TimeoutError as error:
                raise NotConnected(f"the gateway did not answer within {self._open_timeout_s:g} s") from error
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream) as error:
                raise NotConnected(f"the gateway cannot be reached: {error}") from error
            self._link = link
            return link

    async def _run(self, link: Link, *, task_status: TaskStatus[None]) -> None:
        self._links.add(link)
        if self._is_closed:
            link.close()
        try:
            await link.run(task_status=task_status)
        finally:
            self._links.discard(link)
