"""What ``import aigw_sansio`` loads: an embedder pays for each module with time and memory.

``python -m tests.benchmarks.imports`` says how much.
"""

import json
import sys
from functools import cache

from tests.peers import processes

#: Another part of the environment may bring these; two libraries use them if they are there.
WITHOUT = ("websockets", "typing_extensions")
LIBRARIES = "import h2.connection, h11, wsproto, msgspec.json"
CORE = "import aigw_sansio; aigw_sansio.Gateway(aigw_sansio.Config(), bytes(16), 0.0)"
TRANSLATOR = "import aigw_sansio.translate"

#: Packages of the standard library that the core uses and its libraries do not. A new one needs a reason.
OWN_USE = {
    "difflib": "a setting that is written wrong: the nearest name",
    "heapq": "timers",
    "hmac": "comparison of tokens, signatures",
    "http": "the reasons of status codes",
    "ipaddress": "addresses of clients and proxies",
    "json": "numbers that msgspec refuses",
    "math": "times that are no numbers",
    "unicodedata": "path segments that look like dots",
    "urllib": "URLs of providers",
    "bisect": "sorted shares",
}
#: A module of ours costs about 0.2 ms and 30 KiB.
MOST_MODULES = 300


@cache
def loaded(program: str) -> dict[str, bool]:
    """The modules that ``program`` loads in a new interpreter; whether each has what writes requests of a format."""
    code = (
        f"import json, sys; sys.modules.update(dict.fromkeys({WITHOUT!r})); before = set(sys.modules); {program}; "
        "print(json.dumps({name: hasattr(sys.modules[name], 'write_request') for name in set(sys.modules) - before}))"
    )
    ended = processes.run([sys.executable, "-c", code])
    assert ended.returncode == 0, ended.stderr
    found: dict[str, bool] = json.loads(ended.stdout)
    return found


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_the_core_loads_its_libraries_and_little_else() -> None:
    found = packages(set(loaded(CORE))) - packages(set(loaded(LIBRARIES))) - {"aigw_sansio"}
    assert {name for name in found if not name.startswith("_") and not name.endswith("__mypyc")} <= set(OWN_USE)


def test_the_core_does_not_load_the_translator() -> None:
    core = loaded(CORE)
    assert not [name for name in core if name.startswith("aigw_sansio.translate")]
    assert not [name for name, writes in core.items() if writes and name.startswith("aigw_sansio.")]
    brought = set(loaded(f"{CORE}; {TRANSLATOR}")) - set(core)
    assert len(brought) > 60
    assert packages(brought) == {"aigw_sansio"}


def test_the_core_is_not_larger_than_it_was() -> None:
    assert len([name for name in loaded(CORE) if name.startswith("aigw_sansio")]) <= MOST_MODULES
