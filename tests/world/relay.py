"""The world with realtime sessions: two WebSockets and a relay between them.

Both ends number their messages and check the other's: in order, none twice, none lost while both are open. The record of a
session counts what its client reads.
"""

import json
import random

from tests.peers.http_providers import Http1Provider
from tests.peers.peer import Seen
from tests.peers.websocket_client import upgrade_request
from tests.peers.websocket_frames import raw_frame
from tests.peers.websocket_provider import WsProvider
from tests.world.actors import Caller
from tests.world.world import HIGH, MESSAGE, LawBroken, Move, Pipe, World
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from aigw_sansio.events import SessionEnded, SessionOpened
from aigw_sansio.ids import ConnId

HOST = "api.x.ai"
PAD = (0, 10, 1500, 15_000)


class _Counts:
    """What one end sent and got."""

    def __init__(self, own: str, other: str) -> None:
        self.own, self.other = own, other
        self.sent = self.got = 0
        self.complaint: str | None = None

    def next_text(self, size: int) -> str:
        self.sent += 1
        return f"{self.own}:{self.sent - 1}:" + "x" * size

    def check(self, text: str) -> None:
        side, number = text.split(":")[:2]
        if side != self.other or int(number) != self.got:
            self.complaint = f"got {text[:30]}, expected {self.other}:{self.got}"
        self.got += 1


class Talker(Caller):
    """A realtime client."""

    def __init__(self) -> None:
        super().__init__()
        self.counts_of = _Counts("c", "p")

    def ask(self) -> bytes:
        return self.ws.event(Ping(payload=b"?"))

    def _message(self, text: str) -> None:
        self.counts_of.check(text)
        self.complaint = self.complaint or self.counts_of.complaint

    def receive(self, data: bytes) -> None:
        for seen in self.ws.receive(data):
            if seen.line.startswith("binary "):
                self._message(bytes.fromhex(seen.line[7:]).decode())
            elif seen.line == "open":
                self.open = True
            elif seen.line.startswith("pong"):
                self.pongs += 1
            elif seen.text is not None:
                self._message(seen.text)
            elif seen.line.startswith("close"):
                self.open = False
            elif seen.line.startswith("bytes after"):
                self.complaint = seen.line


class Speaker(WsProvider):
    """A realtime provider."""

    def __init__(self) -> None:
        super().__init__()
        self.counts_of = _Counts("p", "c")
        self.asked = False
        self.open = False

    def receive(self, data: bytes) -> list[Seen]:
        for seen in super().receive(data):
            if seen.line.startswith("GET"):
                self.asked = True
            elif seen.line.startswith("binary "):
                self.counts_of.check(bytes.fromhex(seen.line[7:]).decode())
            elif seen.text is not None:
                self.counts_of.check(seen.text)
            elif seen.line.startswith("close"):
                self.open = False
        return []


class RelayWorld(World):
    """Moves of realtime sessions instead of exchanges; bytes, ends, host and time as ever."""

    def __init__(self, core: object) -> None:
        super().__init__(core)  # type: ignore[arg-type]
        self.moves = (
            self._new_talker, self._new_relay, self._new_relay, self._early,
            self._talk, self._talk, self._talk, self._speak, self._speak, self._speak, self._flood_up, self._flood_down,
            self._accept, self._accept, self._refuse, self._client_odd, self._provider_end, self._mute,
            self._deliver, self._deliver, self._deliver_all, self._deliver_all, self._deliver_all,
            self._pull, self._confirm, self._peer_reads, self._flow_all, self._flow_all, self._flow_all,
            self._dial, self._dial_fails, self._peer_eof, self._peer_reset, self._wait, self._close_socket,
            self._toggle, self._drain, self._half_close, self._slow_drain, self._slow_drain, self._answer, self._answer,
            self._proceed, self._proceed, self._many_up, self._many_down, self._pings_up, self._pings_down,
            self._new_settings, self._host_closes,
        )  # fmt: skip
        self.clients: dict[int, Pipe] = {}  # of each session
        self.records: dict[int, SessionEnded] = {}

    def new_provider(self, pipe: Pipe) -> Http1Provider:
        return Speaker() if pipe.host == HOST else super().new_provider(pipe)

    def bound(self, pipe: Pipe) -> int:
        """The mark, and what was read before the pause: a read under way, and one that may still come."""
        return HIGH + 2 * 65536 + MESSAGE

    def other_reason_to_pause(self) -> bool:
        """What a client says before its provider has answered is kept only up to a limit."""
        providers = [pipe for pipe in self.pipes.values() if pipe.caller is None and not pipe.ended]
        return any(not _switched(pipe) or pipe.inbound for pipe in providers)  # its 101 may still be under way

    def check(self) -> None:
        super().check()
        for pipe in self.pipes.values():
            if isinstance(pipe.provider, Speaker) and pipe.provider.counts_of.complaint:
                raise AssertionError(f"{pipe}: {pipe.provider.counts_of.complaint}")

        for session, record in self.records.items():
            pipe = self.clients[session]
            assert isinstance(pipe.caller, Talker)
            if pipe.caller.counts_of.got > record.messages_sent:
                raise LawBroken(f"{pipe} has read {pipe.caller.counts_of.got} messages, and {record}")

    def _event(self, event: object) -> None:
        super()._event(event)
        if isinstance(event, SessionOpened):
            self.clients[event.session] = self.pipes[event.conn]
            self.ends_later.add(event.session)
        elif isinstance(event, SessionEnded):
            self.records[event.session] = event

    def finish(self) -> None:
        super().finish()
        for session, record in self.records.items():
            pipe = self.clients[session]
            assert isinstance(pipe.caller, Talker)
            self._flow(pipe)  # what its kernel had taken
            if pipe.end != "reset" and not pipe.aborted and pipe.caller.counts_of.got != record.messages_sent:
                raise LawBroken(f"{pipe} has read {pipe.caller.counts_of.got} messages, and {record}")

    # -- moves ---------------------------------------------------------------------------------------------------

    def _half_close(self, who: int, much: int) -> str | None:
        """A client ends its direction, and reads on."""
        found = self._talker(who)
        if found is None:
            return None
        found[0].end = "eof"
        return repr(found[0])

    def _slow_drain(self, who: int, much: int) -> str | None:
        """Macro: the provider says much and closes; the client takes it in little pieces, for longer than ``close_s``."""
        before = set(self.pipes)
        if self._new_relay(who | 1, much) is None:  # nobody reviews it
            return None
        pipes = [self.pipes[conn] for conn in set(self.pipes) - before]
        up = next((pipe for pipe in pipes if isinstance(pipe.provider, Speaker) and pipe.provider.open), None)
        down = next((pipe for pipe in pipes if isinstance(pipe.caller, Talker)), None)
        if up is None or down is None:
            return None
        speaker, talker = up.provider, down.caller
        assert isinstance(speaker, Speaker)
        assert isinstance(talker, Talker)
        for _ in range(1 + much % 5):
            up.inbound += speaker.event(TextMessage(data=speaker.counts_of.next_text(PAD[1 + much % 3])))
        up.inbound += speaker.event(CloseConnection(code=1000, reason="done"))
        speaker.open = False
        if much % 2:
            down.end = "eof" if much % 4 == 1 else None
            self._read(down, 65536)
        for _ in range(100):
            self._read(up, 65536)
            self._flow(up)
            self._pull_once(down)
            self._take(down, 1000)
            data, down.kernel = down.kernel, b""
            if data:
                self._arrive(down, data)
            if talker.counts_of.got == speaker.counts_of.sent:
                break
            self._pass(3.0)
        else:
            raise LawBroken(f"{down} has read {talker.counts_of.got} of {speaker.counts_of.sent} messages")
        return f"{down} {speaker.counts_of.sent}"

    def _talker(self, who: int) -> tuple[Pipe, Talker] | None:
        pipe = self._pick(who, lambda p: isinstance(p.caller, Talker) and p.caller.open and p.end is None)
        return (pipe, pipe.caller) if pipe is not None and isinstance(pipe.caller, Talker) else None

    def _speaker(self, who: int, *, is_open: bool = True) -> tuple[Pipe, Speaker] | None:
        def fits(pipe: Pipe) -> bool:
            speaker = pipe.provider
            if not isinstance(speaker, Speaker) or pipe.end is not None or pipe.aborted:
                return False
            return speaker.open if is_open else speaker.asked and not speaker.switched

        pipe = self._pick(who, fits)
        return (pipe, pipe.provider) if pipe is not None and isinstance(pipe.provider, Speaker) else None

    def _new_talker(self, who: int, much: int) -> str | None:
        if sum(1 for pipe in self.pipes.values() if pipe.caller is not None and not pipe.ended) >= 4:
            return None
        conn = self._step("open_downstream", "192.0.2.1:1", None)
        assert isinstance(conn, int)
        talker = Talker()
        pipe = self.pipes[ConnId(conn)] = Pipe(ConnId(conn), talker)
        gateway, headers = "default", [("authorization", "Bearer K")]
        if who % 8 == 6:
            gateway, headers = "policy", headers[: much % 2]
        elif who % 8 == 4:
            gateway = "reviewed"
        pipe.inbound += talker.ws.request(upgrade_request(f"/v1/local/{gateway}/grok?model=m", headers))
        return repr(pipe)

    def _new_relay(self, who: int, much: int) -> str | None:
        """Macro: a session that is open on both sides."""
        before = set(self.pipes)
        if self._new_talker(who, much) is None:
            return None
        for _ in range(3):
            for conn in set(self.pipes) - before:
                pipe = self.pipes[conn]
                if not pipe.dialled and not pipe.closing:
                    self._connect(pipe, 0)
                self._settle(pipe)
                if isinstance(pipe.provider, Speaker) and pipe.provider.asked and not pipe.provider.switched:
                    self._switch(pipe, pipe.provider)
                self._settle(pipe)
        return str(set(self.pipes) - before)

    def _early(self, who: int, much: int) -> str | None:
        """Bytes behind the upgrade, before it is answered."""
        pipe = self._pick(who, lambda p: isinstance(p.caller, Talker) and not p.caller.open and p.end is None)
        if pipe is None or pipe.caller is None or not isinstance(pipe.caller, Talker) or pipe.kernel or pipe.unsent:
            return None
        counts = pipe.caller.counts_of
        text = counts.next_text(PAD[much % 3]).encode()
        # The client has no WebSocket yet: the frame by hand, masked with zeros.
        size = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0xFE]) + len(text).to_bytes(2, "big")
        pipe.inbound += b"\x81" + size + bytes(4) + text
        return f"{pipe} {counts.sent}"

    def _switch(self, pipe: Pipe, speaker: Speaker) -> None:
        speaker.open = True
        pipe.inbound += speaker.switch(101, [])

    def _accept(self, who: int, much: int) -> str | None:
        found = self._speaker(who, is_open=False)
        if found is None:
            return None
        self._switch(*found)
        return repr(found[0])

    def _refuse(self, who: int, much: int) -> str | None:
        found = self._speaker(who, is_open=False)
        if found is None:
            return None
        pipe, speaker = found
        speaker.asked = False
        answers = (
            b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno",
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 503 No\r\nretry-after: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbu",
            b"nonsense\r\n\r\n",
        )
        pipe.inbound += answers[much % 4]
        return repr(pipe)

    def _talk(self, who: int, much: int) -> str | None:
        found = self._talker(who)
        if found is None:
            return None
        pipe, talker = found
        text = talker.counts_of.next_text(PAD[much % 4])
        event = BytesMessage(data=text.encode()) if much % 5 == 0 else TextMessage(data=text)
        pipe.inbound += talker.ws.event(event)
        return f"{pipe} c:{talker.counts_of.sent - 1}"

    def _speak(self, who: int, much: int) -> str | None:
        found = self._speaker(who)
        if found is None:
            return None
        pipe, speaker = found
        text = speaker.counts_of.next_text(PAD[much % 4])
        event = BytesMessage(data=text.encode()) if much % 5 == 0 else TextMessage(data=text)
        pipe.inbound += speaker.event(event)
        return f"{pipe} p:{speaker.counts_of.sent - 1}"

    def _flood_up(self, who: int, much: int) -> str | None:
        """Macro: the client says far more than may wait."""
        for _ in range(15):
            self._talk(who, 3)
        return "many" if self._talker(who) else None

    def _flood_down(self, who: int, much: int) -> str | None:
        """Macro: the provider does."""
        for _ in range(15):
            self._speak(who, 3)
        return "many" if self._speaker(who) else None

    def _many_up(self, who: int, much: int) -> str | None:
        """Macro: a hostile client says much in small messages."""
        found = self._talker(who)
        if found is None or not found[0].live:
            return None
        pipe, talker = found
        for _ in range(800):
            pipe.inbound += talker.ws.event(TextMessage(data=talker.counts_of.next_text(0)))
        return f"{pipe} {self._while_others_are_served(pipe, much)}"

    def _many_down(self, who: int, much: int) -> str | None:
        """Macro: a hostile provider does."""
        found = self._speaker(who)
        if found is None or not found[0].live:
            return None
        pipe, speaker = found
        for _ in range(800):
            pipe.inbound += speaker.event(TextMessage(data=speaker.counts_of.next_text(0)))
        return f"{pipe} {self._while_others_are_served(pipe, much)}"

    def _pings_up(self, who: int, much: int) -> str | None:
        """Macro: a hostile client sends control frames."""
        found = self._talker(who)
        if found is None or not found[0].live:
            return None
        found[0].inbound += raw_frame(0x89 + much % 2, b"", masked=True) * 5000
        return f"{found[0]} {self._while_others_are_served(found[0], much)}"

    def _pings_down(self, who: int, much: int) -> str | None:
        """Macro: a hostile provider does."""
        found = self._speaker(who)
        if found is None or not found[0].live:
            return None
        found[0].inbound += raw_frame(0x89 + much % 2, b"", masked=False) * 5000
        return f"{found[0]} {self._while_others_are_served(found[0], much)}"

    def _client_odd(self, who: int, much: int) -> str | None:
        found = self._talker(who)
        if found is None:
            return None
        pipe, talker = found
        kind = ("ping", "close", "frame", "large", "ping", "utf8")[much % 6]
        if kind == "ping":
            pipe.inbound += talker.ws.event(Ping(payload=b"x"))
        elif kind == "close":
            talker.open = False
            pipe.inbound += talker.ws.event(CloseConnection(code=(1000, 4001, 1001)[much % 3], reason="bye"))
        else:
            talker.open = False
            bad = {"frame": b"\xff\xff\xff", "large": b"\x81\xfe\xff\xff", "utf8": b"\x81\x81\0\0\0\0\xff"}
            pipe.inbound += bad[kind]
        return f"{pipe} {kind}"

    def _provider_end(self, who: int, much: int) -> str | None:
        found = self._speaker(who)
        if found is None:
            return None
        pipe, speaker = found
        kind = ("ping", "close", "frame", "ping")[much % 4]
        if kind == "ping":
            pipe.inbound += speaker.event(Ping(payload=b"y"))
        elif kind == "close":
            speaker.open = False
            pipe.inbound += speaker.event(CloseConnection(code=(1000, 1011, 4000)[much % 3], reason="done"))
        else:
            speaker.open = False
            pipe.inbound += b"\x83\x00"
        return f"{pipe} {kind}"

    def _mute(self, who: int, much: int) -> str | None:
        """From now on a peer says nothing by itself: no pong, and no answer to a close."""
        found = self._talker(who) if much % 2 else self._speaker(who)
        if found is None:
            return None
        pipe, peer = found
        ws = peer.ws if isinstance(peer, Talker) else peer
        ws.auto_pong = ws.auto_close = False
        return repr(pipe)


def _switched(pipe: Pipe) -> bool:
    return isinstance(pipe.provider, Speaker) and pipe.provider.switched


def relay_moves(seed: int) -> list[Move]:
    """Random moves that begin with an open session."""
    chance = random.Random(json.dumps(["relay", seed]))
    count = chance.choice((20, 60, 200))
    first: list[Move] = [("new_relay", 0, 0)]
    return first + [(chance.randrange(256), chance.randrange(256), chance.randrange(256)) for _ in range(count)]
