"""Seeds out of the transcripts: what clients and providers send, as bytes of a connection and as what those carry.

Each transcript is played once with whole reads; every distinct text of at most ``LARGEST`` bytes is a seed.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.transcripts.runner import Run, Transcript

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.http import BodyData, Request, ResponseEnd, ResponseHead
from aigw_sansio.wires.http1.client import Http1Client
from aigw_sansio.wires.http2.frames import PREFACE
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import TextMessage, WebSocketWire

FILES = sorted((Path(__file__).parent.parent / "tests" / "transcripts").glob("*.txt"))
LARGEST = 2000
MOST = 40  #: of one kind, so that all seeds are run in a moment


class _Listener:
    """Keeps what each peer says. A kind is ``client`` or ``provider`` and what its TLS chose."""

    def __init__(self, config: Config) -> None:
        self._gateway = Gateway(config, b"a seed for seeds", 1_700_000_000.0)
        self.said: dict[ConnId, tuple[str, bytearray]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        conn = self._gateway.open_downstream(peer, alpn, now, local=local)
        self.said[conn] = f"client {alpn or 'http/1.1'}", bytearray()
        return conn

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        self.said[conn] = f"provider {alpn or 'http/1.1'}", bytearray()
        self._gateway.connected(conn, alpn, now)

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        if conn in self.said:
            self.said[conn][1].extend(data)
        self._gateway.receive_data(conn, data, now)


@cache
def _said() -> list[tuple[str, bytes]]:
    """The bytes that every connection of every transcript sent, with its kind."""
    found: dict[tuple[str, bytes], None] = {}
    for path in FILES:
        transcript = Transcript(path.read_text(encoding="utf-8"))
        for http, clients in (("h1", "h1"), ("h2", "shared")):
            if {"h1", "h2"} & transcript.only and http not in transcript.only:
                continue
            listener = _Listener(transcript.config())
            core = cast(Gateway, listener)
            with suppress(AssertionError):  # what the tests of transcripts are for
                Run(transcript, core, "whole", http, clients).run()
            for kind, data in listener.said.values():
                found[kind, bytes(data)] = None
    return list(found)


def _seeds(texts: Iterable[bytes]) -> list[bytes]:
    """Not all, but some of every length."""
    some = sorted({text for text in texts if 0 < len(text) <= LARGEST}, key=lambda text: (len(text), text))
    return some[:: max(1, -(-len(some) // MOST))]


def connections(kind: str) -> list[bytes]:
    """All that a ``client http/1.1``, ``client h2``, ``provider http/1.1`` or ``provider h2`` says."""
    return _seeds(data.removeprefix(PREFACE) for one, data in _said() if one == kind)


def heads(kind: str) -> list[bytes]:
    """The beginnings of connections, to the end of a head of HTTP/1.1, and a little of what follows."""
    return _seeds(data[: data.find(b"\r\n\r\n") + 8] for one, data in _said() if one == kind and b"\r\n\r\n" in data)


def frames(kind: str) -> list[bytes]:
    """WebSocket frames behind an upgrade."""
    upgrades = (data for one, data in _said() if one == kind and b"upgrade: websocket" in data.lower())
    return _seeds(data.partition(b"\r\n\r\n")[2] for data in upgrades)


def messages() -> list[bytes]:
    """Text messages of clients."""
    found: list[bytes] = []
    for kind, data in _said():
        if kind == "client http/1.1":
            events = WebSocketWire(Role.SERVER, message_limit=1 << 20).receive_data(data.partition(b"\r\n\r\n")[2])
            found += [event.data for event in events if isinstance(event, TextMessage)]
    return _seeds(found)


def bodies(wanted: Callable[[bytes], bool]) -> list[bytes]:
    """Bodies of providers' answers whose content type is ``wanted``."""
    found: list[bytes] = []
    for kind, data in _said():
        if kind != "provider http/1.1":
            continue
        wire = Http1Client(1 << 16)
        wire.send_request(Request(b"GET", b"http", b"up.test", b"/", [], b""))
        body = None
        for event in [*wire.receive_data(data), *wire.receive_eof()]:
            if isinstance(event, ResponseHead):
                body = b"" if wanted(dict(event.headers).get(b"content-type", b"")) else None
            elif isinstance(event, BodyData) and body is not None:
                body += event.data
            elif isinstance(event, ResponseEnd) and body is not None:
                found.append(body)
    return _seeds(found)
