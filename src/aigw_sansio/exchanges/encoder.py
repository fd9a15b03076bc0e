"""The seam between an exchange and the dialect of its client: the messages of one exchange.

Decides: what an exchange tells its client. Must not know: any dialect; each implements :class:`ResponseEncoder`.

An abstract class, not a ``Protocol``: :meth:`ResponseEncoder.chunks` is called for every read of a stream.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, NamedTuple

from ..bodies.chunk import Chunk
from ..events import FinishReason, ProviderEvent, ResponseFailed, UsageReported
from ..faults import Fault
from ..formats.translation import Note
from ..wires.http import Headers
from .ports import MessageT
from .response import ProviderResponse


class Progress(NamedTuple):
    """How far an exchange has come: the current step, from 0, and the number of attempts of all steps. ``notes`` say
    what the translation of a step's request lost. ``cached``: the response is that of another request's call.
    ``unix_s``: the time, in seconds since 1970."""

    step: int
    attempts: int
    notes: tuple[Note, ...] = ()
    cached: bool = False
    unix_s: int = 0


class FinalResponse(NamedTuple):
    """A whole response for the client, with the gateway's keys redacted. ``step`` is the step that it came from;
    ``status`` the one to show, which for an error inside a 2xx is that of the error. ``headers`` are the provider's;
    ``events`` say what the response means. ``own_body`` is the provider's, if a review has changed it."""

    step: int
    status: int
    content_type: str | None
    body: bytes
    charset: str | None
    headers: Headers
    events: list[ProviderEvent]
    usage: UsageReported | None = None
    finish_reason: FinishReason | None = None
    own_body: bytes | None = None


class KeptText(NamedTuple):
    """The beginning of a response, kept for its record. ``complete``: it is all of it."""

    text: str
    complete: bool


class ResponseEncoder(ABC, Generic[MessageT]):
    """Encodes one exchange. Each method returns the messages to send, in order; there may be none.

    The order of calls: ``chunk`` and ``events`` any number of times; then ``whole`` or ``refused``; or ``begin``, then
    ``chunks`` and ``events``, then ``finished`` or ``failed``. ``cancelled`` may take the place of any later call.

    What ``chunk`` and ``events`` encode before ``begin`` is uncommitted: it is sent after the messages of ``begin``, or
    thrown away if the attempt fails and another one begins. So keep no state of it beyond ``attempt``.
    """

    __slots__ = ()

    @property
    def held(self) -> int:
        """Bytes of memory that are kept of the response."""
        return 0

    @property
    def kept(self) -> KeptText | None:
        """What is kept of the response for its record, if anything is."""
        return None

    def attempt(self, step: int) -> None:
        """An attempt of ``step`` begins: what was encoded of an earlier one is thrown away."""

    @property
    @abstractmethod
    def reads_everything(self) -> bool:
        """Whether every chunk of a stream must be read for its meaning; otherwise only errors and usage are."""

    @property
    def shows_chunks(self) -> bool:
        """Whether the client sees the chunks of a stream as they are given to ``chunk``, beside their meaning."""
        return True

    def shows_body(self, step: int) -> bool:
        """Whether the client sees a whole response of ``step`` as it is given to ``whole``."""
        return True

    @abstractmethod
    def begin(self, response: ProviderResponse, progress: Progress) -> list[MessageT]:
        """The commit: from here on the client sees ``response`` and no other."""

    @abstractmethod
    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[MessageT], ResponseFailed | None]:
        """The messages of ``chunks``, up to one in which the provider reports an error; and that error. Chunks behind
        the format's terminator have none."""

    @abstractmethod
    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[MessageT]:
        """The messages of one chunk; ``events`` are its meaning."""

    def rewritten(
        self, response: ProviderResponse, chunk: Chunk, own: Chunk, events: list[ProviderEvent]
    ) -> list[MessageT]:
        """The same for a chunk that a review has changed; ``own`` is the provider's, which no client sees."""
        return self.chunk(response, chunk, events)

    @abstractmethod
    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[MessageT]:
        """The messages of one chunk that was translated: ``texts``, each a JSON document, are shown in its place;
        ``events`` are its meaning."""

    @abstractmethod
    def events(self, events: list[ProviderEvent]) -> list[MessageT]:
        """The messages of ``events`` that belong to no chunk."""

    @abstractmethod
    def whole(self, final: FinalResponse, progress: Progress) -> list[MessageT]:
        """A whole response; the messages of its events come first. The exchange has ended."""

    @abstractmethod
    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        """There is no response to show: ``fault`` says why. ``usage`` is of one that broke off. The exchange has
        ended."""

    @abstractmethod
    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        """The stream is complete. The exchange has ended."""

    @abstractmethod
    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        """The stream failed. The exchange has ended."""

    @abstractmethod
    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        """The exchange was cancelled. ``response`` is the current one, if its head has come."""
