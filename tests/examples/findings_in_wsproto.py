"""The faults that the strategies of ``aigw_sansio.testing`` find in another WebSocket library: here in wsproto, as a server.

``python -m tests.examples.findings_in_wsproto`` prints each finding with the smallest input that shows it. To test another
library, write the few functions at the top for it. Some findings are faults, others things that a user of the library
has to do himself; the letters are those under which this project knows them.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import wsproto
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Request, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from aigw_sansio.testing import (
    KEY,
    Bomb,
    MessageStream,
    bombs,
    broken_frames,
    broken_handshakes,
    close_frames,
    frame,
    handshake,
    message_streams,
)

T = TypeVar("T")

# -- the library under test --------------------------------------------------------------------------------------------


def grants(raw: bytes) -> bool:
    """Whether an opening handshake is offered to the application, to be accepted."""
    server = wsproto.WSConnection(ConnectionType.SERVER)
    try:
        server.receive_data(raw)
        return any(isinstance(event, Request) for event in server.events())
    except RemoteProtocolError:
        return False


def accepted(raw: bytes) -> list[object]:
    """The events that the application gets from ``raw``, a handshake and what came with it, once it has accepted."""
    server = wsproto.WSConnection(ConnectionType.SERVER)
    server.receive_data(raw)
    assert any(isinstance(event, Request) for event in server.events())
    server.send(AcceptConnection())
    return list(server.events())


def opened(raw: bytes, *, deflate: bool = False) -> tuple[list[object], ConnectionState]:
    """The events of frames on an open connection, and the state of the connection after them."""
    extension = PerMessageDeflate()
    extension._enabled = True
    connection = Connection(ConnectionType.SERVER, [extension] if deflate else [])
    connection.receive_data(raw)
    return list(connection.events()), connection.state


# -- what to look for --------------------------------------------------------------------------------------------------


def raises(raw: bytes) -> bool:
    """Whether a peer's bytes make the parser raise what it does not promise."""
    try:
        grants(raw)
    except UnicodeDecodeError:
        return True
    return False


def loses_early_frames(stream: MessageStream) -> bool:
    """Whether frames that arrive together with the handshake are dropped."""
    apart = opened(stream.data)[0]
    return bool(apart) and accepted(handshake() + stream.data) != apart


def granted(raw: bytes) -> bool:
    """Whether a handshake is granted that must not be."""
    return not raises(raw) and grants(raw)


def blames_the_peer(raw: bytes) -> bool:
    """Whether a broken frame is reported as if the peer, who said no such thing, had closed."""
    events, state = opened(raw)
    return any(isinstance(event, CloseConnection) for event in events) and state is ConnectionState.OPEN


def takes_any_length(length: int) -> bool:
    """Whether a frame of that length is begun, and a text of no characters reported."""
    events, _ = opened(frame(0x82, b"begin", masked=True, key=KEY, length=length, form=8))
    return bool(events) and not any(isinstance(event, CloseConnection) for event in events)


def inflates_without_limit(bomb: Bomb) -> bool:
    """Whether a small frame becomes a large message in one call."""
    size = sum(len(event.data) for event in opened(bomb.data, deflate=True)[0] if isinstance(event, Message))
    return size == bomb.size and size > 500 * len(bomb.data)


def misreads_code(close: tuple[bytes, int]) -> bool:
    """Whether a code that a peer may send is told as another one."""
    raw, code = close
    return [event.code for event in opened(raw)[0] if isinstance(event, CloseConnection)] != [code]


def raises_on_send(text: str) -> bool:
    """Whether sending a string raises what it does not promise."""
    try:
        Connection(ConnectionType.SERVER).send(TextMessage(text))
    except UnicodeEncodeError:
        return True
    return False


def changes_type(data: bytes) -> bool:
    """Whether fragments of different types, sent one behind the other, raise what it does not promise."""
    connection = Connection(ConnectionType.SERVER)
    connection.send(TextMessage("text", message_finished=False))
    try:
        connection.send(BytesMessage(data))
    except TypeError:
        return True
    return False


# -- looking for it ----------------------------------------------------------------------------------------------------

KEYS = broken_handshakes().filter(lambda raw: b"HTTP/1.0" not in raw)
HTTP10 = broken_handshakes().filter(lambda raw: b"HTTP/1.0" in raw)


def search(strategy: st.SearchStrategy[T], shows: Callable[[T], bool]) -> T | None:
    """The smallest value of ``strategy`` that ``shows`` something, if there is one."""
    options = settings(database=None, derandomize=True, max_examples=500, suppress_health_check=list(HealthCheck))
    try:
        return find(strategy, shows, settings=options)
    except NoSuchExample:
        return None


def findings() -> Iterator[tuple[str, str, object]]:
    """Name, meaning and the smallest input of each thing that is found."""
    searches = [
        ("W1", "frames behind the handshake are dropped", search(message_streams(masked=True), loses_early_frames)),
        ("W2", "a header that is not ASCII raises UnicodeDecodeError", search(broken_handshakes(), raises)),
        ("W3", "a handshake with a bad key is granted", search(KEYS, granted)),
        ("W4", "a broken frame looks like the peer's own close", search(_broken(), blames_the_peer)),
        ("W5", "a frame of any length is begun", search(st.integers(1 << 40, (1 << 63) - 1), takes_any_length)),
        ("W6", "a small frame inflates without limit", search(bombs(masked=True), inflates_without_limit)),
        ("W8", "a registered close code is told as another", search(close_frames(masked=True), misreads_code)),
        ("W9", "a lone surrogate raises on send", search(st.text(st.characters(categories=["Cs"])), raises_on_send)),
        ("W9", "a change of type within a message raises on send", search(st.binary(), changes_type)),
        ("W11", "a handshake of HTTP/1.0 is granted", search(HTTP10, granted)),
    ]
    yield from (one for one in searches if one[2] is not None)


def _broken() -> st.SearchStrategy[bytes]:
    return broken_frames(masked=True).map(lambda broken: broken.data)


if __name__ == "__main__":
    for name, meaning, smallest in findings():
        print(f"{name:4}{meaning}\n    {ascii(smallest)[:200]}")
