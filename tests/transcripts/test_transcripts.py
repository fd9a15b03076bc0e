"""Every transcript, in every cut, over every HTTP version that the gateway speaks to providers."""

from pathlib import Path

import pytest
from tests.peers.reference_driver import Cuts
from tests.transcripts.runner import check
from tests.transcripts.transcripts_of import CUTS, FILES, gateway, runs


@pytest.mark.parametrize(
    ("path", "cuts", "http"),
    [pytest.param(*one, id=f"{one[0].stem}-{one[1]}-{one[2]}") for one in runs(FILES, CUTS)],
)
def test_transcript(path: Path, cuts: Cuts, http: str, request: pytest.FixtureRequest) -> None:
    check(path, gateway, cuts, http, accept=bool(request.config.getoption("--accept")))
