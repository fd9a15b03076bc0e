"""The transcripts, the gateway that they are played with, and which of them run how."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.peers.reference_driver import Core, Cuts
from tests.rigs.parts import TRANSLATES
from tests.transcripts.runner import Transcript

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway

FILES = sorted(Path(__file__).parent.rglob("*.txt"))
CUTS: tuple[Cuts, ...] = ("whole", "bytes", "random")


def gateway(config: Config) -> Core:
    """One whose ids and time are the same in every run."""
    return Gateway(config, b"a seed for transcripts", 1_700_000_000.0, TRANSLATES)


def runs(files: Sequence[Path], cuts: Sequence[Cuts]) -> Iterator[tuple[Path, Cuts, str]]:
    """Every file with the cuts and the HTTP versions that it is for, clients on HTTP/1.1."""
    for path in files:
        only = Transcript(path.read_text(encoding="utf-8")).only
        if {"clients-h2", "clients-shared"} & only:
            continue
        for cut in cuts:
            for http in ("h1", "h2"):
                if ({"h1", "h2"} & only and http not in only) or (
                    {"whole", "random", "bytes"} & only and cut not in only
                ):
                    continue
                yield path, cut, http
