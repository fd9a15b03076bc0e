"""The connection of a client in the process of the gateway: what waits is held until it is taken, however long."""

import pytest
from tests.rigs.native_client import OPEN, SSE_HEAD, NativeClient, said

from aigw_sansio import (
    Close,
    CloseMessages,
    Config,
    Flush,
    Limits,
    LocalProtocolError,
    NativeFailed,
    NativeGoingAway,
    NativeProviderEvent,
    PauseReading,
    ResumeReading,
    SessionEnded,
    Side,
    Step,
    TextDelta,
    Timeouts,
)
from aigw_sansio.downstream.local import EventBuffer, LocalConnection
from aigw_sansio.faults import FaultKind


def texts(events: list[object]) -> list[str]:
    found = [event.event for event in events if isinstance(event, NativeProviderEvent)]
    return [event.text for event in found if isinstance(event, TextDelta)]


# -- the buffer -----------------------------------------------------------------------------------------------------


def test_the_buffer_tells_once_that_something_waits() -> None:
    buffer: EventBuffer[bytes] = EventBuffer()
    assert buffer.put(b"abc")
    assert not buffer.put(b"de")
    assert buffer.size == 5
    assert buffer.held > 5
    assert buffer.take_events(1) == [b"abc"]
    assert buffer.size == 2
    assert not buffer.put(b"f")
    assert buffer.take_events(9) == [b"de", b"f"]
    assert buffer.size == buffer.held == 0
    assert buffer.take_events(9) == []
    assert buffer.put(b"g")
    buffer.clear()
    assert buffer.size == 0
    assert buffer.take_events(9) == []


# -- holding back ---------------------------------------------------------------------------------------------------


def test_what_is_not_taken_holds_the_provider_back_and_taking_lets_it_go_on() -> None:
    client = NativeClient(Config(providers=OPEN.providers, limits=Limits(send_high_water_bytes=4096)))
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD)
    sent = 0
    while not client.of(PauseReading):
        client.provider_says(provider, said(*(f"{sent + n} " for n in range(10))))
        sent += 10
        assert sent < 1000
    assert client.gateway.snapshot()["send_buffer_bytes"] <= 4096 + 200
    assert client.of(Flush).count(Flush(client.conn)) == 1  # however much came
    taken = texts(client.take(5))
    assert not client.of(ResumeReading)
    while not client.of(ResumeReading):
        more = texts(client.take(1))
        assert more, "nothing waits, and the provider is held back"
        taken += more
    while more := texts(client.take(7)):
        taken += more
    assert taken == [f"{number} " for number in range(sent)]


def test_a_client_may_take_its_time() -> None:
    """No deadline is set for it: nobody there can be dead."""
    client = NativeClient()
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD + said("a", "b"))
    client.pass_time(0.0)
    before = client.gateway.snapshot()
    client.gateway.receive_eof(provider, client.now)
    client.gateway.closed(provider, client.now)
    client.pass_time(100_000.0)
    assert client.gateway.snapshot()["sessions"] == before["sessions"] == 1
    assert texts(client.take()) == ["a", "b"]


def test_a_full_take_may_be_followed_by_another_and_a_short_one_by_a_flush() -> None:
    client = NativeClient()
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD + said("a", "b", "c"))
    client.of(Flush)
    assert len(client.take(2)) == 2
    assert not client.of(Flush)
    assert len(client.take(9)) < 9
    assert client.take(9) == []
    client.provider_says(provider, said("d"))
    assert client.of(Flush) == [Flush(client.conn)]


# -- ends -----------------------------------------------------------------------------------------------------------


def test_leaving_ends_the_session_and_what_runs() -> None:
    client = NativeClient()
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD + said("a"))
    client.leave()
    (ended,) = [event for event in client.events if isinstance(event, SessionEnded)]
    assert (ended.by, ended.code, ended.phase) == (Side.CLIENT, 1000, "open")
    assert (ended.messages_received, ended.messages_sent) == (1, 3)
    assert ended.bytes_received == len(b'{"stream":true}')
    assert Close(provider, abort=True) in client.effects
    assert client.gateway.take_events(client.conn, 9, client.now) == []  # its id is over


def test_a_client_that_is_lost_takes_nothing_more() -> None:
    client = NativeClient()
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD + said("a"))
    client.gateway.connection_lost(client.conn, "its thread died", client.now)
    client.collect()
    assert client.take() == []
    (ended,) = [event for event in client.events if isinstance(event, SessionEnded)]
    assert (ended.code, ended.reason) == (1006, "the client was lost: its thread died")
    client.leave()
    assert not client.gateway.snapshot()["sessions"]


def test_a_closed_session_is_told_once_and_leaves_what_waits() -> None:
    client = NativeClient(Config(providers=OPEN.providers, timeouts=Timeouts(session_s=60.0)))
    provider = client.ask()
    client.provider_says(provider, SSE_HEAD + said("a", "b"))
    client.pass_time(61.0)
    assert client.of(CloseMessages) == [CloseMessages(client.conn, 1001, "the longest session time is over")]
    client.pass_time(1000.0)
    assert texts(client.take()) == ["a", "b"]
    assert not client.of(CloseMessages)
    client.leave()
    assert len([event for event in client.events if isinstance(event, SessionEnded)]) == 1
    assert client.gateway.snapshot()["connections"] == len(client.of(Close))


def test_it_has_no_bytes_and_no_messages() -> None:
    client = NativeClient()
    gateway, conn, now = client.gateway, client.conn, client.now
    for wrong in (
        lambda: gateway.receive_data(conn, b"x", now),
        lambda: gateway.receive_message(conn, b"x", now, text=True),
        lambda: gateway.receive_eof(conn, now),
        lambda: gateway.receive_close(conn, 1000, "", now),
        lambda: gateway.data_to_send(conn),
        lambda: gateway.messages_to_send(conn),
        lambda: gateway.data_sent(conn, 1, now),
        lambda: gateway.connected(conn, None, now),
        lambda: gateway.take_events(conn, 0, now),
    ):
        with pytest.raises(LocalProtocolError):
            wrong()
    client.ask()
    assert gateway.snapshot()["exchanges"] == 1


# -- memory ---------------------------------------------------------------------------------------------------------


def test_one_that_holds_much_of_the_memory_pauses_its_providers_and_is_closed_at_last() -> None:
    limits = Limits(
        memory_bytes=16 << 20, buffered_response_bytes_per_connection=64 << 20, send_high_water_bytes=16 << 20
    )
    client = NativeClient(Config(providers=OPEN.providers, limits=limits))
    provider = client.ask(mode="raw")
    client.provider_says(provider, SSE_HEAD)
    for _ in range(400):
        client.provider_says(provider, said("x" * 60_000))
        if client.of(PauseReading):
            break
    else:
        pytest.fail("its provider was not paused")
    client.pass_time(120.0)
    (closed,) = client.of(CloseMessages)
    assert isinstance(closed, CloseMessages)
    assert closed.code == 1013
    assert Close(client.conn, abort=True) in client.of(Close)  # it did not take what waits, so that is dropped
    assert client.take() == []


def test_no_session_begins_without_memory() -> None:
    limits = Limits(
        memory_bytes=16 << 20, buffered_response_bytes_per_connection=64 << 20, send_high_water_bytes=16 << 20
    )
    client = NativeClient(Config(providers=OPEN.providers, limits=limits))
    provider = client.ask(mode="raw")
    client.provider_says(provider, SSE_HEAD)
    for _ in range(300):
        client.provider_says(provider, said("x" * 60_000))
    second = NativeClient(gateway=client.gateway, now=client.now)
    (closed,) = second.of(CloseMessages)
    assert isinstance(closed, CloseMessages)
    assert closed.code == 1013
    second.create()  # ignored
    assert second.take() == []
    second.leave()
    client.take()
    client.pass_time(1.0)
    third = NativeClient(gateway=client.gateway, now=client.now)
    assert not third.of(CloseMessages)


def test_a_session_that_drains_says_so() -> None:
    client = NativeClient()
    client.ask()
    client.gateway.drain(client.now)
    client.collect()
    (told,) = client.take()
    assert told == NativeGoingAway(30_000)
    client.create(Step("openai", "chat/completions"), event_id="b")
    (failed,) = client.take()
    assert isinstance(failed, NativeFailed)
    assert failed.fault.kind is FaultKind.GOING_AWAY
    late = NativeClient(gateway=client.gateway, now=client.now)
    assert late.of(CloseMessages) == [CloseMessages(late.conn, 1001, "the gateway is going away")]
    assert isinstance(client.gateway._connections[late.conn], LocalConnection)
    late.leave()
    client.cancel()
    assert client.of(CloseMessages)


def test_after_the_end_nothing_is_sent_and_nothing_is_told_again() -> None:
    client = NativeClient()
    connection = client.gateway._connections[client.conn]
    assert isinstance(connection, LocalConnection)
    channel = connection._channel
    assert channel is not None
    channel.pause()
    channel.resume(client.now)
    for _ in range(2):
        channel.close(1001, "over", client.now)
        connection.close_session(1001, "over")
    channel.send_text(b"late", client.now)
    client.collect()
    assert client.of(CloseMessages) == [CloseMessages(client.conn, 1001, "over")]
    assert client.take() == []
