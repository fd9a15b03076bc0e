"""How an exchange is told to its client: the messages of one exchange, in a dialect that the exchange does not know.

Decides: what an exchange has to tell. Must not know: any dialect; each implements :class:`ResponseEncoder`.

An abstract class, not a ``Protocol``: :meth:`ResponseEncoder.chunks` is called for every read of a stream.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed, UsageReported
from ..faults import Fault
from .response import ProviderResponse


class Progress(NamedTuple):
    """How far an exchange came: the step that is tried or shown, from 0, and the attempts of all steps."""

    step: int
    attempts: int


class FinalResponse(NamedTuple):
    """A whole response that the client gets, keys of the gateway removed. ``step`` is the one that brought it."""

    step: int
    status: int
    content_type: str | None
    body: bytes
    charset: str | None


class ResponseEncoder(ABC):
    """Encodes one exchange. Each method returns the messages to send, in order, perhaps none.

    Either ``whole`` or ``refused`` alone; or ``begin``, then ``chunks``, then ``finished`` or ``failed``; or
    ``cancelled`` at any time. ``chunk`` and ``events`` encode what is sent behind ``begin`` but was read before it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def reads_everything(self) -> bool:
        """Whether every chunk of a stream must be read for its meaning; otherwise only errors and usage are."""

    @abstractmethod
    def begin(self, response: ProviderResponse, progress: Progress) -> list[bytes]:
        """The commit: from here on the client sees ``response`` and no other."""

    @abstractmethod
    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        """The messages of ``chunks`` up to one in which the provider reports an error, and that error."""

    @abstractmethod
    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        """The messages of one chunk that means ``events``."""

    @abstractmethod
    def events(self, events: list[ProviderEvent]) -> list[bytes]:
        """The messages of ``events`` that belong to no chunk of their own."""

    @abstractmethod
    def whole(self, final: FinalResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        """A whole response. The exchange has ended."""

    @abstractmethod
    def refused(self, fault: Fault, progress: Progress) -> list[bytes]:
        """There is no response to show: ``fault`` says why. The exchange has ended."""

    @abstractmethod
    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        """The stream is complete. The exchange has ended."""

    @abstractmethod
    def failed(self, response: ProviderResponse, fault: Fault, progress: Progress) -> list[bytes]:
        """The stream broke off. The exchange has ended."""

    @abstractmethod
    def cancelled(self, response: ProviderResponse | None, progress: Progress) -> list[bytes]:
        """It was cancelled. ``response`` is the one under way, if its head is in."""
