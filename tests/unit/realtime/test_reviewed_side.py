"""A realtime session that is reviewed: which messages wait, what is passed on, and how it ends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import raw_frame
from tests.rigs.reviewed_session import ReviewedSession
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from aigw_sansio import Passage, ProviderEventRead, Released, Side, Stopped, Unavailable
from aigw_sansio.review import ReviewWindow

pytestmark = pytest.mark.parametrize("frames", [True, False], ids=["frames", "messages"])


def delta(text: str) -> str:
    return json.dumps({"type": "response.output_text.delta", "delta": text})


def silent(number: int = 0) -> str:
    return json.dumps({"type": "rate_limits.updated", "number": number})


def said(told: list[str]) -> str:
    return "".join(json.loads(one).get("delta", "") for one in told if one.startswith("{"))


def test_what_says_nothing_passes_and_what_says_something_waits(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.say(silent(), delta("a"), silent(1))
    assert session.told == [silent()]
    (_, review) = session.open[0]
    assert review.passages == (Passage("text", "a"),)
    assert (review.form, review.provider, review.status, review.last) == ("messages", "openai", None, False)
    assert review.data == (delta("a").encode(), silent(1).encode())
    assert session.paused
    session.reply(Released())
    assert session.told == [silent(), delta("a"), silent(1)]
    assert not session.paused


def test_other_texts(frames: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=2))
    session.say(delta("a"))
    session.say(delta("b"))
    session.reply(Released(("A",)))
    assert [json.loads(one)["delta"] for one in session.told] == ["A", ""]
    done = {"type": "response.output_text.done", "text": "ab"}
    session.say(json.dumps(done))
    assert json.loads(session.told[-1]) == {**done, "text": "A"}


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (Stopped(), 1008, "the response was stopped by a review"),
        (Unavailable(), 1013, "what the provider says was not reviewed"),
        (Released(("a", "b")), 1013, "a review changed the response"),
    ],
)
def test_a_stop_ends_the_session(frames: bool, answer: Any, code: int, reason: str) -> None:
    session = ReviewedSession(frames=frames)
    session.say(delta("a"), silent(), delta("b"))
    session.say(delta("c"))
    session.reply(answer)
    assert session.told[0].startswith(f"close {code} {reason}")
    assert len(session.told) == 1
    assert (session.ended.by, session.ended.code) == (Side.GATEWAY, code)
    assert session.ended.messages_sent == 0


def test_nobody_answers(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.say(delta("a"))
    session.pass_time(7.1)
    assert session.told[0].startswith("close 1013")


def test_a_change_that_cannot_be_written_ends_it(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.say(delta("a"))
    session.reply(Released(("b",)))
    session.say(json.dumps({"type": "response.output_text.done", "text": "unknown a"}))
    session.reply(Released())
    assert session.told[1].startswith("close 1013 a review changed the response")
    assert "unknown" not in str(session.told)


def test_what_nobody_can_read_is_reviewed(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.hear(
        session.provider.event(TextMessage(data="garbage")) + session.provider.event(BytesMessage(data=b"\0\1"))
    )
    (_, review) = session.open[0]
    assert review.passages == ()
    assert review.data == (b"garbage", b"\0\1")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "error": {"type": "server_error", "message": "words"}},
        {"type": "conversation.item.added", "item": {"role": "assistant", "content": [{"text": "words"}]}},
        {"type": "response.content_part.done", "part": {"type": "text", "text": "words"}},
        {"type": "response.done", "response": {"status": "completed", "output": [{"content": [{"text": "words"}]}]}},
        {"type": "session.brand_new", "caption": "words"},
    ],
)
def test_words_that_no_event_holds_are_reviewed(frames: bool, message: dict[str, Any]) -> None:
    session = ReviewedSession(frames=frames)
    text = json.dumps(message)
    session.say(silent(), text)
    assert session.told == [silent()]
    assert session.open[0][1].data == (text.encode(),)
    session.reply(Released())
    assert session.told == [silent(), text]


def test_sound_passes(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    sound = json.dumps({"type": "response.output_audio.delta", "delta": "AAAA", "item_id": "i"})
    session.say(sound)
    assert session.told == [sound]


def test_a_turn_begins_anew(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    for number, shown in enumerate(["4711", "****", "4711", "----"]):
        response = {"id": f"r{number}", "status": "completed", "output": [{"content": [{"text": "4711"}]}]}
        session.say(json.dumps({"type": "response.created", "response": {"id": f"r{number}"}}))
        session.say(delta("4711"))
        session.reply(Released((shown,)))
        session.say(json.dumps({"type": "response.output_text.done", "text": "4711"}))
        assert json.loads(session.told[-1])["text"] == shown
        session.say(json.dumps({"type": "response.done", "response": response}))
        assert json.loads(session.told[-1])["response"]["output"] == [{"content": [{"text": shown}]}]
        assert not session.open


def test_a_long_session_keeps_no_more_than_two_turns(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    (relay,) = session.gateway._relays  # type: ignore[attr-defined]
    held = []
    for number in range(20):
        session.say(delta(f"{number} {'x' * 5000}"))
        session.reply(Released(("gone",)))
        session.say(json.dumps({"type": "response.done", "response": {"status": "completed"}}))
        held.append(sum(side.held for side in relay.sides))
    assert max(held) < 12_000


def test_the_window(frames: bool) -> None:
    for window, parts in (
        (ReviewWindow(chunks=3), ["abc"]),
        (ReviewWindow(chunks=100, bytes=1), ["a"]),
        (ReviewWindow(chunks=100, wait_ms=0), ["a"]),
    ):
        session = ReviewedSession(frames=frames, window=window)
        for text in "abc":
            session.say(delta(text))
        assert ["".join(one.text for one in review.passages) for _, review in session.open] == parts
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=100, wait_ms=50))
    session.say(delta("a"))
    session.pass_time(0.04)
    assert not session.open
    session.pass_time(0.02)
    assert len(session.open) == 1
    session.pass_time(1)
    assert len(session.open) == 1


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "held"])
@pytest.mark.parametrize("end", ["close", "violation", "eof", "lost"])
def test_an_end_waits_for_what_came_before_it(frames: bool, end: str, asked: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=1 if asked else 9, wait_ms=60_000))
    session.say(delta("a"))
    if end == "close":
        session.hear(session.provider.event(CloseConnection(code=1000, reason="bye")))
    elif end == "violation":
        session.hear(b"\xff\xff\xff")
    elif end == "eof":
        session.gateway.receive_eof(session.up, session.now)
        session.settle()
    else:
        session.gateway.connection_lost(session.up, "reset", session.now)
        session.settle()
    assert session.told == []
    session.reply(Released())
    assert session.told[0] == delta("a")
    assert session.told[1].startswith("close 1000 bye" if end == "close" else "close 1011")
    assert session.ended.by is Side.PROVIDER
    assert session.ended.messages_sent == 1


def test_a_close_in_the_same_read(frames: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=9, wait_ms=60_000))
    close = session.provider.event(TextMessage(data=delta("a"))) + session.provider.event(CloseConnection(code=1000))
    session.hear(close)
    assert session.open[0][1].last
    session.reply(Released())
    assert session.told[:2] == [delta("a"), "close 1000"]


@pytest.mark.parametrize("held", [True, False], ids=["held", "asked"])
def test_a_client_that_goes_hears_nothing_more(frames: bool, held: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=9 if held else 1, wait_ms=60_000))
    session.hear(session.provider.event(TextMessage(data=delta("a"))))
    session.gateway.connection_lost(session.conn, "reset", session.now)
    session.settle()
    session.gateway.closed(session.conn, session.now)
    if not held:
        session.reply(Released())
    assert delta("a") not in session.told
    assert session.ended.by is Side.CLIENT
    session.gateway.closed(session.up, session.now)
    session.settle()
    assert session.gateway.snapshot()["connections"] == 0


def test_a_client_that_goes_when_the_provider_has_closed_already(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.hear(
        session.provider.event(TextMessage(data=delta("a"))) + session.provider.event(CloseConnection(code=1000))
    )
    session.gateway.connection_lost(session.conn, "reset", session.now)
    session.settle()
    session.gateway.closed(session.conn, session.now)
    session.gateway.closed(session.up, session.now)
    session.settle()
    assert session.gateway.snapshot()["connections"] == 0
    assert session.ended.by is Side.CLIENT


@pytest.mark.parametrize("stops", [True, False], ids=["stopped", "released"])
def test_a_client_that_ends_its_direction_waits_for_the_rest(frames: bool, stops: bool) -> None:
    if not frames:
        pytest.skip("a host tells of a close, not of half of one")
    session = ReviewedSession(frames=True)
    session.provider.auto_close = False
    session.gateway.receive_eof(session.conn, session.now)
    session.settle()
    session.hear(raw_frame(0x81, delta("a").encode(), masked=False))
    session.pass_time(6)
    assert session.open, "its close frame cannot be read yet"
    session.reply(Stopped() if stops else Released())
    session.pass_time(6)
    assert (delta("a") in session.told) is not stops


def test_a_provider_that_goes_on_talking_ends_with_the_review(frames: bool) -> None:
    if not frames:
        pytest.skip("a host tells of a close, not of half of one")
    session = ReviewedSession(frames=True)
    session.provider.auto_close = False
    session.gateway.receive_eof(session.conn, session.now)
    session.settle()
    for _ in range(10):  # each time the session could end, there is a review
        session.hear(raw_frame(0x81, delta("a").encode(), masked=False))
        session.pass_time(3)
        if not session.open:
            break
        session.reply(Released())
        session.settle()
    assert not session.open


def test_pings_are_answered_while_messages_are_held(frames: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=9, wait_ms=60_000))
    heard = session.provider.receive
    seen: list[str] = []
    session.provider.receive = lambda data: [seen.append(one.line) for one in heard(data)]  # type: ignore[assignment, func-returns-value]
    session.say(delta("a"))
    session.hear(session.provider.event(Ping(payload=b"x")))
    assert seen == ["pong x"]


def test_a_provider_is_not_pinged_during_a_review(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    session.pass_time(29)
    session.say(delta("a"))
    session.pass_time(6)
    assert session.open, "its silence is ours"
    session.reply(Released())
    session.pass_time(29)
    assert session.told == [delta("a")]


def test_a_long_message_comes_whole(frames: bool) -> None:
    session = ReviewedSession(frames=frames)
    for size in (65_000, 200_000):
        session.say(delta("x" * size))
        session.reply(Released())
        assert json.loads(session.told[-1])["delta"] == "x" * size


def test_a_host_that_listens_hears_it_all(frames: bool) -> None:
    session = ReviewedSession(frames=frames, listens=True)
    session.say(silent(), delta("a"))
    assert len([event for event in session.events if isinstance(event, ProviderEventRead)]) >= 1
    session.reply(Released())
    assert session.told == [silent(), delta("a")]


def test_the_memory_of_what_is_held_counts(frames: bool) -> None:
    session = ReviewedSession(frames=frames, window=ReviewWindow(chunks=9, wait_ms=60_000))
    (relay,) = session.gateway._relays  # type: ignore[attr-defined]
    before = sum(side.held for side in relay.sides)
    session.say(delta("x" * 5000))
    assert sum(side.held for side in relay.sides) - before > 5000


@given(
    texts=st.lists(st.text(alphabet="abc ", min_size=1, max_size=5) | st.just(""), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 2000), max_size=8),
    window=st.builds(
        ReviewWindow, chunks=st.sampled_from([1, 2, 50]), bytes=st.just(1 << 14), wait_ms=st.sampled_from([0, 20])
    ),
    sayings=st.lists(st.sampled_from(["as it is", "as it is", "louder", "emptied", "stopped"]), max_size=6),
)
def test_what_is_told_was_released(
    frames: bool, texts: list[str], cuts: list[int], window: ReviewWindow, sayings: list[str]
) -> None:
    session = ReviewedSession(frames=frames, window=window)
    provider = session.provider
    messages = [delta(text) if text else silent(number) for number, text in enumerate(texts)]
    data = b"".join(provider.event(TextMessage(data=one)) for one in messages)
    data += provider.event(CloseConnection(code=1000))
    saying = iter(sayings)
    released, has_stopped = "", False

    def answer_one() -> None:
        nonlocal released, has_stopped
        old = [one.text for one in session.open[0][1].passages]
        how = next(saying, "as it is")
        if how == "stopped":
            has_stopped = True
            session.reply(Stopped())
            return
        new = old if how == "as it is" else [one.upper() * (how == "louder") for one in old]
        released += "".join(new)
        session.reply(Released(tuple(new)))

    at = 0
    for cut in [*sorted(cut % len(data) for cut in cuts), len(data)]:
        if cut > at:
            session.hear(data[at:cut])
            at = cut
        if session.open and cut % 2:
            answer_one()
        assert said(session.told) == released
    while session.open or not any(one.startswith("close") for one in session.told):
        if session.open:
            answer_one()
        else:
            session.pass_time(0.05)
        assert said(session.told) == released
    if not has_stopped:
        assert released.lower() == "".join(texts) or "emptied" in sayings
        assert [one for one in session.told if "rate_limits" in one] == [
            one for one in messages if "rate_limits" in one
        ]
