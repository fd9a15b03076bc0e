"""Every transcript, in every cut, over every HTTP version that the gateway speaks to providers."""

from pathlib import Path

import pytest
from aigw_sansio.gateway import Gateway
from tests.harness import Transcript, check
from tests.perfect import Core, Cuts

from aigw_sansio.config import Config

FILES = sorted((Path(__file__).parent / "transcripts").rglob("*.txt"))
CUTS: tuple[Cuts, ...] = ("whole", "bytes", "random")


def gateway(config: Config) -> Core:
    return Gateway(config, b"a seed for transcripts", 1_700_000_000.0)


@pytest.mark.parametrize("http", ["h1", "h2"])
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path, cuts: Cuts, http: str, request: pytest.FixtureRequest) -> None:
    only = Transcript(path.read_text(encoding="utf-8")).only
    if {"h1", "h2"} & only and http not in only:
        pytest.skip(f"only {', '.join(only)}")
    if {"whole", "random", "bytes"} & only and cuts not in only:
        pytest.skip(f"only {', '.join(only)}")
    check(path, gateway, cuts, http, accept=bool(request.config.getoption("--accept")))
