"""A connection is reset while bytes wait to be sent, and a send is told of it first. Who reads then finds an end that
looks like any other, and must not take it for one."""

import asyncio
import errno
from collections.abc import Callable
from typing import NoReturn

import pytest
import uvloop
from tests.peers.sockets import pair, reset_by

from aigw_drivers.core.link import Link
from aigw_drivers.core.transports import TransportReadiness, TransportSocket, transport_socket_type
from aigw_sansio.ids import ConnId

HUGE = 32 << 20


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_transport_that_reads_an_end_where_it_broke(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    found: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        gone = loop.create_future()

        def read(link: Link, data: bytes) -> None:
            found.append(data)

        def readable(link: Link) -> None:
            assert link.socket is not None
            try:
                found.append(link.socket.recv(65536))
            except OSError as exc:
                found.append(type(exc))

        ours, theirs = pair()
        ours.setblocking(False)
        sock = transport_socket_type(loop)(lambda _: None, gone.set_result, read, readable, lambda _: None)
        await loop.create_connection(lambda: sock, sock=ours)
        link = Link(ConnId(1), sock)
        TransportReadiness(loop).start_reading(link)
        assert sock.send(bytes(HUGE)) < HUGE
        with sock.transport.get_extra_info("socket").dup() as own:
            reset_by(theirs, own)
            with pytest.raises(ConnectionResetError):
                own.send(b"x")
            assert own.recv(1) == b""
        await gone

    loop = new_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    assert found in ([BrokenPipeError], [ConnectionResetError])


@pytest.mark.parametrize(("number", "told"), [(errno.EMFILE, [b""]), (errno.ENFILE, [b""]), (errno.EBADF, [])])
def test_an_end_is_one_where_the_kernel_cannot_be_asked(number: int, told: list[bytes]) -> None:
    class Transport:
        def get_extra_info(self, name: str) -> "Transport":
            return self

        def dup(self) -> NoReturn:
            raise OSError(number, "no")

    found: list[bytes] = []
    sock = TransportSocket(
        made=lambda _: None,
        gone=lambda _: None,
        on_read=lambda _, data: found.append(data),
        on_readable=lambda _: found.append(sock.recv(65536)),
        on_writable=lambda _: None,
    )
    sock.transport = Transport()  # type: ignore[assignment]
    sock.link = Link(ConnId(1), sock)
    sock.link.wants_read = True
    sock.pause_writing()
    assert sock.eof_received()
    assert found == told
