"""An encoder that changes nothing: each call reaches the one behind it."""

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from aigw_sansio.exchanges.passing import PassingEncoder
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side

PROGRESS = Progress(0, 1)
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost")
TEXT = Chunk(b'{"choices":[]}')
FINAL = FinalResponse(
    step=0, status=200, content_type="application/json", body=b"{}", charset=None, headers=[], events=[]
)


def inner() -> ResponseEncoder[bytes]:
    return UniversalEncoder("e", "l", mode="raw", listener=None)


def test_all_is_passed_on() -> None:
    head = [(b"content-type", b"text/event-stream")]
    seen = ProviderResponse(200, head, format="openai-chat", limits=Limits(), array_stream=False)
    passing: PassingEncoder[bytes] = PassingEncoder(inner())
    other = inner()
    passing.attempt(0)
    assert (passing.held, passing.kept, passing.reads_everything) == (0, None, False)
    assert passing.shows_chunks
    assert passing.shows_body(0)
    assert passing.chunk(seen, TEXT, []) == other.chunk(seen, TEXT, [])
    assert passing.begin(seen, PROGRESS) == other.begin(seen, PROGRESS)
    assert passing.chunks(seen, [TEXT]) == other.chunks(seen, [TEXT])
    assert passing.rewritten(seen, TEXT, TEXT, []) == other.rewritten(seen, TEXT, TEXT, [])
    assert passing.texts([b"1"], []) == other.texts([b"1"], [])
    assert passing.events([]) == other.events([])
    assert passing.whole(FINAL, PROGRESS) == other.whole(FINAL, PROGRESS)
    assert passing.refused(LOST, PROGRESS, None) == other.refused(LOST, PROGRESS, None)
    assert passing.finished(seen, PROGRESS, None) == other.finished(seen, PROGRESS, None)
    assert passing.failed(seen, LOST, PROGRESS, None) == other.failed(seen, LOST, PROGRESS, None)
    assert passing.cancelled(None, PROGRESS, None) == other.cancelled(None, PROGRESS, None)
