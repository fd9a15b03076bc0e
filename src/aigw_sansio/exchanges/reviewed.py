"""An exchange whose response a host reviews before its client sees it.

Decides: which parts a response is reviewed in, that nothing is shown before it was released, and what a stop, or no
answer, ends (client protocol, section 3.7). Must not know: who reviews, and how a text is changed.

Theory of operation. It is an exchange like any other up to the point at which a client would be shown something. There
the chunks are held, with their meaning, until the window of the settings is full or the response ends. Then the host is
asked about all of them, and the provider is paused until it has answered. So one part is reviewed at a time, what comes
meanwhile waits with the provider, and an end waits for the parts before it. What was released goes to the encoder, as
it is or with other texts. The client is told that the response begins with the first part that is released; if there
is none, it is refused like a request without a response.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Literal

from ..bodies.chunk import Chunk
from ..config import Config
from ..effects import Answer
from ..engine.services import Services
from ..events import ProviderEvent, ResponseFailed, UsageReported
from ..faults import Fault, FaultKind, Side
from ..formats.classify import CONTENT, ERROR, classify
from ..formats.passages import ReadChunk, as_passages, is_silent, passages_of
from ..formats.rewriting import CannotRewrite, Rewriter
from ..ids import AskId
from ..review import Released, Review, ReviewWindow, Stopped
from .attempt import PAUSED_BY_REVIEW
from .encoder import FinalResponse, ResponseEncoder
from .exchange import Exchange, ExchangeOwner
from .ports import Caller, Ending, ExchangeOutlet, MessageT, PlannedStep
from .rejection import failure_event, fault_of, reject_stream
from .response import ProviderResponse
from .source import Source
from .states import ExchangeInput, ExchangeState


class ReviewedExchange(Exchange[MessageT], Generic[MessageT]):
    """An :class:`.exchange.Exchange` whose response is reviewed."""

    __slots__ = (
        "_ask_id", "_asked", "_begun", "_contents", "_cut", "_ending", "_final", "_held", "_rewriter", "_window",
        "_window_timer",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        source: Source,
        *,
        owner: ExchangeOwner[MessageT],
        outlet: ExchangeOutlet[MessageT],
        encoder: ResponseEncoder[MessageT],
        caller: Caller,
        config: Config,
        event_id: str,
        log_id: str,
        steps: Sequence[PlannedStep],
        request_bytes: int,
        now: float,
        window: ReviewWindow,
    ) -> None:
        """``window``: how much is reviewed at a time. The others are those of any exchange. Call ``start`` next."""
        super().__init__(
            services,
            source,
            owner=owner,
            outlet=outlet,
            encoder=encoder,
            caller=caller,
            config=config,
            event_id=event_id,
            log_id=log_id,
            steps=steps,
            request_bytes=request_bytes,
            now=now,
        )
        self._window = window
        self._rewriter = Rewriter(config.limits.response_body_bytes)
        self._held: list[ReadChunk] = []  # what came, and is not asked about yet; ``_uncommitted_bytes`` is its size
        self._contents = 0  # how many of those have content
        self._asked: list[ReadChunk] = []
        self._ask_id: AskId | None = None
        self._final: tuple[FinalResponse, Fault | None] | None = None  # the whole response that is asked about
        self._ending: Callable[[float], None] | None = None  # what ends the exchange when everything is released
        self._begun = False  # the client was shown something
        self._cut = False  # what the response said last was not shown
        self._window_timer = services.timers.timer(self._on_window_over)

    @property
    def kept(self) -> int:
        """Memory that is held beside what the outlet was told of, in bytes."""
        return self._rewriter.held

    # -- what comes ---------------------------------------------------------------------------------------------

    def attempt_read(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        if self._ends():
            return
        for received in chunks:
            chunk = response.redacted(received)
            events = response.read(chunk)
            weight = classify(events)
            failed: ResponseFailed | None = None
            if weight is ERROR:
                failed = next(event for event in events if type(event) is ResponseFailed)
            if self._machine.state is not ExchangeState.STREAMING:
                if failed is not None:  # nothing was shown, so the next attempt may still replace this response
                    self._reject(reject_stream(response, failed, chunk.data, self._step), now)
                    return
                self._hold(chunk, events, content=weight is CONTENT)
                if weight is CONTENT or self._uncommitted_bytes > self._config.limits.held_bytes:
                    self._commit(now)
            else:
                self._hold(chunk, events, content=weight is CONTENT)
            if failed is not None:
                self._end_after(partial(self._fail_stream, fault_of(failed), by=Side.PROVIDER), now)
                return
            if response.terminated:
                break
        self._account()
        if self._machine.state is ExchangeState.STREAMING and self._ask_id is None:
            self._ask_if_full(now)

    def _hold(self, chunk: Chunk, events: list[ProviderEvent], *, content: bool) -> None:
        self._held.append(ReadChunk(chunk, events))
        self._uncommitted_bytes += len(chunk.data)
        self._contents += content
        self._chunks += 1

    def _commit(self, now: float) -> None:
        """Nothing is retried any more. The client is shown nothing yet."""
        self._machine.fire(ExchangeInput.COMMIT)
        response = self._shown_response
        response.committed(everything=True)
        self._status = response.status

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        if self._ends():
            return
        attempt = self._attempt
        assert attempt is not None
        response = self._shown_response
        if not response.is_stream:
            super().attempt_finished(chunks, now)  # it comes to _show
            return
        if chunks:
            self.attempt_read(response, chunks, now)
            if self._ends() or self._attempt is not attempt:  # these chunks ended the exchange, or failed the attempt
                return
        events = response.read_end()
        if attempt.failed_by_part(now):
            return
        if self._machine.state is not ExchangeState.STREAMING:
            if (failed := response.failure(events)) is not None:
                self._reject(reject_stream(response, failed, response.provider_words, self._step), now)
                return
            self._commit(now)
        if events:
            self._held.append(ReadChunk(None, events))
        self._end_after(self._finish, now)

    def _finish(self, now: float) -> None:
        """The response is complete, and all of it was released."""
        self._begin(now)
        response = self._shown_response
        usage = response.usage()
        messages = self._encoder.finished(response, self._progress(now), usage)
        self._end("done", now, by=Side.PROVIDER, fault=None, messages=messages, usage=usage)

    def attempt_failed(self, fault: Fault, now: float) -> None:
        if self._ends():
            return
        if self._machine.state is ExchangeState.STREAMING:
            by = Side.GATEWAY if fault.side is Side.GATEWAY else Side.PROVIDER
            self._end_after(partial(self._fail_stream, fault, by=by), now)
        else:
            self._try_again(fault, now)

    def _clear_attempt(self) -> None:
        super()._clear_attempt()
        self._held = []
        self._contents = 0

    # -- reviews ------------------------------------------------------------------------------------------------

    def _ends(self) -> bool:
        """Whether nothing of the response is waited for any more but answers."""
        return self.ended or self._ending is not None or self._final is not None

    def _end_after(self, ending: Callable[[float], None], now: float) -> None:
        """End the exchange with ``ending``, when all that is held was released."""
        self._ending = ending
        self._pause(PAUSED_BY_REVIEW)
        self._account()
        if self._ask_id is None:
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        """No question is open."""
        if self._ending is None:
            if not self._ask_if_full(now):
                self._resume(PAUSED_BY_REVIEW, now)  # last: it may end the exchange
        elif self._held:
            self._ask(now)
        else:
            ending, self._ending = self._ending, None
            ending(now)

    def _ask_if_full(self, now: float) -> bool:
        """Ask about what is held, if that is enough. Returns whether the host is asked."""
        if not self._held:
            return False
        window = self._window
        if self._contents >= window.chunks or self._uncommitted_bytes >= window.bytes or not window.wait_ms:
            self._ask(now)
        elif self._window_timer.deadline is None:
            self._window_timer.arm(now + window.wait_ms / 1000)
        return self._ask_id is not None

    def _on_window_over(self, now: float) -> None:
        if self._ask_id is None and self._held:
            self._ask(now)

    def _ask(self, now: float) -> None:
        """Ask about all that is held."""
        response = self._shown_response
        items, self._held, self._contents = self._held, [], 0
        self._window_timer.cancel()
        self._asked = items
        data: tuple[bytes, ...] = ()
        if self._encoder.shows_chunks:
            data = tuple(item.chunk.data for item in items if item.chunk is not None)
        if not data and is_silent(items):  # nothing to review
            self._show_items(items, items, now)
            self._go_on(now)
            return
        self._pause(PAUSED_BY_REVIEW)
        self._ask_about(
            items,
            now,
            form="stream",
            data=data,
            step=self._step,
            last=self._ending is not None,
            status=response.status,
            content_type=response.content_type,
        )

    def _ask_about(
        self,
        items: list[ReadChunk],
        now: float,
        *,
        form: Literal["stream", "whole"],
        data: tuple[bytes, ...],
        step: int,
        last: bool,
        status: int,
        content_type: str | None,
    ) -> None:
        caller = self._record.caller
        question = Review(
            principal=caller.principal,
            account=caller.account,
            gateway=caller.gateway,
            provider=self._steps[step].call.provider,
            log_id=self.log_id,
            form=form,
            passages=as_passages(passages_of(items)),
            events=tuple(event for item in items for event in item.events),
            data=data,
            step=step,
            last=last,
            status=status,
            content_type=content_type,
        )
        within_s = self._config.timeouts.review_s
        self._ask_id = self._services.ask(question, self._answered, now, within_s=within_s)

    def _show(self, final: FinalResponse, now: float, *, fault: Fault | None) -> None:
        """End with a whole response, of whatever status, if the host releases it."""
        if not final.body and is_silent([ReadChunk(None, final.events)]):
            super()._show(final, now, fault=fault)
            return
        self._final = (final, fault)
        self._asked = [ReadChunk(Chunk(final.body), final.events)]
        self._uncommitted_bytes = len(final.body)
        self._pause(PAUSED_BY_REVIEW)
        self._account()
        self._ask_about(
            self._asked,
            now,
            form="whole",
            data=(final.body,),
            step=final.step,
            last=True,
            status=final.status,
            content_type=final.content_type,
        )

    def _answered(self, answer: Answer, now: float) -> None:
        self._ask_id = None
        asked, self._asked = self._asked, []
        final = self._final
        if isinstance(answer, Stopped):
            self._stop(answer.fault, now)
            return
        if not isinstance(answer, Released):
            detail = "the response was not reviewed, so it is not shown"
            self._stop(Fault(FaultKind.NOT_REVIEWED, Side.GATEWAY, detail, retryable=True), now)
            return
        shown = self._encoder.shows_chunks if final is None else self._encoder.shows_body(final[0].step)
        try:
            items = self._rewriter.rewrite(asked, answer.texts, shown=shown)
        except CannotRewrite as error:
            detail = f"a review changed the response, which cannot be written: {error}"
            self._stop(Fault(FaultKind.NOT_REVIEWED, Side.GATEWAY, detail), now)
            return
        if final is None:
            self._show_items(items, asked, now)
            self._go_on(now)
            return
        chunk = items[0].chunk
        assert chunk is not None
        self._final = None
        self._begun = True
        shown_response = final[0]._replace(body=chunk.data, events=items[0].events, own_body=final[0].body)
        super()._show(shown_response, now, fault=final[1])

    def _show_items(self, items: list[ReadChunk], owns: list[ReadChunk], now: float) -> None:
        """Show the client a part that was released; ``owns`` is how the provider said it."""
        self._asked = []
        response, encoder = self._shown_response, self._encoder
        self._uncommitted_bytes = sum(len(item.chunk.data) for item in self._held if item.chunk is not None)
        self._begin(now)
        messages: list[MessageT] = []
        for item, own in zip(items, owns, strict=True):
            if item.chunk is None or own.chunk is None:
                messages += encoder.events(item.events)
            elif item.chunk is own.chunk:
                messages += encoder.chunk(response, item.chunk, item.events)
            else:
                messages += encoder.rewritten(response, item.chunk, own.chunk, item.events)
        self._outlet.post(self, messages, now)
        self._account()

    def _begin(self, now: float) -> None:
        """The first part is shown: tell the client that a response begins."""
        if self._begun:
            return
        self._begun = True
        self._record.content_at = now
        self._outlet.post(self, self._encoder.begin(self._shown_response, self._progress(now)), now)

    # -- ends ---------------------------------------------------------------------------------------------------

    @property
    def _holds(self) -> bool:
        """Whether something has come that was not shown."""
        return bool(self._held or self._asked or self._ending is not None)

    def _stop(self, fault: Fault, now: float) -> None:
        """End it now with ``fault``. What is held is never shown."""
        self._cut = True
        if self._machine.state is ExchangeState.STREAMING:
            self._fail_stream(fault, now, by=Side.GATEWAY)
        else:
            self._refuse(fault, Side.GATEWAY, self._response, now)

    def fail(self, fault: Fault, now: float) -> None:
        if self._holds and not self.ended:
            self._stop(fault, now)
        else:
            super().fail(fault, now)

    def cancel(self, how: Literal["cancelled", "gone"], by: Side, fault: Fault, now: float) -> None:
        self._cut = self._cut or self._holds
        super().cancel(how, by, fault, now)

    def _fail_stream(self, fault: Fault, now: float, *, by: Side, messages: Sequence[MessageT] = ()) -> None:
        if self._begun:
            super()._fail_stream(fault, now, by=by, messages=messages)
        else:  # the client was shown nothing
            self._refuse(fault, by, self._response, now)

    def _tell_end(self, fault: Fault) -> list[MessageT]:
        if not self._cut:
            return super()._tell_end(fault)
        # what has ended the response may be among the things that were not shown
        known = self._steps[self._step].call.format != "unknown"
        return self._encoder.events([failure_event(fault)]) if known else []

    def _end(
        self,
        how: Ending,
        now: float,
        *,
        by: Side,
        fault: Fault | None,
        messages: list[MessageT],
        usage: UsageReported | None = None,
    ) -> None:
        if self._ask_id is not None:
            self._services.withdraw(self._ask_id)
            self._ask_id = None
        self._window_timer.close()
        self._ending, self._final = None, None
        self._asked = []
        super()._end(how, now, by=by, fault=fault, messages=messages, usage=usage)
        self._rewriter = Rewriter(0)
