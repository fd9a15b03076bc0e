"""The listening sockets of worker processes.

Decides: whether each worker has sockets of its own, on one port, or all share those that were passed. Must not know:
what is served on them, and when a worker runs.

On Linux each worker has its own (``SO_REUSEPORT``), and the kernel deals the clients out evenly. The supervisor opens
them and keeps them open: so the clients that wait for a worker that was killed are served by the next one in its place.
Other systems do not deal out, so there all workers accept from the same sockets.
"""

import socket
import sys
from collections.abc import Sequence
from typing import Final

from ..core.sockets import listen

_DEALS_OUT: Final = sys.platform == "linux"


class Slots:
    """One place for each worker, with its listening sockets."""

    def __init__(self, host: str, port: int, count: int, passed: Sequence[socket.socket] = ()) -> None:
        """Listen on ``port`` of ``host``; 0 takes a free one. ``passed``: sockets that others opened, in place of
        these. Raises ``OSError``."""
        self._host, self._port = host, port
        self._own = _DEALS_OUT and not passed
        self._sockets: list[list[socket.socket]] = []
        if not self._own:
            shared = list(passed) or [one.socket for one in listen(host, port)]
            self._sockets = [shared] * count
            return
        if port:  # otherwise a second server of the same user would share the port, and nobody would notice
            for listener in listen(host, port):
                listener.socket.close()
        try:
            for _ in range(count):
                self._sockets.append(self._listen())
                self._port = self._sockets[0][0].getsockname()[1]
        except OSError:
            self.close()
            raise

    def __getitem__(self, number: int) -> list[socket.socket]:
        """Those of one worker. They are opened again if they were given up. Raises ``OSError``."""
        if not self._sockets[number]:
            self._sockets[number] = self._listen()
        return self._sockets[number]

    def give_up(self, number: int) -> None:
        """This worker does not come back soon: leave its clients to the others. What is shared stays."""
        if self._own:
            self._close(self._sockets[number])

    def keep_only(self, number: int) -> None:
        """In the process of a worker: close those of the others."""
        if self._own:
            for other, sockets in enumerate(self._sockets):
                if other != number:
                    self._close(sockets)

    def close(self) -> None:
        """Close all in this process."""
        for sockets in self._sockets:
            self._close(sockets)

    def _listen(self) -> list[socket.socket]:
        return [one.socket for one in listen(self._host, self._port, reuse_port=True)]

    @staticmethod
    def _close(sockets: list[socket.socket]) -> None:
        for sock in sockets:
            sock.close()
        sockets.clear()
