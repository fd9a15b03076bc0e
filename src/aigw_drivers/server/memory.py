"""How much memory the process may use.

Decides: the default of ``memory_bytes`` (client protocol, section 3.4). Must not know: what is done above it.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio import Config

_CGROUPS: Final = Path("/sys/fs/cgroup")
#: cgroup v1 writes "no limit" as the largest number of pages.
_NO_LIMIT: Final = 1 << 60


def with_memory(config: Config, workers: int = 1) -> Config:
    """``config`` with a limit of memory, if it sets none: half of what there is, divided by ``workers``."""
    most = most_memory()
    if most is None or config.limits.memory_bytes is not None:
        return config
    limits = msgspec.structs.replace(config.limits, memory_bytes=max(1, most // 2 // workers))
    return msgspec.structs.replace(config, limits=limits)


def most_memory() -> int | None:
    """The smallest of physical memory, the cgroup's limit and RLIMIT_AS, in bytes; ``None`` if none is known."""
    found = [_physical(), _address_space(), *_of_cgroups(_CGROUPS, _own_cgroups())]
    return min((size for size in found if size is not None), default=None)


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _address_space() -> int | None:
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # not on Windows
        return None
    soft, _ = getrlimit(RLIMIT_AS)
    return None if soft == RLIM_INFINITY else soft


def _own_cgroups() -> str:
    with suppress(OSError):
        return Path("/proc/self/cgroup").read_text()
    return ""


def _of_cgroups(root: Path, own: str) -> list[int]:
    """The limits of the process's cgroups and of those above them. ``own``: the text of ``/proc/self/cgroup``."""
    found = []
    for line in own.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            start, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            start, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = start / path.lstrip("/")
        for one in (folder, *folder.parents):
            with suppress(OSError, ValueError):
                size = int((one / name).read_text())  # "max" is no number
                if size < _NO_LIMIT:
                    found.append(size)
            if one == start:
                break
    return found
