"""Events of responses, made up: such as a reader tells them, and any at all."""

import json
from typing import get_args

from hypothesis import strategies as st

from aigw_sansio import events as e

_words = st.text(min_size=1, max_size=6)
_names = st.sampled_from(["f", "get_weather", "g"])
_signatures = st.sampled_from(["c2ln", "EqQB+/=", "gAAA"])
_objects = st.dictionaries(
    st.text(max_size=3), st.integers() | st.text(max_size=4) | st.lists(st.booleans()), max_size=3
)


@st.composite
def _call(draw: st.DrawFn, number: int, choice: int) -> list[e.ProviderEvent]:
    """A call and the fragments of its arguments."""
    kind: e.ToolKind = draw(st.sampled_from(get_args(e.ToolKind)))
    id_ = draw(st.none() | st.just(f"id-{number}"))
    name = "web_search" if kind == "provider" else draw(_names)
    signature = draw(st.none() | _signatures) if kind == "function" else None
    written = draw(_words) if kind == "custom" else json.dumps(draw(_objects))
    cut = draw(st.integers(0, len(written)))
    pieces = [piece for piece in (written[:cut], written[cut:]) if piece]
    started = e.ToolCallStarted(number, id_, name, choice, kind, signature)
    return [started, *(e.ToolCallDelta(number, piece, choice) for piece in pieces)]


@st.composite
def _said(draw: st.DrawFn, choice: int) -> list[e.ProviderEvent]:
    """One thing that is neither a call nor the end."""
    event = draw(
        st.builds(e.TextDelta, _words, st.just(choice))
        | st.builds(e.ReasoningDelta, _words, st.just(choice))
        | st.builds(e.ReasoningDelta, st.just("") | _words, st.just(choice), _signatures)
        | st.builds(e.ReasoningDelta, st.just(""), st.just(choice), _signatures, st.just(True))
        | st.builds(e.RefusalDelta, _words, st.just(choice))
        | st.builds(
            e.Citation, st.none() | st.just("https://x/y"), st.none() | _words, st.none() | _words, st.just(choice)
        )
        | st.builds(e.AudioDelta, st.just(3), st.none() | _words, st.just(choice))
        | st.builds(e.ImageDelta, st.just(3), st.just("image/png"), st.just(choice))
    )
    return [event]


@st.composite
def _usage(draw: st.DrawFn) -> e.UsageReported:
    counts = st.integers(0, 10**6)
    read, created, thought = (draw(st.none() | counts) for _ in range(3))
    return e.UsageReported(
        draw(counts) + (read or 0) + (created or 0), draw(counts) + (thought or 0), read, created, thought
    )


@st.composite
def answers(draw: st.DrawFn, choices: int = 2) -> list[e.ProviderEvent]:
    """A response as readers tell it: each choice ends once, calls are complete, their fragments may be mixed."""
    lines: list[list[e.ProviderEvent]] = []
    number = 0
    used = range(draw(st.integers(1, choices)))
    for choice in used:
        line: list[list[e.ProviderEvent]] = []
        for _ in range(draw(st.integers(0, 5))):
            if draw(st.integers(0, 2)):
                line.append(draw(_said(choice)))
            else:
                line.append(draw(_call(number, choice)))
                number += 1
        lines.append(draw(_mixed(line)))
    body = _merge(draw, lines)
    usage = [draw(_usage())] if draw(st.booleans()) else []
    reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "pause"])
    ends: list[e.ProviderEvent] = [e.ResponseFinished(draw(reasons), "word", choice) for choice in used]
    started = e.ResponseStarted(draw(st.none() | st.just("id-r")), draw(st.none() | st.just("m-1")))
    behind = draw(st.booleans())
    return [started, *body, *([] if behind else usage), *ends, *(usage if behind else [])]


@st.composite
def _mixed(draw: st.DrawFn, things: list[list[e.ProviderEvent]]) -> list[e.ProviderEvent]:
    """``things`` one after another, or with the rest of a call behind the beginning of the next thing."""
    out: list[e.ProviderEvent] = []
    for thing in things:
        if len(out) > 1 and len(thing) > 1 and isinstance(out[-1], e.ToolCallDelta) and draw(st.booleans()):
            out = [*out[:-1], thing[0], out[-1], *thing[1:]]
        else:
            out += thing
    return out


def _merge(draw: st.DrawFn, lines: list[list[e.ProviderEvent]]) -> list[e.ProviderEvent]:
    """The choices, mixed."""
    left = [line[::-1] for line in lines if line]
    out: list[e.ProviderEvent] = []
    while left:
        line = left[draw(st.integers(0, len(left) - 1))]
        out.append(line.pop())
        left = [line for line in left if line]
    return out


#: Any events in any order: with fields of the right types, and no sense.
any_events: st.SearchStrategy[list[e.ProviderEvent]] = st.lists(
    st.one_of(
        st.builds(e.ResponseStarted, restarted=st.booleans()),
        st.builds(e.TextDelta, st.text(max_size=3), st.integers(0, 2)),
        st.builds(
            e.ReasoningDelta, st.text(max_size=3), st.integers(0, 1), st.none() | st.text(max_size=3), st.booleans()
        ),
        st.builds(
            e.ToolCallStarted,
            st.integers(0, 3),
            st.none() | st.text(max_size=2),
            st.none() | st.text(max_size=2),
            st.integers(0, 1),
            st.sampled_from(get_args(e.ToolKind)),
            st.none() | st.text(max_size=2),
        ),
        st.builds(
            e.ToolCallDelta, st.integers(0, 3), st.sampled_from(['{"a', '":1}', "{}", "x", "", "]"]), st.integers(0, 1)
        ),
        st.builds(e.AudioDelta, st.integers(0, 3), st.none() | st.text(max_size=3)),
        st.builds(e.ImageDelta, st.integers(0, 3)),
        st.builds(e.RefusalDelta, st.text(max_size=3)),
        st.builds(
            e.Citation,
            st.none() | st.text(max_size=2),
            st.none() | st.text(max_size=2),
            st.none() | st.text(max_size=2),
        ),
        st.builds(
            e.UsageReported, st.none() | st.integers(0, 5), st.none() | st.integers(0, 5), st.none() | st.integers(0, 9)
        ),
        st.builds(
            e.ResponseFinished,
            st.sampled_from(get_args(e.FinishReason)),
            st.none() | st.text(max_size=2),
            st.integers(0, 1),
        ),
        st.builds(e.ResponseFailed, st.text(max_size=3), st.none() | st.text(max_size=2)),
        st.builds(e.Unrecognised, st.text(max_size=3)),
    ),
    max_size=12,
)
