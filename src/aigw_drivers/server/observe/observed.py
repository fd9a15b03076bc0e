"""What listens to the events of a running server: its records, its metrics, its page, traces.

Decides: what is started for which settings, and that it has ended when the server has. Must not know: what any listener
does with an event.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
from anyio import to_thread

from aigw_sansio import Answer, Config, Event, Gateway, Metrics, Question, ReadMetrics, ReadPage, Unavailable

from ...anyio_driver import AnswerHandler
from ...core.threads import no_thread_is_an_os_error
from ..siblings import Siblings
from .otlp import Exporters, OtelSettings
from .page import EVENTS, OperatorPage
from .places import RecordSettings, open_sinks
from .records import Ended, Records, row_of
from .writer import RecordWriter

if TYPE_CHECKING:
    from ..settings import ServerSettings
    from .metrics import ServerMetrics

#: At the end all that waits is written and sent, but the server ends even if a disk or a collector hangs.
_CLOSE_S: Final = 5.0
#: What a collector gets of it, if a disk has taken the rest.
_COLLECTOR_S: Final = 1.0
#: What workers ask each other.
_METRICS: Final = b"metrics"
_PAGE: Final = b"page"


class Observed:
    """What listens. ``told`` is to be called with each event; ``answer`` gives what is asked of it, and asks
    ``then_answer`` all else."""

    def __init__(
        self,
        told: Callable[[Event], None] | None,
        metrics: "ServerMetrics | None",
        page: OperatorPage | None,
        then_answer: AnswerHandler | None,
        siblings: Siblings | None,
    ) -> None:
        self.told = told
        self.metrics = metrics
        self.page = page
        self._then_answer = then_answer
        self._siblings = siblings

    async def answer(self, question: Question) -> Answer:
        """Answer a question of the gateway; of the whole server, if it has several workers."""
        if isinstance(question, ReadMetrics) and self.metrics is not None:
            return Metrics(self.metrics.text(await self._parts(_METRICS)))
        if isinstance(question, ReadPage) and self.page is not None:
            parts = await self._parts(_PAGE) if question.name == EVENTS and self.page.made is None else ()
            return self.page.answer(question.name, parts) or Unavailable()
        return Unavailable() if self._then_answer is None else await self._then_answer(question)

    async def _parts(self, question: bytes) -> Sequence[bytes]:
        """What the other workers tell."""
        return () if self._siblings is None else await self._siblings.ask(question)

    def part(self, question: bytes) -> bytes:
        """Answer a question of another worker."""
        teller = self.metrics if question == _METRICS else self.page
        assert teller is not None, "all workers have the same settings"
        return teller.part()

    def watch(self, gateway: Gateway) -> None:
        """Tell numbers of what is open now. The page asks each second, so memory is weighed for metrics alone."""
        snapshot = gateway.snapshot
        if self.metrics is not None:
            self.metrics.watch(partial(snapshot, weigh=True))
        if self.page is not None:
            self.page.watch(snapshot)


def with_observation(config: Config, server: "ServerSettings", records: RecordSettings, otel: OtelSettings) -> Config:
    """``config`` with what has to be read of traffic, so that it can be told, and who may see it."""
    return msgspec.structs.replace(
        config,
        read_realtime=bool(records.to) or server.metrics,
        tell_turns=otel.endpoint is not None,
        traces=otel.endpoint is not None,
        metrics_token=server.metrics_token,
        page=server.page,
        page_token=server.page_token,
    )


@asynccontextmanager
async def observed(
    server: "ServerSettings",
    records: RecordSettings,
    otel: OtelSettings,
    then: Callable[[Event], None] | None = None,
    answer: AnswerHandler | None = None,
    *,
    worker: int | None = None,
    siblings: Siblings | None = None,
) -> AsyncIterator[Observed]:
    """Listen during the block. ``then`` is called with each event afterwards, ``answer`` with each question that is not
    about what is told here. ``worker``: the number of this process among others that are told as one server;
    ``siblings``: the way to them, who are answered by :meth:`Observed.part`. At the end everything that waits is
    written. Raises ``OSError`` if a place for records cannot be used, ``ImportError`` if an extra is missing."""
    told, metrics, page = then, None, None
    figures = None if siblings is None else siblings.figures
    if server.page != "off":
        told = page = OperatorPage(told, figures=figures, worker=worker)
    if server.metrics:
        from .metrics import ServerMetrics  # only who wants metrics needs its library

        told = metrics = ServerMetrics(told, figures)
    exporters = Exporters(otel, worker=worker) if otel.endpoint is not None else None
    if exporters is not None:
        told = exporters.telemetry(told)
    writer = None
    try:
        if records.to:
            writer = RecordWriter(open_sinks(records, exporters), records.queue_rows, row_of)
            writer.start()
            told = Records(writer.add, told)
            if metrics is not None:
                metrics.watch(partial(_numbers_of, writer))
        yield Observed(told, metrics, page, answer, siblings)
    finally:
        with anyio.CancelScope(shield=True), no_thread_is_an_os_error():
            until = anyio.current_time() + _CLOSE_S
            if writer is not None:
                await to_thread.run_sync(writer.close, _CLOSE_S - (0.0 if exporters is None else _COLLECTOR_S))
            if exporters is not None:
                await to_thread.run_sync(exporters.close, until - anyio.current_time())


def _numbers_of(writer: RecordWriter[Ended]) -> dict[str, float]:
    return {
        "aigw_records_written_total": writer.written,
        "aigw_records_lost_total": writer.lost,
        "aigw_records_waiting": writer.waiting,
    }
