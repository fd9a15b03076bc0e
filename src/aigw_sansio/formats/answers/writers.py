"""What the writers of answers share: what they know of a response, and the order in which they go through it.

Decides: when a response has failed, is empty, or is over, and that its pieces come one after another for the formats
that need it. Must not know: how anything is written.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from ...events import Citation, ProviderEvent, ResponseFailed, ResponseFinished, UsageReported
from ..logprobs import Tokens, find_logprobs
from ..media import Media
from ..translation import Note
from ..values import JsonObject
from .base import AnswerContext
from .encoding import encode
from .errors import NO_ANSWER, NO_FINISH, why_failed
from .losses import Losses
from .order import InOrder, in_natural_order
from .restore import Piece, Restorer, first_failure, with_media, without_void_calls
from .tool_ids import ToolIds


class Writer:
    """The state that each writer has. ``calls`` is the prefix of ids that are made for tool calls."""

    def __init__(self, context: AnswerContext, calls: str) -> None:
        self._context = context
        self._restorer = Restorer(context)
        self._losses = Losses()
        self._tool_ids = ToolIds(calls, context.id)
        self._usage: UsageReported | None = None
        self._failed: ResponseFailed | None = None
        self._whole = False
        self._logprobs: dict[int, Tokens] = {}  # of each choice: those that are not written yet
        #: See :class:`.base.AnswerWriter`.
        self.wants_logprobs = context.prompt.logprobs is not None

    @property
    def notes(self) -> list[Note]:
        """See :class:`.base.AnswerWriter`."""
        return self._losses.notes

    def take_logprobs(self, data: bytes) -> None:
        """See :class:`.base.AnswerWriter`."""
        for choice, tokens in find_logprobs(data).items():
            self._logprobs.setdefault(choice, []).extend(tokens)

    def _note_citation(self, cited: Citation, name: str) -> None:
        """Tell what of ``cited`` OpenAI's formats do not hold. ``name`` is that of the format."""
        if cited.text:
            self._losses.dropped("citation", f"{name} have no place for the words that are cited")
        if cited.document is not None:
            self._losses.dropped("citation", f"{name} have no places in documents of the request")
        if self._context.source == "gemini" and cited.start is None:
            self._losses.dropped("citation", "Google counts places in the bytes of a part, which are not translated")

    @property
    def failed(self) -> ResponseFailed | None:
        """See :class:`.base.AnswerWriter`."""
        return self._failed


class OrderedWriter(Writer, ABC):
    """A writer for a format of one choice, whose blocks or items come strictly one after another. Its payloads are
    objects; a whole response is made of the same ones as a stream."""

    def __init__(self, context: AnswerContext, calls: str) -> None:
        super().__init__(context, calls)
        self._order = InOrder(self._restorer)
        self._finished: ResponseFinished | None = None
        self._completed: int | None = None  # the time of the end, if it is known

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        """See :class:`.base.AnswerWriter`."""
        return [encode(payload) for payload in self._payloads(events, media)]

    def finish(self, *, completed: int | None = None) -> list[bytes]:
        """See :class:`.base.AnswerWriter`."""
        self._completed = completed
        return [encode(payload) for payload in self._ending()]

    def _whole_payloads(self, events: Sequence[ProviderEvent], media: Sequence[Media]) -> Iterator[JsonObject]:
        """The payloads of a whole response. Use none of them if ``_failed`` is set behind the last."""
        self._whole = True
        self._failed = first_failure(events)
        if self._failed is not None:
            return
        yield from self._payloads(in_natural_order(without_void_calls(events), self._context.source), media)
        if self._finished is None and self._failed is None:
            if self._is_empty():
                self._failed = NO_ANSWER
            self._finished = ResponseFinished("stop")
        yield from self._ending()

    def _payloads(self, events: Sequence[ProviderEvent], media: Sequence[Media]) -> Iterator[JsonObject]:
        for event in with_media(events, media):
            for restored in self._restorer.read(event):
                for piece in self._order.put(restored):
                    if self._failed is not None:
                        return
                    yield from self._write_piece(piece)

    def _ending(self) -> Iterator[JsonObject]:
        if self._failed is not None:
            return
        finished = self._finished
        failed = NO_FINISH if finished is None else why_failed(finished, whole=self._whole)
        if finished is None or failed is not None:
            yield from self._write_failure(failed or NO_FINISH)
        else:
            yield from self._write_end(finished)

    @abstractmethod
    def _is_empty(self) -> bool:
        """Whether nothing that the model said was written."""

    @abstractmethod
    def _write_piece(self, piece: Piece) -> Iterator[JsonObject]:
        """The payloads of one piece. Sets ``_finished``, or ``_failed``."""

    @abstractmethod
    def _write_failure(self, failed: ResponseFailed) -> Iterator[JsonObject]:
        """The payloads that end the stream with an error. Sets ``_failed``."""

    @abstractmethod
    def _write_end(self, finished: ResponseFinished) -> Iterator[JsonObject]:
        """The payloads that end a good stream."""
