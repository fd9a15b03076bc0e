"""Every transcript whose clients could have a host that owns their WebSockets, universal and realtime."""

from pathlib import Path

import pytest
from tests.peers.reference_driver import Cuts
from tests.rigs.message_host import MessageHost
from tests.transcripts.runner import check
from tests.transcripts.transcripts_of import FILES, gateway, runs

from aigw_sansio.config import Config

#: What a host does itself, or a client cannot do behind one.
NOT_HOSTED = {
    "07_client_leaves": "an end without a close frame is answered by the host",
    "27_message_too_big": "a length that is only declared",
    "30_handshake": "the opening handshake",
    "31_plain_http": "plain requests",
    "37_liveness": "pings",
    "38_close": "the closing handshake",
    "63_answer_then_violation": "frames",
    "67_unread_pongs": "pongs",
    "68_compression": "compression",
    "69_compressed_frame_errors": "compression",
    "85_look_ups": "connections get their numbers later",
    "rt_06_early": "what comes before the 101",
    "rt_09_liveness": "pings",
    "rt_11_message_limit": "a length that is only declared",
    "rt_12_close": "close frames that the host reads, or cannot write",
    "rt_13_lost": "an end without a close frame is answered by the host",
    "rt_14_violations": "frames",
    "rt_15_backpressure": "pongs",
    "rt_17_not_possible": "the opening handshake",
    "rt_21_half_close": "a client that reads on behind its end",
    "rt_22_half_close_held": "a client that reads on behind its end",
    "rt_23_close_reasons": "close frames that the host reads",
}
HOSTED = [path for path in FILES if path.stem not in NOT_HOSTED]


def hosted(config: Config) -> MessageHost:
    return MessageHost(gateway(config))


@pytest.mark.parametrize(
    ("path", "cuts", "http"),
    [pytest.param(*one, id=f"{one[0].stem}-{one[1]}-{one[2]}") for one in runs(HOSTED, ("whole", "random"))],
)
def test_transcript(path: Path, cuts: Cuts, http: str) -> None:
    check(path, hosted, cuts, http, accept=False)


def test_what_is_left_out_is_there() -> None:
    assert {path.stem for path in FILES} >= set(NOT_HOSTED)
