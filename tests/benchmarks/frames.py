"""Frames received, sent and relayed: this package against wsproto and the sans-IO layer of ``websockets``.

Run with ``python -m tests.benchmarks.frames``. Printed is the median time of one message in nanoseconds and how many
times as fast as wsproto that is. Without the extra ``fast`` all candidates mask in Python.
"""

import itertools
import random
from collections.abc import Callable

import wsproto.events
from tests.benchmarks._timing import compare
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode
from websockets.protocol import OPEN, Protocol
from websockets.protocol import Side as TheirSide
from wsproto.connection import Connection, ConnectionType

from aigw_sansio.wires.websocket import masking
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.websocket.messages import WebSocketWire
from aigw_sansio.wires.websocket.relay import FrameRelay

LIMIT = 1 << 24
READ = 65536

#: Handles one read, or sends one message, with a state of its own.
Work = Callable[[bytes], object]


def text(size: int) -> bytes:
    return (b'{"type":"delta","text":"abcdefghijklmnopqrstuvwxyz"}' * (size // 50 + 1))[:size]


def frames(size: int, count: int, *, masked: bool) -> bytes:
    chance = random.Random(size)
    keys = (chance.randbytes(4) if masked else None for _ in range(count))
    return b"".join(encode_frame(FIN | Opcode.TEXT, text(size), key) for key in keys)


def receive_ours(role: Role) -> Work:
    return WebSocketWire(role, message_limit=LIMIT, mask_key=None if role is Role.SERVER else bytes).receive_data


def receive_wsproto(role: Role) -> Work:
    connection = Connection(ConnectionType.SERVER if role is Role.SERVER else ConnectionType.CLIENT)

    def receive(data: bytes) -> object:
        connection.receive_data(data)
        return list(connection.events())

    return receive


def receive_websockets(role: Role) -> Work:
    side = TheirSide.SERVER if role is Role.SERVER else TheirSide.CLIENT
    protocol = Protocol(side, state=OPEN, max_size=LIMIT)

    def receive(data: bytes) -> object:
        protocol.receive_data(data)
        return protocol.events_received()

    return receive


def send_ours(role: Role) -> Work:
    keys = itertools.repeat(b"\x12\x34\x56\x78")
    wire = WebSocketWire(role, message_limit=LIMIT, mask_key=None if role is Role.SERVER else lambda: next(keys))
    return wire.text


def send_wsproto(role: Role) -> Work:
    connection = Connection(ConnectionType.SERVER if role is Role.SERVER else ConnectionType.CLIENT)
    # The text is given as str: that is what wsproto's interface asks for.
    return lambda data: connection.send(wsproto.events.TextMessage(data=data.decode()))


def send_websockets(role: Role) -> Work:
    protocol = Protocol(TheirSide.SERVER if role is Role.SERVER else TheirSide.CLIENT, state=OPEN)

    def send(data: bytes) -> object:
        protocol.send_text(data)
        return protocol.data_to_send()

    return send


def relay_ours(role: Role) -> Work:
    return FrameRelay(role, message_limit=LIMIT, mask_key=None if role is Role.SERVER else bytes).receive_data


def relay_wsproto(role: Role) -> Work:
    inbound = Connection(ConnectionType.SERVER if role is Role.SERVER else ConnectionType.CLIENT)
    outbound = Connection(ConnectionType.CLIENT if role is Role.SERVER else ConnectionType.SERVER)

    def relay(data: bytes) -> object:
        inbound.receive_data(data)
        return [
            outbound.send(wsproto.events.TextMessage(data=event.data, message_finished=event.message_finished))
            for event in inbound.events()
            if isinstance(event, wsproto.events.TextMessage)
        ]

    return relay


def relay_websockets(role: Role) -> Work:
    inbound = Protocol(TheirSide.SERVER if role is Role.SERVER else TheirSide.CLIENT, state=OPEN, max_size=LIMIT)
    outbound = Protocol(TheirSide.CLIENT if role is Role.SERVER else TheirSide.SERVER, state=OPEN)

    def relay(data: bytes) -> object:
        inbound.receive_data(data)
        for frame in inbound.events_received():
            if isinstance(frame, TheirFrame) and frame.opcode is TheirOpcode.TEXT:
                outbound.send_text(frame.data)
        return outbound.data_to_send()

    return relay


def measure(label: str, candidates: dict[str, Work], reads: list[bytes], messages: int) -> None:
    """Print one line. ``reads`` hold ``messages`` messages together."""

    def all_reads(work: Work) -> Callable[[], None]:
        def run() -> None:
            for data in reads:
                work(data)

        return run

    runs = {name: all_reads(work) for name, work in candidates.items()}
    spent = compare(runs, per_call=messages, round_s=0.02)
    line = (f"{name} {time:>10,.0f} {spent['wsproto'] / time:>6.1f}x" for name, time in spent.items())
    print(f"{label:<42} {'   '.join(line)}")


def main() -> None:
    print(f"mask: {masking.apply_mask!r}; ns per message, times as fast as wsproto")
    for role, peer in ((Role.SERVER, "masked"), (Role.CLIENT, "unmasked")):
        receivers: dict[str, Callable[[Role], Work]] = {
            "ours": receive_ours,
            "wsproto": receive_wsproto,
            "websockets": receive_websockets,
        }
        for size in (150, 1024, 4096, 65536):
            works = {name: make(role) for name, make in receivers.items()}
            measure(f"receive {peer} {size:>6} B, one per read", works, [frames(size, 1, masked=not role)], 1)
        stream = frames(150, 2000, masked=not role)
        reads = [stream[at : at + READ] for at in range(0, len(stream), READ)]
        works = {name: make(role) for name, make in receivers.items()}
        measure(f"receive {peer}    150 B, reads of 64 KiB", works, reads, 2000)
        stream = frames(LIMIT, 1, masked=not role)
        reads = [stream[at : at + READ] for at in range(0, len(stream), READ)]
        works = {name: make(role) for name, make in receivers.items()}
        measure(f"receive {peer} 16 MiB, reads of 64 KiB", works, reads, 1)
    for role, peer in ((Role.SERVER, "unmasked"), (Role.CLIENT, "masked")):
        for size in (150, 4096, 65536):
            senders = {
                "ours": send_ours(role),
                "wsproto": send_wsproto(role),
                "websockets": send_websockets(role),
            }
            measure(f"send    {peer} {size:>6} B", senders, [text(size)], 1)
    for role, peer in ((Role.SERVER, "masked"), (Role.CLIENT, "unmasked")):
        relays: dict[str, Callable[[Role], Work]] = {
            "ours": relay_ours,
            "wsproto": relay_wsproto,
            "websockets": relay_websockets,
        }
        for size in (200, 4096, 60000):
            works = {name: make(role) for name, make in relays.items()}
            measure(f"relay   {peer} {size:>6} B, one per read", works, [frames(size, 1, masked=not role)], 1)
        stream = frames(200, 2000, masked=not role)
        reads = [stream[at : at + READ] for at in range(0, len(stream), READ)]
        works = {name: make(role) for name, make in relays.items()}
        measure(f"relay   {peer}    200 B, reads of 64 KiB", works, reads, 2000)


if __name__ == "__main__":
    main()
