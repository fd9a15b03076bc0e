"""The interface of a reader: what the chunks of a response mean, in the words of :mod:`aigw_sansio.events`.

Decides: what every reader promises. Must not know: any format.

Any class with these members is a reader; it needs no base class. A host gives its own to :class:`aigw_sansio.Parts`.
Bodies have :class:`Reader`, the messages of a WebSocket :class:`RealtimeReader`.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ..bodies.chunk import Chunk
from ..events import ProviderEvent


class Reader(Protocol):
    """Reads one response: call ``read`` for each chunk of a stream, then ``finish``; or only ``read_whole``, once.

    Each call costs time in proportion to its bytes. A reader keeps what it needs to understand the next chunk (a count,
    an open tool call), never the text of the response.
    """

    @property
    def markers(self) -> tuple[bytes, ...]:
        """Byte strings of the format. Every chunk with an error, usage, a finish or the format's terminator contains at
        least one of them; with ``(b"",)`` every chunk is read. After the commit, and while nobody listens, chunks may
        be skipped if :func:`aigw_sansio.formats.classify.worth_reading` is false for them; all others must be read. Ask
        at the commit: a server that names its events outside of their data has none before. They do not change after
        it.

        The terminator ``[DONE]`` has no marker: the SSE decoder takes it out of the stream and tells it. If it is
        passed on as a chunk of its own, that chunk must be read. Once ``finish_seen`` is true all chunks must be read:
        few follow, and content among them means that the response goes on."""

    @property
    def terminated(self) -> bool:
        """The format's own terminator has been read: nothing of the response follows."""

    @property
    def finish_seen(self) -> bool:
        """Every choice known has told its finish, and no content has come since. Usage may follow, so the end is the
        terminator, the end of the transport, or some time without a chunk that says anything."""

    @property
    def complete(self) -> bool:
        """Whether the format's own end has come, so that the usage is final: ``terminated`` or ``finish_seen``."""

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        """The events of one chunk, in order. Never raises, whatever the bytes."""

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        """The events of a whole response, whatever its status, with its finish."""

    def finish(self) -> list[ProviderEvent]:
        """The transport ended cleanly. Returns the finishes that were held back because usage could follow them. Do not
        call it for a body that broke off."""


class RealtimeReader(Protocol):
    """Reads the messages of one provider on one WebSocket, in order, while they pass. It is asked only if the host
    listens (``Config.emit_provider_events``), or if a quota counts what is used.

    Each call costs time in proportion to its bytes. A reader keeps what it needs to understand the next message, never
    the content.
    """

    @property
    def response_id(self) -> str:
        """The id of the response to which the events of the last message belong; ``""`` if the protocol has only one
        response, or gives it no id. Usage is counted once for each id."""

    @property
    def responding(self) -> bool:
        """Whether a response goes on after a ``ResponseFailed`` or ``ResponseFinished``: it belonged to another one."""

    def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
        """The events of one message. ``is_text``: its opcode is TEXT, not BINARY. Never raises, whatever the bytes; for
        what nobody can read it returns ``Unrecognised``."""


#: Makes a reader for one WebSocket.
RealtimeReaderMaker: TypeAlias = Callable[[], RealtimeReader]
