"""The service manager that started this process, systemd or one like it.

Decides: how it is told of the process's state (sd_notify(3), sd_watchdog_enabled(3)), and which listening sockets it
passed (sd_listen_fds(3)). Must not know: what is served.

The protocol is a datagram and five variables of the environment, so there is no library for it here.
"""

import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

logger = logging.getLogger("aigw.serve")

#: Passed sockets begin at this descriptor.
_FIRST: Final = 3


class ServiceManager:
    """What the environment says of it. Without one every call has no effect.

    Its variables are taken out of ``environ``, because they are not for processes that this one starts.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Call :meth:`passed_sockets` next. Raises ``ValueError`` if a variable is no number."""
        own = (None, str(os.getpid()))
        address = environ.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        watchdog_us = environ.pop("WATCHDOG_USEC", "")
        watched = environ.pop("WATCHDOG_PID", None) in own
        #: Seconds within which it wants to hear of the process, again and again; ``None``: it does not.
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us and watched else None
        count = environ.pop("LISTEN_FDS", "")
        environ.pop("LISTEN_FDNAMES", None)
        # Without LISTEN_PID the sockets are inherited from whatever started the process.
        self._passed = int(count) if environ.pop("LISTEN_PID", None) in own and count else 0

    def passed_sockets(self) -> list[socket.socket]:
        """The listening sockets that it passed; none if it passed none. Call it once. Raises ``OSError`` if there are
        fewer than it says, or one is no socket."""
        found = []
        for descriptor in range(_FIRST, _FIRST + self._passed):
            found.append(socket.socket(fileno=os.dup(descriptor)))  # the copy is not passed on to other processes
            os.close(descriptor)
        return found

    def ready(self) -> None:
        """The server accepts clients; or has read its settings again."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The server reads its settings again. Call :meth:`ready` next, also if it keeps the old ones."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The server drains."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The server is alive. Call it more often than every :attr:`watchdog_s`."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)  # a manager that is stuck must not stop the server
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("cannot tell the service manager %s: %s", lines[0], error.strerror)
