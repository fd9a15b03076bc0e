"""The responses of one exchange in the client's format, if a provider writes in another one.

Decides: when the meaning of a response is written anew, and when its own bytes are shown (client protocol, section
3.5). Must not know: any format, and the dialect of the client: it stands between an exchange and the encoder of the
dialect.
"""

from collections.abc import Sequence
from typing import Final, Generic

from ..bodies.chunk import Chunk
from ..events import AudioDelta, ImageDelta, ProviderEvent, ResponseFailed, UsageReported
from ..faults import Fault, FaultKind, Side
from ..formats.answers.base import AnswerWriter
from ..formats.answers.errors import error_answer
from ..formats.media import Media, find_media
from .encoder import FinalResponse, Progress, ResponseEncoder
from .ports import AnswerPlan, MessageT
from .response import ProviderResponse

#: The terminator of OpenAI's streams. The dialects have one of their own, and clients see it of no provider.
_DONE: Final = b"[DONE]"
_WITH_MEDIA: Final = frozenset({AudioDelta, ImageDelta})
_STREAM, _WHOLE = "text/event-stream", "application/json"


class TranslatingEncoder(ResponseEncoder[MessageT], Generic[MessageT]):
    """Writes what the chunks of a response mean in the client's format, and hands that to another encoder. A step
    whose response needs no translation passes through."""

    __slots__ = ("_created", "_encoder", "_ending", "_id", "_most", "_plans", "_writer")

    def __init__(
        self, encoder: ResponseEncoder[MessageT], plans: Sequence[AnswerPlan], *, id: str, created: int, most: int
    ) -> None:
        """``plans``: one for each step. ``id`` and ``created`` (Unix time, in seconds) are those of the response.
        ``most``: so many bytes of a stream may be kept, by formats that repeat it at its end or tell it in order."""
        self._encoder = encoder
        self._plans = plans
        self._id = id
        self._created = created
        self._most = most
        self._writer: AnswerWriter | None = None
        self._ending: list[bytes] = []  # what the end of the stream means

    @property
    def held(self) -> int:
        return 0 if self._writer is None else self._writer.held

    def attempt(self, step: int) -> None:
        make = self._plans[step].writer
        self._writer = None if make is None else make(self._id, self._created)
        self._ending = []
        self._encoder.attempt(step)

    @property
    def reads_everything(self) -> bool:
        return self._writer is not None or self._encoder.reads_everything

    @property
    def shows_chunks(self) -> bool:
        return self._writer is None and self._encoder.shows_chunks

    def shows_body(self, step: int) -> bool:
        return self._plans[step].writer is None and self._encoder.shows_body(step)

    def begin(self, response: ProviderResponse, progress: Progress) -> list[MessageT]:
        if self._writer is not None:
            response.content_type = _STREAM
        return self._encoder.begin(response, self._with_notes(progress))

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[MessageT], ResponseFailed | None]:
        """See :meth:`ResponseEncoder.chunks`. Every token of a translated response takes this path."""
        writer, encoder = self._writer, self._encoder
        if writer is None:
            return encoder.chunks(response, chunks)
        messages: list[MessageT] = []
        count = response.unsearched  # so many may hold a key, and those behind them the rest of it
        for index, chunk in enumerate(chunks):
            if index < count or response.unsearched:
                response.unsearched = 0
                chunk = response.redacted(chunk)
            events = response.read(chunk)
            if writer.wants_logprobs:
                writer.take_logprobs(chunk.data)
            media: Sequence[Media] = ()
            for event in events:
                if type(event) in _WITH_MEDIA:
                    media = find_media(chunk.data, events)
                    break
            messages += encoder.texts(writer.write(events, media), events)
            if response.notable:
                failed = next((event for event in events if type(event) is ResponseFailed), None)
                if failed is not None or response.terminated:
                    return messages, failed
        self._limit(response, writer)
        return messages, None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[MessageT]:
        writer = self._writer
        if writer is None:
            return self._encoder.chunk(response, chunk, events)
        if writer.wants_logprobs:
            writer.take_logprobs(chunk.data)
        texts = writer.write(events, find_media(chunk.data, events))
        self._limit(response, writer)
        return self._encoder.texts(texts, events)

    def _limit(self, response: ProviderResponse, writer: AnswerWriter) -> None:
        """Fail ``response``, if too much of it is kept."""
        if writer.held > self._most:
            detail = f"the client's format keeps parts of a response, here more than {self._most} bytes"
            response.fault = Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail)
            response.notable = True

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[MessageT]:
        return self._encoder.texts(texts, events)

    def events(self, events: list[ProviderEvent]) -> list[MessageT]:
        if self._writer is not None:
            self._ending += self._writer.write(events)
        return self._encoder.events(events)

    def whole(self, final: FinalResponse, progress: Progress) -> list[MessageT]:
        plan = self._plans[final.step]  # an earlier step may have failed better than the last one
        notes = plan.notes
        if plan.writer is not None:
            writer = plan.writer(self._id, self._created)
            if writer.wants_logprobs:
                writer.take_logprobs(final.body)
            status, media = final.status, find_media(final.body, final.events)
            body = writer.write_whole(final.events, media, completed=progress.unix_s)
            if writer.failed is not None:
                answer = error_answer(plan.format, writer.failed, status if status >= 400 else None)
                body, status = answer.body, answer.status
            final = final._replace(status=status, body=body, content_type=_WHOLE, charset=None)
            notes += tuple(writer.notes)
        messages = self._encoder.whole(final, progress._replace(notes=notes))
        self._forget()
        return messages

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        messages = self._encoder.refused(fault, self._with_notes(progress), usage)
        self._forget()
        return messages

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        ending = self._ending
        if self._writer is not None:
            ending = ending + [text for text in self._writer.finish(completed=progress.unix_s) if text != _DONE]
        last = self._encoder.texts(ending, [])
        messages = last + self._encoder.finished(response, self._with_notes(progress), usage)
        self._forget()
        return messages

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        last = self._encoder.texts(self._ending, [])
        messages = last + self._encoder.failed(response, fault, self._with_notes(progress), usage)
        self._forget()
        return messages

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        messages = self._encoder.cancelled(response, self._with_notes(progress), usage)
        self._forget()
        return messages

    def _with_notes(self, progress: Progress) -> Progress:
        notes = self._plans[progress.step].notes
        if self._writer is not None:
            notes += tuple(self._writer.notes)
        return progress._replace(notes=notes)

    def _forget(self) -> None:
        """The exchange has ended. Its last messages may be queued for long; nothing else is kept for them."""
        self._plans, self._writer, self._ending = (), None, []
