"""One connection to a mock provider: the server's side of HTTP/1.1 (RFC 9112), on h11, without I/O.

Decides: how requests are read and responses written. Must not know: the engine, and the time.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Final

import h11

from aigw_sansio import READ_SIZE

from .mock_values import Break, MockRequest, MockResponse, Part, Wait

_HEAD_BYTES: Final = 1 << 20


class MockConnection:
    """Requests go in with :meth:`receive_data`, pieces of responses come out of :meth:`next_part`."""

    def __init__(self, scheme: str, handler: Callable[[MockRequest], MockResponse]) -> None:
        self._scheme = scheme
        self._handler = handler
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._parts: Iterator[Part] | None = None
        self._rest = b""  # of a chunk that is longer than one read

    @property
    def is_answering(self) -> bool:
        """Whether :meth:`next_part` is to be called."""
        return self._parts is not None

    @property
    def is_over(self) -> bool:
        """Whether the provider has to end the connection: a response without keep-alive has been sent."""
        return self._parts is None and self._http.our_state is h11.MUST_CLOSE

    def receive_data(self, data: bytes) -> None:
        """Bytes of the gateway came. Raises what the handler raises, and :class:`h11.RemoteProtocolError` if they are
        no HTTP."""
        self._http.receive_data(data)
        self._read()

    def next_part(self) -> Part | None:
        """The next piece of the response, of at most :data:`aigw_sansio.READ_SIZE` bytes; ``None`` at its end. Raises
        what the body raises."""
        if not self._rest:
            assert self._parts is not None
            part = next(self._parts, None)
            if part is None:
                self._parts = None
                if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
                    self._http.start_next_cycle()
                    self._read()
            if not isinstance(part, bytes):
                return part
            self._rest = part
        first, self._rest = self._rest[:READ_SIZE], self._rest[READ_SIZE:]
        return first

    def close(self) -> None:
        """The connection is over: leave the body of a response."""
        if isinstance(self._parts, Generator):
            self._parts.close()
        self._parts = None

    def _read(self) -> None:
        while self._parts is None:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._parts = self._written(self._handler(self._request()))
            else:
                return

    def _request(self) -> MockRequest:
        assert self._head is not None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head.headers)
        host = next((value for name, value in headers if name == "host"), "")
        url = f"{self._scheme}://{host}{self._head.target.decode('latin-1')}"
        body = bytes(self._body)
        self._body.clear()
        return MockRequest(method=self._head.method.decode(), url=url, headers=headers, body=body)

    def _written(self, response: MockResponse) -> Iterator[Part]:
        headers = list(response.headers.items())
        body = response.body
        if isinstance(body, bytes) and "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("content-length", str(len(body))))
        yield self._http.send(h11.Response(status_code=response.status, headers=headers)) or b""
        try:
            for part in (body,) if isinstance(body, bytes) else body:
                if isinstance(part, Wait | Break):
                    yield part
                elif part:
                    yield self._http.send(h11.Data(data=part)) or b""
        finally:
            if isinstance(body, Generator):
                body.close()
        yield self._http.send(h11.EndOfMessage()) or b""
