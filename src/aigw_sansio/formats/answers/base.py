"""What writes an answer, and what it has to know of the request.

Decides: nothing; it is the seam between events and the three formats that clients speak. Must not know: any format.

A writer is made for one response. Of a stream, call ``write`` with the events of each chunk, then ``finish``. Of a
whole response, call ``write_whole`` once, and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from ...events import ProviderEvent, ResponseFailed
from ...prompt import Prompt
from ..media import Media
from ..translation import Note


class AnswerContext(msgspec.Struct, frozen=True):
    """What a writer has to know beside the events.

    ``id`` is opaque and makes all ids of the response, behind the prefixes of the format. ``created`` is in seconds
    since 1970. ``model`` is the one that was asked for; what the provider calls it goes first. ``prompt`` is what the
    client asked: a response of OpenAI Responses repeats much of it. ``include_usage``: a client of Chat Completions
    asked for usage in its stream; the other formats always have it.

    ``source`` is the name of the provider's format, ``maker`` the vendor of the model, as in
    :attr:`aigw_sansio.prompt.Opaque.maker`: whose signatures come.

    ``tool_names`` maps names of tools as they were sent to those that the client gave. ``custom_tools`` are names, as
    sent, of functions that stand for the client's tools with free text: their one property ``input`` is that text.
    ``output_tool`` is the name, as sent, of a function that stands for structured output: its arguments are the text.
    """

    id: str
    created: int
    model: str
    prompt: Prompt = Prompt()
    include_usage: bool = False
    source: str = ""
    maker: str = ""
    tool_names: Mapping[str, str] = {}
    custom_tools: frozenset[str] = frozenset()
    output_tool: str | None = None


class AnswerWriter(Protocol):
    """Writes one response in one format."""

    @property
    def notes(self) -> list[Note]:
        """What the format could not say so far, once for each kind. ``field`` is the type of the event."""

    @property
    def failed(self) -> ResponseFailed | None:
        """The error that was written, if the response is one: the provider's own, or one about its end."""

    @property
    def held(self) -> int:
        """Bytes of memory that the writer keeps, which a provider can make grow; objects count too (:mod:`.kept`)."""

    @property
    def wants_logprobs(self) -> bool:
        """Whether the request asked for log probabilities: call :meth:`take_logprobs` before each write then."""

    def take_logprobs(self, data: bytes) -> None:
        """``data``: the provider's chunk, or whole body, that the next events came from. Never raises."""

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        """The payloads of the stream's chunks that ``events`` give, each one JSON text, without any framing. ``media``
        is what :func:`..media.find_media` found for them. Never raises, whatever the order of events.

        After a ``ResponseFailed`` the last payload is the error; nothing follows it."""

    def finish(self, *, completed: int | None = None) -> list[bytes]:
        """The provider's response ended cleanly, and the last events were written. Returns what ends the stream, with
        the terminator of the format. A response that told no finish ends with an error: it may be incomplete.
        ``completed``: the time, in seconds since 1970, for the formats that tell when a response was complete;
        ``None``: it is not known."""

    def write_whole(
        self, events: Sequence[ProviderEvent], media: Sequence[Media] = (), *, completed: int | None = None
    ) -> bytes:
        """The body of a whole response. If it is an error's, ``failed`` is set, and
        :func:`.errors.shown_status` tells its status. ``completed`` as for :meth:`finish`."""
