"""No tool call is interrupted, nothing is lost, and what can be written is not held."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.kept import OBJECT
from aigw_sansio.formats.answers.order import InOrder
from aigw_sansio.formats.answers.restore import Piece, Restorer


class _Line:
    """A restorer and what puts its pieces in order."""

    def __init__(self) -> None:
        self.restorer = Restorer(AnswerContext("r", 0, "m"))
        self.order = InOrder(self.restorer)

    def put(self, *events: e.ProviderEvent) -> list[Piece]:
        return [out for event in events for piece in self.restorer.read(event) for out in self.order.put(piece)]


A, B = e.ToolCallStarted(0, "a", "f"), e.ToolCallStarted(1, "b", "g")


def test_mixed_calls_come_one_after_another() -> None:
    line = _Line()
    assert line.put(A, e.ToolCallDelta(0, '{"x"')) == [A, e.ToolCallDelta(0, '{"x"')]
    assert line.put(B, e.ToolCallDelta(1, "{"), e.TextDelta("t")) == []
    assert line.order.held == 3 * OBJECT + len("bg") + len("{") + len("t")
    assert line.put(e.ToolCallDelta(0, ":1}")) == [e.ToolCallDelta(0, ":1}"), B, e.ToolCallDelta(1, "{")]
    assert line.put(e.ToolCallDelta(1, "}")) == [e.ToolCallDelta(1, "}"), e.TextDelta("t")]
    assert line.order.held == 0


def test_a_finish_writes_all_that_waits_before_it() -> None:
    line = _Line()
    line.put(A, e.ToolCallDelta(0, "{"), e.TextDelta("t"), B)
    end = e.ResponseFinished("tool_calls")
    assert line.put(end) == [e.TextDelta("t"), B, end]


def test_a_failure_does_not_wait() -> None:
    line = _Line()
    line.put(A, e.TextDelta("t"))
    failed = e.ResponseFailed("x")
    assert line.put(failed) == [failed]


def test_a_call_of_the_provider_holds_nothing_up() -> None:
    line = _Line()
    call = e.ToolCallStarted(0, "a", "web_search", kind="provider")
    assert line.put(call, e.TextDelta("t")) == [call, e.TextDelta("t")]


def test_usage_never_waits() -> None:
    line = _Line()
    line.put(A)
    assert line.put(e.UsageReported(1, 2)) == [e.UsageReported(1, 2)]


@st.composite
def mixed(draw: st.DrawFn) -> list[e.ProviderEvent]:
    """Calls whose fragments are mixed with each other and with text."""
    documents = draw(st.lists(st.sampled_from(["{}", '{"a":[1,2]}', '{"b":"}"}', "text", ""]), max_size=4))
    left = {
        number: [document[at : at + 2] for at in range(0, len(document), 2)]
        for number, document in enumerate(documents)
    }
    events: list[e.ProviderEvent] = []
    started: set[int] = set()
    while left:
        number = draw(st.sampled_from(sorted(left)))
        if number not in started:
            started.add(number)
            events.append(e.ToolCallStarted(number, None, "f"))
        elif left[number]:
            events.append(e.ToolCallDelta(number, left[number].pop(0)))
        else:
            del left[number]
        if draw(st.booleans()):
            events.append(e.TextDelta(draw(st.sampled_from("xyz"))))
    return events


@given(mixed())
def test_nothing_is_lost_and_nothing_interrupts(events: list[e.ProviderEvent]) -> None:
    line = _Line()
    out = line.put(*events, e.ResponseFinished("stop"))
    assert sorted(map(repr, out)) == sorted(map(repr, [*events, e.ResponseFinished("stop")]))
    assert line.order.held == 0
    current = None
    for piece in out:
        if isinstance(piece, e.ToolCallStarted):
            current = piece.call
        elif isinstance(piece, e.ToolCallDelta):
            assert piece.call == current
        else:
            current = None
    for kind in (e.TextDelta, e.ToolCallStarted):
        assert [p for p in out if isinstance(p, kind)] == [p for p in events if isinstance(p, kind)]
