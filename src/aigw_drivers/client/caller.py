"""The calls that every client of a gateway has, whatever carries them.

Decides: how a call becomes a stream, and how a response is collected. Must not know: sockets, messages, and where the
gateway runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, Unpack, cast, overload

from aigw_sansio import ProviderEvent

from .protocol import Item
from .request import Options, Step, steps_of
from .stream import Carrier, Stream
from .values import Content, Mode, Response

RequestT = TypeVar("RequestT")


class Caller(ABC, Generic[RequestT]):
    """Base of the clients. ``RequestT`` is a request as its carrier takes it."""

    def __init__(self) -> None:
        self._names = count(1)

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Open what carries the exchanges."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it. What still runs is lost."""

    @abstractmethod
    async def _usable_link(self) -> Carrier[RequestT, Any]:
        """What carries the next exchange. Raises :class:`.errors.NotConnected` if there is none."""

    @abstractmethod
    def _request(self, steps: Sequence[Step], event_id: str, mode: Mode) -> RequestT:
        """The request for ``steps``. Raises ``TypeError`` or ``ValueError`` if that is none."""

    # -- exchanges ------------------------------------------------------------------------------------------------

    @overload
    def stream(
        self,
        provider: str,
        endpoint: str,
        query: object = None,
        *,
        mode: Literal["events"] = "events",
        **options: Unpack[Options],
    ) -> "Stream[ProviderEvent]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["raw"], **options: Unpack[Options]
    ) -> "Stream[Content]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["both"], **options: Unpack[Options]
    ) -> "Stream[ProviderEvent | Content]": ...
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "events", **options: Unpack[Options]
    ) -> "Stream[ProviderEvent] | Stream[Content] | Stream[ProviderEvent | Content]":
        """An exchange whose items are taken as they come: enter it with ``async with``, iterate it with ``async for``.

        ``mode`` says what the items are: ``"events"``, the words common to all providers
        (:data:`aigw_sansio.ProviderEvent`); ``"raw"``, the provider's own chunks (:class:`.values.Content`); or
        ``"both"``. For ``query`` and the options see :class:`.request.Step` and :class:`.request.Options`. Whether the
        provider streams is said in ``query``. Raises ``TypeError`` or ``ValueError`` if that is no request.
        """
        stream = self._stream(provider, endpoint, query, mode, options, gives_body=mode != "events")
        return cast("Stream[ProviderEvent]", stream)  # the overloads say what the mode makes it

    async def create(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "both", **options: Unpack[Options]
    ) -> Response:
        """A whole response; a stream is collected to its end. See :meth:`stream` for the parameters.

        Raises :class:`.errors.ProviderError`, :class:`.errors.GatewayError`, :class:`.errors.ConnectionLost` or
        :class:`.errors.NotConnected`. If the call is cancelled, so is the exchange.
        """
        chunks: list[Content] = []
        events: list[ProviderEvent] = []
        async with self._stream(provider, endpoint, query, mode, options, gives_body=False) as stream:
            async for item in stream:
                if isinstance(item, Content):
                    chunks.append(item)
                else:
                    events.append(item)
        return Response(metadata=stream.metadata, body=stream.response, chunks=tuple(chunks), events=tuple(events))

    def _stream(
        self, provider: str, endpoint: str, query: object, mode: Mode, options: Options, *, gives_body: bool
    ) -> "Stream[Item]":
        event_id = options.get("event_id")
        if event_id is None:
            event_id = f"aigw-{next(self._names)}"
        request = self._request(steps_of(provider, endpoint, query, options), event_id, mode)
        return Stream(self._usable_link, event_id, request, gives_body=gives_body)
