"""Every transcript once more with its clients on HTTP/2: each on a connection of its own, and all on one."""

from pathlib import Path

import pytest
from tests.peers.reference_driver import Cuts
from tests.transcripts.runner import Transcript, check
from tests.transcripts.transcripts_of import FILES, gateway


def _runs() -> list[tuple[Path, Cuts, str, str]]:
    """Both HTTP versions towards providers with whole reads, and one of them with the others."""
    runs: list[tuple[Path, Cuts, str, str]] = []
    for path in FILES:
        only = Transcript(path.read_text(encoding="utf-8")).only
        upstream = [http for http in ("h1", "h2") if not {"h1", "h2"} & only or http in only]
        plan: list[tuple[Cuts, str]] = [("whole", http) for http in upstream]
        plan += [("bytes", upstream[0]), ("random", upstream[-1])]
        for cuts, http in plan:
            if {"whole", "random", "bytes"} & only and cuts not in only:
                continue
            for clients in ("h2", "shared"):
                if not {"clients-h1", "clients-shared" if clients == "h2" else "clients-own"} & only:
                    runs.append((path, cuts, http, clients))
    return runs


@pytest.mark.parametrize(
    ("path", "cuts", "http", "clients"),
    [pytest.param(*one, id=f"{one[0].stem}-{one[1]}-{one[2]}-{one[3]}") for one in _runs()],
)
def test_transcript(path: Path, cuts: Cuts, http: str, clients: str) -> None:
    check(path, gateway, cuts, http, clients, accept=False)
