"""Metrics: their text, what each event adds, and that strangers cannot make them grow."""

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families
from tests.rigs.ended_events import BROKEN, attempt_events, exchange_ended, log_id, session_ended

from aigw_drivers.server.observe.figures import FiguresFile
from aigw_drivers.server.observe.metrics import ServerMetrics
from aigw_drivers.server.observe.names import MOST_MODELS, OTHER, Names
from aigw_sansio import ConnectionRefused, ConnId, Event, RequestDenied, UpgradeRefused, UsageReported


def samples(metrics: ServerMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return samples_of(metrics.text())


def samples_of(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(metrics: ServerMetrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


WHO = {"gateway": "acme/main", "provider": "openai", "model": "gpt-5"}


def test_an_exchange() -> None:
    passed: list[Event] = []
    metrics = ServerMetrics(passed.append)
    events: list[Event] = [
        *attempt_events(),
        exchange_ended(cost=0.5, cached=True),
        exchange_ended(1, how="error", fault=BROKEN, first_content_s=None),
    ]
    for event in events:
        metrics(event)
    assert passed == events
    assert value(metrics, "aigw_exchanges_total", **WHO, end="done", error="") == 1
    assert value(metrics, "aigw_exchanges_total", **WHO, end="error", error="connection_lost") == 1
    assert value(metrics, "aigw_exchange_duration_seconds_count", **WHO) == 2
    assert value(metrics, "aigw_exchange_duration_seconds_sum", **WHO) == 3.0
    assert value(metrics, "aigw_first_content_seconds_count", **WHO) == 1
    assert value(metrics, "aigw_first_content_seconds_bucket", **WHO, le="0.32") == 1
    assert value(metrics, "aigw_tokens_total", **WHO, type="input") == 20
    assert value(metrics, "aigw_tokens_total", **WHO, type="output") == 10
    assert value(metrics, "aigw_tokens_total", **WHO, type="cache_read") == 8
    assert value(metrics, "aigw_cost_total", **WHO) == 0.5
    assert value(metrics, "aigw_cached_exchanges_total", **WHO) == 1
    assert value(metrics, "aigw_attempts_total", provider="openai", error="connection_lost") == 1
    assert value(metrics, "aigw_attempts_total", provider="openai", error="") == 1
    assert value(metrics, "aigw_attempt_connections_total", reach="dialled") == 1


def test_the_text_is_what_its_reader_expects() -> None:
    """A library's reader agrees about names, types and labels, whatever stands in a label."""
    metrics = ServerMetrics()
    model = 'a "model"\\with\na line'
    metrics(exchange_ended(request_model=model, cost=1e7))
    metrics.watch(lambda: {"sessions": 3, "aigw_records_lost_total": 2})
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    assert {name: families[name].type for name in ("aigw_cost", "aigw_sessions_open", "aigw_first_content_seconds")} == {
        "aigw_cost": "counter", "aigw_sessions_open": "gauge", "aigw_first_content_seconds": "histogram",
    }  # fmt: skip
    assert families["aigw_records_lost"].type == families["process_cpu_seconds"].type == "counter"
    assert families["aigw_cost"].documentation == "What exchanges and sessions cost, in the prices' currency"
    assert families["process_open_fds"].documentation == "Number of open file descriptors."
    assert value(metrics, "aigw_cost_total", **WHO | {"model": model}) == 1e7
    buckets = [one.value for one in families["aigw_first_content_seconds"].samples if "le" in one.labels]
    assert buckets == [0.0] * 5 + [1.0] * 11  # each has those below it
    metrics(exchange_ended(request_model="\ud800"))
    assert b'model="?"' in metrics.text()


def test_sessions_and_refusals() -> None:
    metrics = ServerMetrics()
    metrics(session_ended())
    metrics(session_ended(mode="universal", provider=None, request_model=None, usage=None, code=1006))
    metrics(UpgradeRefused(ConnId(1), 401, 2009, "no"))
    metrics(ConnectionRefused(ConnId(1), "too many", "192.0.2.1"))
    metrics(RequestDenied(1, "e", log_id(), 0, "openai", 429, 2003, "slow down"))
    assert value(metrics, "aigw_sessions_total", gateway="acme/main", mode="realtime", code="1000") == 1
    assert value(metrics, "aigw_sessions_total", gateway="acme/main", mode="universal", code="1006") == 1
    assert value(metrics, "aigw_session_duration_seconds_count", mode="realtime") == 1
    assert value(metrics, "aigw_realtime_messages_total", provider="openai", direction="received") == 4
    assert (
        value(metrics, "aigw_tokens_total", gateway="acme/main", provider="openai", model="gpt-realtime", type="input")
        == 100
    )
    assert value(metrics, "aigw_refused_total", status="401", code="2009") == 1
    assert value(metrics, "aigw_refused_total", status="", code="") == 1
    assert value(metrics, "aigw_denied_total", provider="openai", status="429") == 1


def test_what_is_open_now_is_asked_when_somebody_reads() -> None:
    metrics = ServerMetrics()
    numbers = {
        "sessions": 3,
        "send_buffer_bytes": 10,
        "timers": 7,
        "aigw_records_lost_total": 2,
        "aigw_records_waiting": 1,
    }
    metrics.watch(lambda: numbers)
    assert value(metrics, "aigw_sessions_open") == 3
    numbers["sessions"] = 4
    found = samples(metrics)
    assert found["aigw_sessions_open", ()] == 4
    assert found["aigw_send_buffer_bytes", ()] == 10
    assert found["aigw_records_lost_total", ()] == 2
    assert found["aigw_records_waiting", ()] == 1
    assert not [name for name, _ in found if "timers" in name]


def test_a_worker_tells_of_the_others() -> None:
    file = FiguresFile(2)
    one, other = (ServerMetrics(figures=file.region(number)) for number in range(2))
    for metrics in (one, other):
        metrics(exchange_ended(cost=0.5))
        metrics.watch(lambda: {"sessions": 3, "aigw_records_lost_total": 2})
    other(exchange_ended(request_model="another"))
    texts = [one.text([other.part()]), other.text([one.part()])]
    found, again = map(samples_of, texts)
    assert found.keys() == again.keys()
    key = tuple(sorted({**WHO, "end": "done", "error": ""}.items()))
    for told in (found, again):
        assert told["aigw_exchanges_total", key] == 2
        assert told["aigw_exchange_duration_seconds_count", tuple(sorted(WHO.items()))] == 2
        assert told["aigw_cost_total", tuple(sorted(WHO.items()))] == 1
        assert told["aigw_sessions_open", ()] == 6
        assert told["aigw_records_lost_total", ()] == 4
        assert told["aigw_workers", ()] == 2
    own = found["process_resident_memory_bytes", ()]
    assert own > 1.5 * samples(one)["process_resident_memory_bytes", ()]
    assert found["process_start_time_seconds", ()] == samples(one)["process_start_time_seconds", ()]


def test_a_worker_counts_on_from_the_one_before() -> None:
    file = FiguresFile(2)
    before = ServerMetrics(figures=file.region(0))
    before.watch(lambda: {"aigw_records_lost_total": 2, "sessions": 5})
    for number in range(MOST_MODELS):
        before(exchange_ended(number, request_model=f"m{number}"))
    told = samples(before)
    later = ServerMetrics(figures=file.region(0))
    later.watch(lambda: {"aigw_records_lost_total": 1, "sessions": 1})
    later(exchange_ended(request_model="one more"))
    later(exchange_ended(request_model="m7"))
    found = samples(later)
    assert found["aigw_records_lost_total", ()] == 3
    assert found["aigw_sessions_open", ()] == 1
    name = "aigw_exchange_duration_seconds_count"
    assert found[name, tuple(sorted((WHO | {"model": "m7"}).items()))] == 2
    assert found[name, tuple(sorted((WHO | {"model": OTHER}).items()))] == 1  # what has a name keeps it
    assert found["process_cpu_seconds_total", ()] >= told["process_cpu_seconds_total", ()]


def test_made_up_models_have_no_series() -> None:
    metrics = ServerMetrics()
    for number in range(500):
        metrics(exchange_ended(number, request_model=f"made up {number}", fault=BROKEN))
    before = len(samples(metrics))
    for number in range(500, 1000):
        metrics(exchange_ended(number, request_model=f"made up {number}", fault=BROKEN))
    assert len(samples(metrics)) == before
    assert value(metrics, "aigw_exchange_duration_seconds_count", **WHO | {"model": OTHER}) == 1000


def test_realtime_sessions_that_ended_at_once_give_no_names() -> None:
    metrics = ServerMetrics()
    for number in range(300):
        metrics(session_ended(number, request_model=f"made up {number}", usage=None, code=1008))
    metrics(session_ended(number, request_model="unread", usage=UsageReported(quality="partial")))
    metrics(session_ended(300, request_model="shown", usage=None, first_content_s=0.1))
    metrics(session_ended(301, request_model="counted"))
    models = {dict(labels).get("model") for _, labels in samples(metrics)}
    assert models == {None, OTHER, "shown", "counted"}


def test_close_codes_that_clients_choose_have_no_series() -> None:
    metrics = ServerMetrics()
    codes = [*range(1000, 1016), *range(3000, 5000)]
    for code in codes:
        metrics(session_ended(code=code))
    told = {
        dict(labels)["code"]: number
        for (name, labels), number in samples(metrics).items()
        if name == "aigw_sessions_total"
    }
    assert set(told) == {str(code) for code in (*range(1000, 1016), 3000, 3003, 3008)} | {OTHER}
    assert told[OTHER] == 1997


def test_the_first_names_keep_their_series() -> None:
    names = Names()
    assert names.model("p", "m", answered=False) == OTHER
    assert names.model("p", "m", answered=True) == "m"
    assert names.model("p", "m", answered=False) == "m"
    for number in range(MOST_MODELS):
        names.model("p", f"m{number}", answered=True)
    assert names.model("p", f"m{MOST_MODELS - 1}", answered=True) == OTHER
    assert names.model("p", "m", answered=True) == "m"
    assert names.model("p", None, answered=True) == ""
    few = Names(providers=1)
    assert [few.provider(name) for name in ("a", "b", "a", None)] == ["a", OTHER, "a", ""]


def test_a_part_is_made_at_most_twice_a_second() -> None:
    now, asked = 7.0, 0

    def sessions() -> dict[str, float]:
        nonlocal asked
        asked += 1
        return {"sessions": asked}

    metrics = ServerMetrics(clock=lambda: now)
    metrics.watch(sessions)
    assert len({metrics.part() for _ in range(100)}) == asked == 1
    now += 0.5
    assert b'"aigw_sessions_open":2' in metrics.part()
