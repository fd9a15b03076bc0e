"""What a row tells."""

import msgspec
import pytest
from tests.rigs.ended_events import BROKEN, attempt_events, exchange_ended, log_id, session_ended

from aigw_drivers.server.observe.rows import AttemptRow, Timings, exchange_row, session_row, utc_text
from aigw_sansio import CustomCost, RecordOptions, Side
from aigw_sansio.ids import Payload


def test_the_row_of_an_exchange() -> None:
    row = exchange_row(exchange_ended(), attempt_events())
    assert (row.id, row.created_at, row.kind) == (log_id(), "2026-01-01T00:00:00.000Z", "exchange")
    assert (row.account, row.gateway, row.principal, row.event_id) == ("acme", "main", "alice", "e0")
    assert (row.provider, row.model, row.path, row.key) == ("openai", "gpt-5", "chat/completions", "stored")
    assert (row.status_code, row.success, row.end, row.ended_by, row.error) == (200, True, "done", "provider", None)
    assert (row.duration, row.tokens_in, row.tokens_out, row.cost) == (1500.0, 10, 5, None)
    assert row.usage_metadata == {
        "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 4, "quality": "final",
    }  # fmt: skip
    assert row.timings == Timings(queue=1.0, connect=20.0, first_byte=100.0, first_content=200.0)
    assert (row.request_size, row.response_size) == (77, 300)
    assert (row.request_content_type, row.response_content_type) == ("application/json", "text/event-stream")
    assert row.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert row.request_head is row.response_head is None
    assert row.attempts == [
        AttemptRow(
            attempt=1, step=0, provider="openai", status_code=None, duration=500.0, reach="dialled", queue=1.0,
            error="connection_lost: reset",
        ),
        AttemptRow(attempt=2, step=0, provider="openai", status_code=200, duration=1000.0, reach="reused", queue=0.0),
    ]  # fmt: skip


def test_what_the_client_says_and_what_was_kept() -> None:
    said = RecordOptions(metadata={"team": "blue", "n": 1}, custom_cost=CustomCost(total_cost=2.0))
    payload = Payload(request="{}", request_complete=True, response="a\nb", response_complete=False)
    row = exchange_row(exchange_ended(record=said, cost=2.0, payload=payload, cached=True), [])
    assert (row.metadata, row.custom_cost, row.cost) == ({"team": "blue", "n": 1}, True, 2.0)
    assert row.cached
    assert (row.request_head, row.request_head_complete) == ("{}", True)
    assert (row.response_head, row.response_head_complete) == ("a\nb", False)


def test_a_failure_has_its_kind_and_an_attempt_without_a_connection_none() -> None:
    _, ended, *_ = attempt_events()
    row = exchange_row(exchange_ended(how="error", fault=BROKEN, usage=None, traceparent=None), [ended])
    assert (row.success, row.end, row.error, row.error_detail) == (False, "error", "connection_lost", "reset")
    assert (row.tokens_in, row.usage_metadata, row.trace_id) == (None, {}, None)
    assert (row.attempts[0].reach, row.attempts[0].queue) == (None, None)


@pytest.mark.parametrize(("code", "success"), [(1000, True), (1001, True), (1005, True), (1006, False), (1011, False)])
def test_the_row_of_a_realtime_session(code: int, success: bool) -> None:
    row = session_row(session_ended(code=code, by=Side.GATEWAY))
    assert (row.kind, row.status_code, row.end, row.ended_by) == ("realtime", 101, "closed", "gateway")
    assert (row.success, row.close_code, row.close_reason) == (success, code, "bye")
    assert (row.messages_in, row.messages_out, row.request_size, row.response_size) == (4, 6, 400, 600)
    assert (row.tokens_in, row.tokens_out, row.duration) == (100, 50, 60_000.0)
    assert row.event_id is row.step is None


def test_texts_of_times_are_ordered_as_times_are() -> None:
    times = [0.0, 1.5, 1.501, 1_767_225_600.9996]
    assert sorted(map(utc_text, times)) == list(map(utc_text, times))
    assert utc_text(1.501) == "1970-01-01T00:00:01.501Z"


def test_a_row_reads_back() -> None:
    row = exchange_row(exchange_ended(), attempt_events())
    assert msgspec.json.decode(msgspec.json.encode(row), type=type(row)) == row
