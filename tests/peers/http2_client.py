"""A client over HTTP/2: WebSockets by extended CONNECT and plain requests, as streams of one connection.

Decides: how what a transcript's client does is said with streams (RFC 8441 section 5). The connection is a plain h2
object, each WebSocket a wsproto one. Nothing here imports the gateway.
"""

from collections import deque
from contextlib import suppress

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from tests.peers.http2_frames import frame
from tests.peers.peer import Headers, Seen
from tests.peers.websocket_client import WsClient, accepted_extensions
from wsproto.connection import Connection, ConnectionType

#: A PING frame, of which a flood is made.
PING = frame(6, 0, 0, bytes(8))
#: So many PINGs of a client that does not read may be too many for the gateway.
PATIENCE = 3000


class StreamClient(WsClient):
    """One stream: a request, then (if the gateway accepts) a WebSocket."""

    def __init__(self, connection: "Http2ClientPeer", who: str) -> None:
        super().__init__()
        self.connection = connection
        self.who = who
        self.stream = 0
        self.taking = True  #: whether it gives credit for what it gets
        self.unread = 0  #: received and not given credit for
        self.queue: deque[bytes] = deque()
        self.over = False  #: the gateway ended its direction, or the stream was reset
        self._status = 0
        self._fields: Headers = []
        self._plain = b""

    # -- towards the gateway: each returns the bytes of the connection ---------------------------------------------

    def open(self, path: str, headers: Headers) -> bytes:
        """Ask for a WebSocket; ``headers`` replace the usual ones of the same name, ``-`` drops one."""
        fields = {":method": "CONNECT", ":protocol": "websocket"}
        return self._ask(fields, path, [("sec-websocket-version", "13")], headers, end=False)

    def get(self, method: str, path: str, headers: Headers) -> bytes:
        """A plain request."""
        return self._ask({":method": method}, path, [], headers, end=True)

    def _ask(self, pseudo: dict[str, str], path: str, usual: Headers, headers: Headers, *, end: bool) -> bytes:
        named = {name.lower() for name, _ in headers}
        fields = [*pseudo.items(), (":scheme", "https"), (":path", path), (":authority", "gateway.test")]
        fields += [field for field in usual if field[0] not in named]
        fields += [(name.lower(), value) for name, value in headers if value != "-"]
        self.connection.add(self, fields, end=end)
        return self.connection.take()

    def carry(self, data: bytes) -> bytes:
        """``data`` as DATA frames, as far as the windows allow now."""
        self.queue.append(data)
        self.connection.pump(self)
        return self.connection.take()

    def finish(self) -> bytes:
        """END_STREAM."""
        self.connection.h2.end_stream(self.stream)
        return self.connection.take()

    def reset(self) -> bytes:
        """RST_STREAM."""
        self.over = True
        self.connection.h2.reset_stream(self.stream, h2.errors.ErrorCodes.CANCEL)
        return self.connection.take()

    def take_on(self, taking: bool) -> bytes:
        """Stop giving credit, or give it again."""
        self.taking = taking
        self.connection.credit(self)
        return self.connection.take()

    # -- from the gateway ------------------------------------------------------------------------------------------

    def answered(self, fields: Headers) -> list[Seen]:
        """A response head."""
        self._status = int(fields[0][1])
        self._fields = fields[1:]
        names = {name for name, _ in self._fields}
        assert not names & {"upgrade", "connection", "sec-websocket-accept"}, f"fields of HTTP/1.1: {fields}"
        if self._status == 200 and "content-length" not in names:
            self._ws = Connection(ConnectionType.CLIENT, accepted_extensions(dict(self._fields)), b"")
            return [Seen("open", headers=self._fields)]
        return []

    def data(self, data: bytes) -> list[Seen]:
        """DATA."""
        if self._ws is None:
            self._plain += data
            return []
        seen = self.receive(data)
        if self._out:
            out, self._out = self._out, b""
            self.queue.append(out)
            self.connection.pump(self)
        return seen

    def ended(self, how: str) -> list[Seen]:
        """The end of the gateway's direction."""
        if self.over:
            return []
        self.over = True
        seen = []
        if self._ws is None and how == "eof":
            kind = dict(self._fields).get("content-type", "-").replace(" ", "")
            line = f"{self._status} {kind} {self._plain.decode('utf-8')}".rstrip()
            seen.append(Seen(line, headers=self._fields, body=self._plain))
        seen.append(Seen(how))
        return seen


class Http2ClientPeer:
    """The connection. A stream ends its own direction when the gateway has ended its."""

    def __init__(self, *, narrow: bool = False) -> None:
        """``narrow``: the connection's window is as it is at first, and is given back as it is read."""
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.narrow = narrow
        self.unread = 0  #: of the connection's window
        self.taking = True  #: whether it gives that back
        if not narrow:
            self.h2.increment_flow_control_window(1 << 30)
        self.clients: dict[int, StreamClient] = {}
        self.extended = False  #: the server's SETTINGS allow extended CONNECT
        self.goaway = False
        self.flooded = False  #: it has said so much without reading that the gateway may end the connection
        self._pings = 0  #: of its floods
        self._answers = 0  #: to them
        self._proven = 0  #: how many were answered when the gateway last asked whether it reads
        self._tail = b""
        self._out = b""

    def add(self, client: StreamClient, fields: Headers, *, end: bool) -> None:
        """Open a stream for ``client``."""
        client.stream = self.h2.get_next_available_stream_id()
        self.clients[client.stream] = client
        self.h2.send_headers(client.stream, fields, end_stream=end)

    def take(self) -> bytes:
        data: bytes = self._out + self.h2.data_to_send()
        self._out = b""
        return data

    def flood(self, pings: int) -> bytes:
        """Frames that only ask for work."""
        self._pings += pings
        self.flooded = self.flooded or self._pings - self._proven > PATIENCE
        return PING * pings

    def pump(self, client: StreamClient) -> None:
        """Send what ``client`` has queued, as far as the windows allow."""
        queue = client.queue
        while queue and not client.over:
            room = min(self.h2.local_flow_control_window(client.stream), self.h2.max_outbound_frame_size)
            if room <= 0:
                return
            piece = queue.popleft()
            if len(piece) > room:
                queue.appendleft(piece[room:])
            self.h2.send_data(client.stream, piece[:room])

    def credit(self, client: StreamClient) -> None:
        """Give the gateway back the window that ``client`` has used up."""
        state = self.h2.streams.get(client.stream)
        if client.taking and client.unread and state is not None and state.open:
            unread, client.unread = client.unread, 0
            with suppress(h2.exceptions.StreamClosedError):  # a plain answer that is complete
                self.h2.increment_flow_control_window(unread, client.stream)

    def credit_all(self) -> None:
        """The same for the connection."""
        if self.taking and self.unread:
            unread, self.unread = self.unread, 0
            self.h2.increment_flow_control_window(unread)

    def change_window(self, window: int) -> None:
        """New SETTINGS for all streams."""
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})

    def receive(self, data: bytes) -> list[Seen]:
        seen: list[Seen] = []
        self._tail += data
        while len(self._tail) >= 9 and len(self._tail) >= (size := 9 + int.from_bytes(self._tail[:3], "big")):
            frame, self._tail = self._tail[:size], self._tail[size:]
            seen += self._frame(frame)
        return seen

    def _frame(self, frame: bytes) -> list[Seen]:
        seen: list[Seen] = []
        for event in self._events(frame):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                setting = event.changed_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL)
                self.extended = self.extended or (setting is not None and setting.new_value == 1)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = True
                calm = self.flooded and event.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
                assert calm or not event.error_code, f"GOAWAY with {event.error_code}"
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN  # open streams go on
                if calm:
                    seen += self.gone()
            elif isinstance(event, h2.events.PingAckReceived):
                self._answers += 1
            elif isinstance(event, h2.events.PingReceived):
                self._proven = self._answers
            elif isinstance(event, h2.events.WindowUpdated):
                for client in self.clients.values():
                    if event.stream_id in (0, client.stream):
                        self.pump(client)
            client_or_none = self.clients.get(getattr(event, "stream_id", None) or 0)
            if client_or_none is not None:
                for one in self._of_stream(client_or_none, event):
                    one.who = client_or_none.who
                    seen.append(one)
        return seen

    def _events(self, frame: bytes) -> list[h2.events.Event]:
        """h2 refuses even an empty frame if SETTINGS have made the window negative (RFC 9113 section 6.9.1)."""
        stream = self.h2.streams.get(int.from_bytes(frame[5:9], "big"))
        manager = stream._inbound_window_manager if frame[:4] == bytes(4) and stream is not None else None
        window = 0 if manager is None else min(manager.current_window_size, 0)
        if manager is not None:
            manager.current_window_size -= window
        self._out += self.h2.data_to_send()  # h2 drops it if the frame is GOAWAY
        events: list[h2.events.Event] = self.h2.receive_data(frame)
        if manager is not None:
            manager.current_window_size += window
        return events

    def _of_stream(self, client: StreamClient, event: h2.events.Event) -> list[Seen]:
        if isinstance(event, h2.events.ResponseReceived):
            assert event.headers is not None
            return client.answered([(str(name), str(value)) for name, value in event.headers])
        if isinstance(event, h2.events.DataReceived):
            assert event.data is not None
            client.unread += event.flow_controlled_length or 0
            if self.narrow:
                self.unread += event.flow_controlled_length or 0
                self.credit_all()
            seen = client.data(event.data) if event.data else []
            self.credit(client)
            return seen
        if isinstance(event, h2.events.StreamEnded):
            seen = client.ended("eof")
            if client.stream in self.h2.streams and self.h2.streams[client.stream].open:
                self.h2.end_stream(client.stream)
            return seen
        if isinstance(event, h2.events.StreamReset) and event.remote_reset:
            return client.ended("aborted")
        return []

    def gone(self) -> list[Seen]:
        """The gateway ended the connection: what that means for the streams that had no end."""
        seen = []
        for client in self.clients.values():
            for one in client.ended("aborted"):
                one.who = client.who
                seen.append(one)
        return seen
