"""Two ends of one TCP connection, and a reset that has arrived."""

import select
import socket

from aigw_drivers.conformance.sockets import reset

PATIENCE_S = 120.0


def pair() -> tuple[socket.socket, socket.socket]:
    """Ours and theirs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


def reset_by(theirs: socket.socket, ours: socket.socket) -> None:
    """Reset, and wait for it."""
    reset(theirs)
    poll = select.poll()
    poll.register(ours, 0)  # errors are reported in any case
    assert poll.poll(PATIENCE_S * 1000)
