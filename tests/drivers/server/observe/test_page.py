"""The operator's page: what it says, and that its files can do nothing but show it."""

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from tests.rigs.ended_events import BROKEN, WALL, attempt_events, exchange_ended, log_id, session_ended

from aigw_drivers.server.observe.figures import Figures, FiguresFile
from aigw_drivers.server.observe.page import MOST_ROWS, WINDOW_S, OperatorPage
from aigw_sansio import (
    AttemptEnded,
    AttemptStarted,
    ConnectionRefused,
    ConnId,
    Event,
    Fault,
    FaultKind,
    RequestAdmitted,
    SessionOpened,
    Side,
    UpgradeRefused,
)


class Desk:
    """A page on a clock of its own."""

    def __init__(self, figures: Figures | None = None, worker: int | None = None) -> None:
        self.now = WALL
        self.passed: list[Event] = []
        self.page = OperatorPage(self.passed.append, lambda: self.now, figures=figures, worker=worker)

    def tell(self, *events: Event) -> None:
        for event in events:
            self.page(event)

    def state(self) -> dict[str, Any]:
        self.now += 1
        answer = self.page.answer("events")
        assert answer is not None
        assert answer.content_type == "application/json"
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        return found


def admitted(number: int) -> RequestAdmitted:
    return RequestAdmitted(1, f"e{number}", log_id(number, WALL + number), 1, "acme", "main", "alice")


def attempt(*, failed: bool, side: Side = Side.PROVIDER) -> AttemptEnded:
    fault = Fault(FaultKind.PROVIDER_STATUS, side, "503") if failed else None
    return AttemptEnded(log_id(), 0, 1, 503 if failed else 200, fault, 0.5, provider="openai")


def test_an_empty_page() -> None:
    state = Desk().state()
    assert state["totals"]["exchanges"] == 0
    assert state["first_content"] == {"p50": None, "p95": None, "p99": None}
    assert state["providers"] == state["exchanges"] == state["sessions"] == state["errors"] == []
    assert state["curve"] == [[0, 0]] * WINDOW_S


def test_what_ended_is_counted_and_drawn() -> None:
    desk = Desk()
    events = [
        exchange_ended(0, cost=0.25, cached=True),
        exchange_ended(1, fault=BROKEN, how="error"),
        session_ended(2, cost=1.0),
    ]
    desk.tell(*events, UpgradeRefused(ConnId(1), 401, 2009, "no"), ConnectionRefused(ConnId(2), "full", "192.0.2.1"))
    state = desk.state()
    assert desk.passed[:3] == events
    assert state["totals"] == {
        "exchanges": 2, "failed": 1, "cached": 1, "refused": 2, "tokens_in": 120, "tokens_out": 60, "cost": 1.25,
    }  # fmt: skip
    assert state["errors"] == [["connection_lost", 1]]
    assert state["curve"][-1] == [2, 1]
    assert (state["duration"]["p50"], state["first_content"]["p95"]) == (1.5, 0.2)
    desk.now += WINDOW_S + 1
    state = desk.state()
    assert state["curve"] == [[0, 0]] * WINDOW_S
    assert state["duration"]["p50"] is None
    assert state["totals"]["exchanges"] == 2


def test_what_is_open_is_listed_until_it_ends() -> None:
    desk = Desk()
    desk.page.watch(lambda: {"exchanges": 3, "sessions": 2, "timers": 9})
    desk.tell(admitted(0), AttemptStarted(log_id(), 0, 2, "openai", "api.openai.com", "/v1"))
    desk.tell(SessionOpened(7, ConnId(1), "realtime", "acme", "main", "192.0.2.1:5", provider="openai"))
    state = desk.state()
    (exchange,) = state["exchanges"]
    assert exchange == {
        "id": log_id(), "age_s": 1.0, "gateway": "acme/main", "mode": "exchange", "provider": "openai", "attempts": 2,
    }  # fmt: skip
    (session,) = state["sessions"]
    assert (session["id"], session["mode"], session["provider"]) == ("7", "realtime", "openai")
    assert state["open"]["exchanges"] == 3
    assert "timers" not in state["open"]
    desk.tell(exchange_ended(0), session_ended(session=7))
    state = desk.state()
    assert state["exchanges"] == state["sessions"] == []


def test_the_oldest_rows_are_shown_and_no_more() -> None:
    desk = Desk()
    desk.tell(*(admitted(number) for number in range(MOST_ROWS + 20)))
    rows = desk.state()["exchanges"]
    assert len(rows) == MOST_ROWS
    assert rows[0]["id"] == log_id()


@pytest.mark.parametrize(
    ("good", "bad", "health"),
    [(0, 4, "few requests"), (20, 0, "healthy"), (95, 5, "healthy"), (90, 10, "degraded"), (5, 6, "failing")],
)
def test_the_health_of_a_provider(good: int, bad: int, health: str) -> None:
    desk = Desk()
    desk.tell(*[attempt(failed=False)] * good, *[attempt(failed=True)] * bad)
    (provider,) = desk.state()["providers"]
    assert (provider["health"], provider["attempts"], provider["failed"]) == (health, good + bad, bad)
    assert provider["last_error"] == ("provider_status" if bad else None)
    assert provider["median_s"] == (0.5 if good else None)
    desk.now += WINDOW_S + 1
    assert desk.state()["providers"][0]["health"] == "idle"


def test_a_client_that_leaves_is_no_failure_of_a_provider() -> None:
    desk = Desk()
    desk.tell(*[attempt(failed=True, side=Side.CLIENT)] * 9)
    assert desk.state()["providers"] == []


def test_no_content_no_key_and_no_address_is_shown() -> None:
    desk = Desk()
    desk.tell(SessionOpened(7, ConnId(1), "universal", "acme", "main", "192.0.2.1:5", principal="alice"))
    desk.tell(
        admitted(0),
        *attempt_events(1),
        exchange_ended(2, fault=Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, "canary")),
    )
    desk.now += 1
    body = desk.page.state()
    for word in (b"192.0.2", b"canary", b"reset", b"alice"):
        assert word not in body


def test_many_readers_cost_what_one_costs() -> None:
    desk = Desk()
    first = desk.page.state()
    desk.tell(exchange_ended(0))
    assert desk.page.state() is first
    desk.now += 1
    assert desk.page.state() is not first


def test_the_page_of_a_worker_tells_of_the_others() -> None:
    file = FiguresFile(2)
    one, other = (Desk(file.region(number), number) for number in range(2))
    for desk, number in ((one, 0), (other, 1)):
        desk.page.watch(lambda: {"exchanges": 1, "sessions": 1})
        desk.tell(
            SessionOpened(7, ConnId(1), "realtime", "acme", "main", "192.0.2.1:5", provider="openai"),
            exchange_ended(10 + number, cost=0.5),
            attempt(failed=False),
            attempt(failed=False),
        )
        desk.now += 10
        desk.tell(admitted(number))
    other.tell(exchange_ended(9, fault=BROKEN, how="error"), attempt(failed=True))
    state = msgspec.json.decode(one.page.state([other.page.part()]))
    assert (state["open"]["sessions"], state["totals"]["exchanges"], state["totals"]["cost"]) == (2, 3, 1.0)
    assert [pair for pair in state["curve"] if pair != [0, 0]] == [[2, 0]]
    assert state["errors"] == [["connection_lost", 1]]
    assert [row["id"] for row in state["sessions"]] == ["0/7", "1/7"]
    assert {row["id"] for row in state["exchanges"]} == {log_id(0, WALL), log_id(1, WALL + 1)}
    (provider,) = state["providers"]
    assert (provider["attempts"], provider["failed"], provider["last_error"]) == (5, 1, "provider_status")
    assert state["up_s"] == 10
    killed = msgspec.json.decode(Desk(file.region(1), 1).page.state())
    assert (killed["totals"], killed["errors"]) == (state["totals"], state["errors"])


@pytest.mark.parametrize(
    "name", ["index.html", "../page.py", "style", ".", "/etc/passwd", "script.js/", "assets/style.css"]
)
def test_nothing_else_is_served(name: str) -> None:
    assert Desk().page.answer(name) is None


class Tags(HTMLParser):
    """All tags of a document, and what they name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def asset(name: str) -> str:
    page = Desk().page.answer(name)
    assert page is not None
    return page.body.decode()


def test_the_document_is_one_that_everybody_can_use() -> None:
    tags = Tags(asset(""))
    assert tags.all("html") == [{"lang": "en"}]
    assert len(tags.all("h1")) == len(tags.all("main")) == len(tags.all("title")) == 1
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags.found:
        for name in ("aria-labelledby", "for"):
            assert attributes.get(name) is None or attributes[name] in ids
    for section in tags.all("section"):
        assert "aria-labelledby" in section
    assert all(cell.get("scope") == "col" for cell in tags.all("th"))
    assert [one["role"] for one in tags.all("p") if "role" in one] == ["status", "alert"]
    (status,) = (one for one in tags.all("p") if one.get("id") == "status")
    assert status["aria-live"] == "polite"
    (field,) = tags.all("input")
    assert field["type"] == "password"
    assert field["id"] in [label["for"] for label in tags.all("label")]


def test_the_document_loads_nothing_from_elsewhere_and_has_no_code_in_it() -> None:
    text = asset("")
    tags = Tags(text)
    assert [one["src"] for one in tags.all("script")] == ["/page/script.js"]
    assert [one["href"] for one in tags.all("link")] == ["/page/icon.svg", "/page/style.css"]
    assert not tags.all("style")
    for _, attributes in tags.found:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    for name in ("", "style.css", "script.js", "icon.svg"):
        found = asset(name).replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]|url\(|@import|innerHTML|eval\(|document\.write", found)


def test_the_script_and_the_document_know_the_same_places() -> None:
    script, tags = asset("script.js"), Tags(asset(""))
    named = {attributes["data-value"] for _, attributes in tags.found if "data-value" in attributes}
    put = set(re.findall(r'put\("(\w+)"', script))
    listed = set(re.findall(r"for \(const name of \[([^\]]*)\]\) put", script)[0].replace('"', "").split(", "))
    assert named == put | listed
    ids = {str(attributes["id"]) for _, attributes in tags.found if "id" in attributes}
    assert {*re.findall(r'\$\("([\w-]+)"\)', script), *re.findall(r'fill\("(\w+)"', script)} <= ids
    state = Desk().state()
    for name in re.findall(r"state\.(\w+)", script):
        assert name in state
    for part in ("open", "totals"):
        assert set(re.findall(rf"state\.{part}\.(\w+)", script)) <= set(state[part])
    assert listed <= set(state["totals"])


def test_night_is_thought_of() -> None:
    style = asset("style.css")
    assert "prefers-color-scheme: dark" in style
    assert ":focus-visible" in style
    colours = re.findall(r"--(\w+): (#[0-9a-f]{6})", style)
    assert len(colours) == 18
    for palette in (dict(colours[:9]), dict(colours[9:])):
        for text in ("ink", "soft", "accent", "bad", "good", "warn"):
            assert contrast(palette[text], palette["card"]) >= 4.5, text
            assert contrast(palette[text], palette["paper"]) >= 4.5, text


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
