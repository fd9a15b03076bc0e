"""What one message costs on the hot paths, in bytecodes, so that it does not creep up unseen.

Every limit and every law costs each message something. Together they may cost five in a hundred of what a message cost
when there were none; those of clients without bytes, and requests, began with these limits. The numbers hold for
CPython 3.11; other versions count differently.
"""

import sys
from typing import Literal

import pytest
from tests.rigs.compiled import COMPILED
from tests.rigs.core_relay import CoreRelay
from tests.rigs.core_request import Requests
from tests.rigs.core_stream import ReviewedRig, Rig, chunk
from tests.rigs.message_costs import MessageRelay, MessageStream
from tests.rigs.meter import cost_of

from aigw_sansio.review import Released
from aigw_sansio.wires.websocket.frames import encode_frame

pytestmark = [
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bytecodes of another Python are others"),
    pytest.mark.skipif(COMPILED, reason="the compiled core executes no bytecodes"),
]

ROUNDS = 20


@pytest.mark.parametrize(("listens", "size", "without"), [
    (False, 200, 1246),
    (False, 4096, 1246),
    (True, 200, 1898),
    (True, 4096, 1898),
])  # fmt: skip
def test_an_echoed_relay_message(listens: bool, size: int, without: int) -> None:
    relay = CoreRelay(listens=listens)
    text = b"{" + b"x" * (size - 1)
    up, down = encode_frame(0x81, text, b"mask"), encode_frame(0x81, text, None)
    relay.echo(up, down)
    spent = cost_of(lambda: [relay.echo(up, down) for _ in range(ROUNDS)]).bytecodes
    assert spent / ROUNDS <= 1.05 * without


@pytest.mark.parametrize(("per_read", "without"), [(1, 1149), (20, 279.9)])
def test_a_streamed_chunk(per_read: int, without: float) -> None:
    rig, read = Rig(1), chunk() * per_read
    rig.run(read, 2)
    spent = cost_of(lambda: rig.run(read, ROUNDS)).bytecodes
    assert spent / ROUNDS / per_read <= 1.05 * without


@pytest.mark.parametrize(("listens", "size", "first"), [
    (False, 200, 2016),
    (False, 4096, 2016),
    (True, 200, 2720),
    (True, 4096, 2720),
])  # fmt: skip
def test_an_echoed_relay_message_of_a_client_without_bytes(listens: bool, size: int, first: int) -> None:
    relay = MessageRelay(listens=listens)
    text = b"{" + b"x" * (size - 1)
    down = encode_frame(0x81, text, None)
    relay.echo(text, down)
    spent = cost_of(lambda: [relay.echo(text, down) for _ in range(ROUNDS)]).bytecodes
    assert spent / ROUNDS <= 1.05 * first


@pytest.mark.parametrize(("per_read", "first"), [(1, 1295), (20, 398.3)])
def test_a_streamed_chunk_of_a_client_without_bytes(per_read: int, first: float) -> None:
    stream, read = MessageStream(), chunk() * per_read
    assert stream.run(read, 2) == 2 * per_read
    spent = cost_of(lambda: stream.run(read, ROUNDS)).bytecodes
    assert spent / ROUNDS / per_read <= 1.05 * first


@pytest.mark.parametrize(("per_read", "measured"), [(1, 3149), (20, 896)])
def test_a_reviewed_chunk(per_read: int, measured: int) -> None:
    """Only who asks for reviews pays for them: the other streams are those above."""
    rig, read = ReviewedRig(Released()), chunk() * per_read
    rig.run(read, 2)
    spent = cost_of(lambda: rig.run(read, ROUNDS)).bytecodes
    assert spent / ROUNDS / per_read <= 1.05 * measured
    assert rig.reviews == ROUNDS + 2


@pytest.mark.parametrize(("http2", "measured"), [("off", 13_020), ("on", 18_368)])
def test_a_request_and_its_response(http2: Literal["on", "off"], measured: float) -> None:
    """From the client's frame to the last message, with a stored key on a kept connection: a feature that is off costs
    next to nothing."""
    rig = Requests(http2)
    shown = [rig.request() for _ in range(30)]  # fills what is made once
    assert min(shown) > 600  # the chunk and the end
    spent = cost_of(lambda: [rig.request() for _ in range(ROUNDS)]).bytecodes
    assert spent / ROUNDS <= 1.05 * measured
