"""Every transcript, in every cut, over every HTTP version that the gateway speaks to providers."""

from pathlib import Path

import pytest
from tests.peers.reference_driver import Core, Cuts
from tests.transcripts.runner import check
from tests.transcripts.transcripts_of import runs

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway

FILES = sorted(Path(__file__).parent.rglob("*.txt"))
CUTS: tuple[Cuts, ...] = ("whole", "bytes", "random")


def gateway(config: Config) -> Core:
    return Gateway(config, b"a seed for transcripts", 1_700_000_000.0)


@pytest.mark.parametrize(
    ("path", "cuts", "http"),
    [pytest.param(*one, id=f"{one[0].stem}-{one[1]}-{one[2]}") for one in runs(FILES, CUTS)],
)
def test_transcript(path: Path, cuts: Cuts, http: str, request: pytest.FixtureRequest) -> None:
    check(path, gateway, cuts, http, accept=bool(request.config.getoption("--accept")))
