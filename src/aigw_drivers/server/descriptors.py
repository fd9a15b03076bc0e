"""How many connections the process can hold.

Decides: the limits that follow from the number of file descriptors (client protocol, section 3.4). Must not know: what
happens to a client over a limit.
"""

import os
from contextlib import suppress
from typing import Final

import msgspec

from aigw_sansio import Config

#: Descriptors for a look-up, a log, a file with certificates.
_SPARE: Final = 16


def with_descriptors(config: Config) -> Config:
    """``config`` with the limits of this process, if it does not set them."""
    most = most_descriptors()
    if most is None:
        return config
    limits = config.limits
    if limits.connections is None:
        limits = msgspec.structs.replace(limits, connections=connections_for(most))
    return msgspec.structs.replace(config, limits=limits, descriptors=max(0, most - _open_now() - _SPARE))


def connections_for(descriptors: int) -> int:
    """How many clients may be connected: the others are for providers."""
    return max(16, descriptors * 9 // 10 - 64)


def handshakes_for(connections: int | None) -> int | None:
    """How many TLS handshakes may run at once: they hold descriptors before anything else counts them."""
    most = most_descriptors()
    return None if most is None or connections is None else max(8, (most - connections) // 3)


def most_descriptors() -> int | None:
    """The process's limit of file descriptors; ``None`` if there is none."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
    except ImportError:  # not on Windows
        return None
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return None if soft == RLIM_INFINITY else soft


def _open_now() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder))
    return 0
