"""Transcripts: dialogues with a gateway as plain text, run as tests and read as documentation.

A line ``> who ...`` does something, the lines ``< who ...`` behind it are all that it brings about; a line that begins
with ``|`` belongs to the line before it; ``#`` begins a comment; ``!`` a setting. Within one step the order of lines
counts for each ``who``, not between them. ``tests/transcripts/README.md`` names every line there is.

Each transcript runs whole, byte by byte and cut at random, and each time it ends with everybody gone and nothing left.
"""

import difflib
import gzip
import json
import re
import shlex
import zlib
from pathlib import Path

import h2.errors
from tests.peers.http2_client import Http2ClientPeer, StreamClient
from tests.peers.http_providers import Http1Provider, Http2Provider
from tests.peers.peer import Headers, Seen
from tests.peers.reference_driver import Core, Cuts, End, Link, PerfectDriver, Recorded
from tests.peers.websocket_client import WsClient
from tests.peers.websocket_provider import WsProvider
from tests.rigs.living import living_objects
from tests.transcripts.transcript_match import TOKEN, Names, accept_line, line_matches
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError as LocalWebSocketError

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from aigw_sansio.effects import (
    Admitted,
    Answer,
    Authenticated,
    Denied,
    FetchedMedia,
    HeaderFields,
    Hit,
    Key,
    Metrics,
    Miss,
    Unavailable,
)
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import RequestAdmitted
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.ids import CustomCost
from aigw_sansio.quota_rules import Counted, QuotaRule, Selector
from aigw_sansio.review import Released, Stopped
from aigw_sansio.secret import Secret

CANARY = "canary"  #: what every secret of a transcript contains; only a provider may see it
HTTP1_ONLY = frozenset(("host", "upgrade", "connection", "sec-websocket-key"))  #: fields that HTTP/2 does not have
LOOSE = ("pause", "resume")  #: may differ with the cuts


class Line:
    """One line of a file with what belongs to it."""

    def __init__(self, text: str, number: int) -> None:
        self.text = text
        self.number = number
        self.before: list[str] = []  #: comments and blank lines above
        self.more: list[str] = []

    def raw(self) -> list[str]:
        return [*self.before, self.text, *(f"  | {line}" for line in self.more)]


class Step:
    """An input and what is expected of it."""

    def __init__(self, action: Line) -> None:
        self.action = action
        self.expected: list[Line] = []


class Transcript:
    """A parsed file."""

    def __init__(self, text: str) -> None:
        self.settings: list[list[str]] = []
        self.steps: list[Step] = []
        self.only: set[str] = set()
        before: list[str] = []
        last: Line | None = None
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith(("> ", "< ")):
                last = Line(line, number)
                last.before, before = before, []
                if line[0] == ">":
                    self.steps.append(Step(last))
                else:
                    assert self.steps, f"line {number}: nothing was done"
                    self.steps[-1].expected.append(last)
            elif line.lstrip().startswith("|"):
                assert last is not None, f"line {number}: belongs to nothing"
                last.more.append(line.lstrip()[1:].strip())
            else:
                if line.startswith("! "):
                    words = shlex.split(line[2:])
                    if words[0] == "only":
                        self.only.update(words[1:])
                    else:
                        self.settings.append(words)
                before.append(line)
        self.after = before

    def config(self) -> Config:
        """The settings that the ``!`` lines make."""
        return _config(self.settings)


def _config(settings: list[list[str]]) -> Config:
    limits: dict[str, object] = {}
    timeouts: dict[str, object] = {}
    gateways: dict[str, GatewaySettings] = {"local/default": GatewaySettings()}
    providers: dict[str, ProviderSettings] = {}
    emit = False
    for kind, *words in settings:
        if kind in ("limits", "timeouts"):
            (limits if kind == "limits" else timeouts).update(_pairs(words))
        elif kind == "gateway":
            pairs = _pairs(words[1:])
            retry = {name[6:]: pairs.pop(name) for name in list(pairs) if name.startswith("retry_")}
            if retry:
                pairs["retry"] = Retry(**retry)  # type: ignore[arg-type]
            if "tokens" in pairs:
                pairs["tokens"] = tuple(Secret(one) for one in str(pairs["tokens"]).split(","))
            for name in {"origins", "ask"} & pairs.keys():
                pairs[name] = tuple(str(pairs[name]).split(","))
            if "rate" in pairs:
                pairs["rate_limit"] = _rule(f"count/{pairs.pop('rate')}", "rate")
            if "rules" in pairs:
                pairs["rules"] = tuple(_rule(text) for text in str(pairs["rules"]).split(","))
            gateways[words[0]] = GatewaySettings(**pairs)  # type: ignore[arg-type]
        elif kind == "provider":
            pairs = _pairs(words[1:])
            if "api_key" in pairs:
                pairs["api_key"] = Secret(str(pairs["api_key"]))
            if "price" in pairs:
                into, _, out = str(pairs.pop("price")).partition("/")
                pairs["prices"] = {"*": CustomCost(per_token_in=float(into), per_token_out=float(out))}
            if "more_keys" in pairs:
                pairs["more_keys"] = tuple(Secret(one) for one in str(pairs["more_keys"]).split(","))
            if "models" in pairs:
                pairs["models"] = tuple(str(pairs["models"]).split(","))
            providers[words[0]] = ProviderSettings(**pairs)  # type: ignore[arg-type]
        elif kind == "events":
            emit = True
        elif kind == "without":
            del gateways[words[0]]
        else:
            raise AssertionError(f"! {kind}: no such setting")
    return Config(
        gateways=gateways,
        providers=providers,
        limits=Limits(**limits),  # type: ignore[arg-type]
        timeouts=Timeouts(**timeouts),  # type: ignore[arg-type]
        emit_provider_events=emit,
    )


def _rule(text: str, id: str | None = None) -> QuotaRule:
    """``MEASURE/LIMIT/SECONDS[/TECHNIQUE[/provider]]``: the last for each provider by itself."""
    measure, limit, window, *more = text.split("/")
    return QuotaRule(
        id=id or measure,
        measure=measure,  # type: ignore[arg-type]
        limit=float(limit),
        window_s=float(window),
        technique="sliding" if more[:1] == ["sliding"] else "fixed",
        provider=Selector(mode="partition") if more[1:] else None,
    )


def _pairs(words: list[str]) -> dict[str, object]:
    return {name: _value(value) for name, _, value in (word.partition("=") for word in words)}


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _unquote(text: str) -> str:
    """``"..."`` with JSON escapes, times a number where ``* n`` follows; several such are joined; else ``text``."""
    if not text.startswith('"'):
        return text
    out, at, decoder = "", 0, json.JSONDecoder()
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        piece, at = decoder.raw_decode(text, at)
        if times := re.match(r"\s*\*\s*(\d+)", text[at:]):
            piece *= int(times.group(1))
            at += times.end()
        out += piece
    return out


class Run:
    """One transcript against one core, with one way of cutting and one HTTP version on each side.

    ``clients``: ``h1``, ``h2`` (each client has a connection of its own) or ``shared`` (one connection for all).
    """

    def __init__(
        self, transcript: Transcript, core: Core, cuts: Cuts, http: str, clients: str = "h1", seed: int = 1
    ) -> None:
        self.transcript = transcript
        self.settings = list(transcript.settings)  #: with those that came later
        self.http = http
        self.cuts = cuts
        self.driver = PerfectDriver(core, cuts, seed)
        self.driver.on_bytes = self._watch_bytes
        self.version = clients
        self.clients: dict[str, tuple[Link, WsClient]] = {}
        self.shared: tuple[Link, Http2ClientPeer] | None = None  #: the newest connection over HTTP/2
        self.absent: set[str] = set()  #: clients of HTTP/1.1 only
        self.names: Names = {}
        self.auto = {"pong": True, "close": True}
        self.lengths: dict[tuple[int, int], int] = {}  #: what a declared length leaves to send

    # -- the whole -----------------------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """The file as it should read: equal to what it does where all is as expected."""
        lines: list[str] = []
        for step in self.transcript.steps:
            lines += step.action.raw()
            self.driver.output.clear()
            if self._only_h1(step.action):
                lines += [line for expected in step.expected for line in expected.raw()]
                continue
            try:
                self._act(step.action)
            except (LookupError, LocalProtocolError, LocalWebSocketError, StopIteration) as error:
                lines.append(f"!! this cannot be done: {type(error).__name__}: {error}")
            lines += self._compare(step.expected, self.driver.output)
        self._check_events()
        self.driver.output.clear()
        self.driver.wind_up()
        return lines + self.transcript.after

    def _only_h1(self, action: Line) -> bool:
        """Whether ``action`` is of a client that says what only HTTP/1.1 can say, and is left out over HTTP/2."""
        who, _, rest = action.text[2:].strip().partition(" ")
        if self.version != "h1" and who.startswith("client") and who not in self.clients:
            names = {line.partition(":")[0].strip().lower() for line in action.more}
            if rest.split(" ")[0] == "sends" or names & HTTP1_ONLY:
                if who not in self.absent:
                    self.driver.skip_id()
                    self.driver.output.clear()
                self.absent.add(who)
        return who in self.absent

    def _watch_bytes(self, link: Link, data: bytes) -> None:
        if link.kind == "client" and CANARY.encode() in data:
            raise AssertionError(f"a secret went out to {self.driver.name(link)}: {data!r}")

    def _check_events(self) -> None:
        counts: dict[str, int] = {}
        tokens = [value for name, value in self.names.items() if TOKEN.fullmatch(name)]
        for event in self.driver.events:
            assert not any(token in repr(event) for token in tokens), f"a token is in {event!r}"
            counts[type(event).__name__] = counts.get(type(event).__name__, 0) + 1
            assert CANARY not in repr(event), f"a secret is in {event!r}"
        ended: set[object] = set()
        for event in self.driver.events:
            if type(event).__name__ == "ExchangeEnded":
                log_id = getattr(event, "log_id", None)
                assert log_id not in ended, f"ended twice: {event!r}"
                ended.add(log_id)

    # -- doing ---------------------------------------------------------------------------------------------------

    def _act(self, line: Line) -> None:
        text = re.sub(r"<(.) \* (\d+)>", lambda run: run.group(1) * int(run.group(2)), line.text)
        who, _, rest = text[2:].strip().partition(" ")
        rest = rest.strip()
        if who == "time":
            self.driver.advance(float(rest.removeprefix("+").removesuffix("s")))
        elif who == "drain":
            self.driver.drain()
        elif who == "host":
            self._host(*rest.split(" ", 3))
        elif who == "settings":
            self.settings.append(shlex.split(rest))
            self.driver.reconfigure(_config(self.settings))
        elif who == "answer":
            number, _, what = rest.partition(" ")
            asked = int(number.lstrip("#"))
            self.driver.answer(asked, self._cached(asked) if what == "cached" else _answer(what))
        elif who.startswith("client"):
            self._client(who, rest, [TOKEN.sub(lambda name: self.names[name[0]], more) for more in line.more])
        elif who.startswith("up#"):
            self._up(who[3:], rest, line.more)
        else:
            raise AssertionError(f"line {line.number}: who is {who!r}?")

    def _cached(self, asked: int) -> Hit | Miss:
        """What was kept under the name that a question asks for."""
        kept = self.driver.kept.get(self.driver.looked_up[asked])
        return Miss() if kept is None else Hit(kept)

    def _host(self, what: str, *words: str) -> None:
        if what == "cancels":  # the last exchange of this id that the host has heard of
            asked = [event for event in self.driver.events if isinstance(event, RequestAdmitted)]
            done = self.driver.cancel_exchange([one.log_id for one in asked if one.event_id == words[0]][-1])
        else:
            assert what == "closes", f"a host cannot {what!r}"
            done = self.driver.close_session(int(words[0]), int(words[1]), " ".join(words[2:]))
        self.driver.say("host", "has ended it" if done else "is too late")

    def _client(self, who: str, rest: str, more: list[str]) -> None:
        word, _, tail = rest.partition(" ")
        driver = self.driver
        if word in ("open", "GET", "HEAD", "POST", "PUT", "sends") and who not in self.clients:
            self.clients[who] = self._new_client(who)
        if word == "manual":  # from now on clients answer neither pings nor closes by themselves
            self.auto[tail] = False
            for _, peer in self.clients.values():
                peer.auto_pong, peer.auto_close = self.auto["pong"], self.auto["close"]
            return
        link, peer = self.clients[who]
        if word == "open":
            driver.send(link, peer.open(tail or "/v1/local/default", _headers(more)))
        elif word in ("GET", "HEAD", "POST", "PUT"):
            driver.send(link, peer.get(word, tail, _headers(more)))
        elif word == "sends":
            driver.send(link, peer.carry(_unquote(tail).encode("latin-1")))
        elif word == "raw":
            driver.send(link, peer.carry(bytes.fromhex(tail)))
        elif word == "binary":
            driver.send(link, peer.carry(peer.event(BytesMessage(data=_unquote(tail).encode()))))
        elif word == "pieces":  # one message in as many frames as there are JSON strings behind it
            pieces = json.loads(tail)
            for index, piece in enumerate(pieces):
                driver.send(
                    link, peer.carry(peer.event(TextMessage(data=piece, message_finished=index == len(pieces) - 1)))
                )
        elif word == "ping":
            driver.send(link, peer.carry(peer.event(Ping(payload=tail.encode()))))
        elif word == "pong":
            driver.send(link, peer.carry(peer.event(Pong(payload=tail.encode()))))
        elif word == "close":
            code, _, reason = tail.partition(" ")
            driver.send(
                link, peer.carry(peer.event(CloseConnection(code=int(code) if code else 1000, reason=reason or None)))
            )
        elif word == "eof" and isinstance(peer, StreamClient):
            driver.send(link, peer.finish())
        elif word == "eof":
            driver.end(link, End.EOF)
        elif word == "reset" and isinstance(peer, StreamClient):
            driver.send(link, peer.reset())
        elif word == "reset":
            driver.end(link, End.RESET)
        elif rest in ("stops reading", "reads on") and self.version == "shared":
            assert isinstance(peer, StreamClient)
            driver.send(link, peer.take_on(rest == "reads on"))
        elif rest in ("stops reading", "reads on"):
            driver.take(link, rest == "reads on")
        elif word == "takes":
            driver.take_some(link, int(tail))
        elif times := re.match(r"\*(\d+) ", rest):
            text = _unquote(rest[times.end() :])
            driver.send(link, peer.carry(b"".join(peer.text(text) for _ in range(int(times.group(1))))))
        else:
            driver.send(link, peer.carry(peer.text(_unquote(rest))))

    def _new_client(self, who: str) -> tuple[Link, WsClient]:
        driver = self.driver
        peer: WsClient
        if self.version == "h1":
            peer = WsClient()
            link = driver.open_client(peer)
        else:
            shared = self.shared
            if shared is None or self.version == "h2" or shared[0].ended or shared[1].goaway:
                connection = Http2ClientPeer()
                shared = self.shared = driver.open_client(connection, "h2"), connection
                assert connection.extended, "the gateway's first SETTINGS do not allow extended CONNECT"
            else:
                driver.skip_id()
            link = shared[0]
            peer = StreamClient(shared[1], who)
        peer.auto_pong, peer.auto_close = self.auto["pong"], self.auto["close"]
        return link, peer

    def _up(self, who: str, rest: str, more: list[str]) -> None:
        number, _, ordinal = who.partition(".")
        link = next(link for conn, link in self.driver.links.items() if conn == int(number) and link.kind == "up")
        driver = self.driver
        word, _, tail = rest.partition(" ")
        if word == "connected" and tail == "websocket":
            driver.connected(link, WsProvider(), "http/1.1" if link.offered else None)
        elif word == "connected":
            alpn = tail or ("h2" if self.http == "h2" and "h2" in link.offered else "http/1.1")
            driver.connected(link, Http2Provider() if alpn == "h2" else Http1Provider(), None if alpn == "-" else alpn)
        elif word == "refused":
            driver.refused(link, tail or "connection refused")
        elif word == "eof":
            driver.end(link, End.EOF)
        elif word == "reset" and not (ordinal and isinstance(link.peer, Http2Provider)):
            driver.end(link, End.RESET)
        elif rest in ("stops reading", "reads on"):
            driver.take(link, rest == "reads on")
        elif word == "takes":
            driver.take_some(link, int(tail))
        elif word == "raw":
            driver.send(link, _unquote(tail).encode("latin-1"))
        elif isinstance(link.peer, WsProvider) and (link.peer.switched or word == "101"):
            peer = link.peer
            data = peer.switch(101, _headers(more)) if word == "101" else peer.act(rest, _unquote(rest))
            driver.send(link, data)
        elif isinstance(link.peer, Http2Provider):
            self._up_h2(link, link.peer, int(ordinal or len(link.peer.streams)), rest, more)
        else:
            assert isinstance(link.peer, Http1Provider), f"up#{who} is not connected"
            self._up_h1(link, link.peer, rest, more)

    def _up_h1(self, link: Link, peer: Http1Provider, rest: str, more: list[str]) -> None:
        word, _, tail = rest.partition(" ")
        if word.isdecimal():
            head, framing, body = _answer_head(int(word), tail, more)
            data = peer.head(int(word), head, framing)
            if body is not None:
                data += peer.body(body) + peer.end()
            self.driver.send(link, data)
        elif word == "end":
            if peer.closes:
                self.driver.end(link, End.EOF)
            else:
                self.driver.send(link, peer.end())
        else:
            self.driver.send(link, peer.body(_body(word, tail)))

    def _up_h2(self, link: Link, peer: Http2Provider, ordinal: int, rest: str, more: list[str]) -> None:
        word, _, tail = rest.partition(" ")
        if word == "rests":
            self.driver.say(self.driver.name(link), "waits for credit" if peer.waiting else "has sent all", link)
            return
        if word == "goaway":
            last, _, code = tail.partition(" ")
            peer.goaway(None if not last else int(last), h2.errors.ErrorCodes[code] if code else 0)
            self.driver.send(link, peer.take_raw())
            return
        stream = peer.streams[ordinal - 1]
        number = int(link.conn)
        if word.isdecimal():
            head, _, body = _answer_head(int(word), tail, more)
            head = [(name, value) for name, value in head if name not in ("connection", "keep-alive")]
            status = int(word)
            peer.send_head(stream, status, head, end=status in (204, 304) or peer.methods[stream] == "HEAD")
            length = next((int(value) for name, value in head if name.lower() == "content-length"), None)
            self.lengths[number, stream] = length if length is not None else -1
            if body is not None:
                peer.send_body(stream, [body, None] if body else [None])
            elif length == 0:
                peer.send_body(stream, [None])
        elif word == "reset":
            peer.reset_stream(stream, h2.errors.ErrorCodes[tail or "INTERNAL_ERROR"])
        elif word == "end":
            peer.send_body(stream, [None])
        else:
            piece = _body(word, tail)
            peer.send_body(stream, [piece])
            self.lengths[number, stream] -= len(piece)
            if self.lengths[number, stream] == 0:
                peer.send_body(stream, [None])
        self.driver.send(link, peer.take())

    # -- comparing -----------------------------------------------------------------------------------------------

    def _compare(self, expected: list[Line], output: list[Recorded]) -> list[str]:
        """The expected lines as they stand where they hold, else what came."""
        waiting = list(output)
        lines: list[str] = []
        events = [one.seen.line for one in output if one.source == "event"]
        for line in expected:
            who, _, rest = line.text[2:].strip().partition(" ")
            rest = rest.strip()
            if who == "event":
                found = next((index for index, event in enumerate(events) if _event_matches(rest, event)), None)
                if found is None:
                    alike = next((event for event in events if event.startswith(rest.split(" ")[0] + "(")), None)
                    lines += [_event_line(rest, alike)] if alike else []
                else:
                    del events[: found + 1]
                    lines += line.raw()
                continue
            if who in self.absent:
                lines += line.raw()
                continue
            if who in LOOSE and (self.cuts != "whole" or (self.version != "h1" and rest.startswith("client"))):
                lines += line.raw()
                continue
            found = next((index for index, one in enumerate(waiting) if self._source(one) == who), None)
            if found is None:
                continue  # it did not come: drop the line
            came = waiting.pop(found)
            if self._line_holds(rest, line.more, came):
                lines += line.raw()
            else:
                lines += self._rendered(came, rest, line.more)
        for came in waiting:
            if came.source != "event" and not (came.source in LOOSE and self.cuts != "whole"):
                lines += self._rendered(came, "", [])
        return lines

    def _source(self, came: Recorded) -> str:
        return came.source

    def _line_holds(self, rest: str, more: list[str], came: Recorded) -> bool:
        seen = came.seen
        if rest.startswith("text ") and seen.text is not None:
            pattern = re.sub(r"<logId(?:\\?:\w+)?>", "[0-9a-f-]{36}", re.escape(rest[5:]))
            if not re.fullmatch(pattern, seen.text, re.DOTALL):
                return False
        elif not line_matches(rest, _shortened(seen.line), self.names):
            return False
        over_h2 = self.version != "h1" and came.source.startswith("client")
        return all(
            _check_holds(check, seen) for check in more if not (over_h2 and check.partition(":")[0] in HTTP1_ONLY)
        )

    def _rendered(self, came: Recorded, rest: str, more: list[str]) -> list[str]:
        line = accept_line(rest, _shortened(came.seen.line), self.names)
        out = [f"< {came.source} {line}".rstrip()]
        for check in more:
            out.append(f"  | {check if _check_holds(check, came.seen) else _check_actual(check, came.seen)}")
        return out


def _shortened(line: str) -> str:
    """Very long runs of one character are written as such."""
    return re.sub(r"(.)\1{199,}", lambda run: f"<{run.group(1)} * {len(run.group(0))}>", line)


def _headers(more: list[str]) -> Headers:
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in more)]


def _answer(what: str) -> Answer:
    word, _, tail = what.partition(" ")
    if word == "metrics":
        return Metrics(body=_unquote(tail).encode())
    if word == "media":
        kind, _, content = tail.partition(" ")
        return FetchedMedia(content.encode(), kind)
    if word == "unavailable":
        return Unavailable()
    if word == "admitted":
        return Admitted()
    if word == "denied" and tail:
        status, wait, *message = tail.split(" ")
        return Denied(int(status), message=" ".join(message), retry_after_s=None if wait == "-" else float(wait))
    if word == "counted":
        return Counted()
    if word == "full":
        index, wait_s = tail.split(" ")
        return Counted(int(index), float(wait_s))
    if word == "key":
        key, *fields = tail.split(" ")
        headers = tuple((name, value) for name, _, value in (field.partition("=") for field in fields))
        return Key(None if key == "-" else Secret(key), HeaderFields(headers))
    if word == "released":
        return Released(tuple(shlex.split(tail)) if tail else None)
    if word == "stopped":
        return Stopped(Fault(FaultKind.RESPONSE_STOPPED, Side.GATEWAY, tail)) if tail else Stopped()
    return Authenticated(allowed=word == "allowed", principal=tail or None)


def _answer_head(status: int, tail: str, more: list[str]) -> tuple[Headers, str, bytes | None]:
    """Header fields, framing, and the whole body where one stands on the line."""
    kind, _, text = tail.partition(" ")
    headers: Headers = [] if kind in ("", "-") else [("content-type", kind.replace(";", "; "))]
    framing = "chunked"
    body: bytes | None = None
    if text.strip():
        body = _unquote(text.strip()).encode()
        framing = "length"
    for line in more:
        name, _, value = line.partition(":")
        if name == "framing":
            framing = value.strip()
        else:
            headers.append((name.strip(), value.strip()))
    names = {name.lower() for name, _ in headers}
    if framing == "length" and "content-length" not in names:
        assert body is not None
        headers.append(("content-length", str(len(body))))
    elif "content-length" in names:
        framing = "length"
    if status < 200 or status in (204, 304):
        framing = "none"
    return headers, framing, body


def _body(word: str, tail: str) -> bytes:
    if word == "data:":
        return f"data: {tail}\n\n".encode()
    if word == "event:":
        name, _, data = tail.partition(" ")
        return f"event: {name}\ndata: {data}\n\n".encode()
    if word == "line":
        return tail.encode() + b"\n"
    if word == "text":
        return _unquote(tail).encode()
    if word == "hex":
        return bytes.fromhex(tail)
    if word == "gzip":
        return gzip.compress(_unquote(tail).encode(), mtime=0)
    if word == "deflate":
        return zlib.compress(_unquote(tail).encode())
    raise AssertionError(f"a provider cannot {word!r}")


def _check_holds(check: str, seen: Seen) -> bool:
    """``name: value``, ``name: -`` for a field that is not there, ``body text``."""
    if check.startswith("body "):
        want = check[5:]
        if want == "-":
            return not seen.body
        return seen.body is not None and seen.body == _unquote(want).encode()
    return _check_actual(check, seen) == check or (
        (name := check.partition(":")[0]) != "" and check == f"{name}: <any>" and _field(name, seen) is not None
    )


def _field(name: str, seen: Seen) -> str | None:
    values = [value for field, value in seen.headers or [] if field.lower() == name.lower()]
    return ", ".join(values) if values else None


def _check_actual(check: str, seen: Seen) -> str:
    if check.startswith("body "):
        return f"body {(seen.body or b'').decode('utf-8', 'backslashreplace') or '-'}"
    name = check.partition(":")[0]
    value = _field(name, seen)
    return f"{name}: {'-' if value is None else value}"


def _event_fields(event: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=('(?:[^'\\]|\\.)*'|<[^>]*>|[^,() ]+)", event))


def _event_matches(rest: str, event: str) -> bool:
    name, *pairs = rest.split(" ")
    if not event.startswith(name + "("):
        return False
    fields = _event_fields(event)
    return all(_plain(fields.get(key)) == value for key, _, value in (pair.partition("=") for pair in pairs))


def _plain(value: str | None) -> str:
    if value is None:
        return "-"
    if inner := re.match(r"<\w+\.\w+: '(\w+)'>", value):
        return inner.group(1)
    return value.strip("'").replace(" ", "_")


def _event_line(rest: str, event: str) -> str:
    name, *pairs = rest.split(" ")
    fields = _event_fields(event)
    keys = [pair.partition("=")[0] for pair in pairs]
    return " ".join([f"< event {name}", *(f"{key}={_plain(fields.get(key))}" for key in keys)])


def check(path: Path, core_of: object, cuts: Cuts, http: str, clients: str = "h1", *, accept: bool) -> None:
    """Run the transcript in ``path``. ``core_of(config)`` makes the core. With ``accept`` the file is rewritten."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^!! ", text, re.MULTILINE), f"{path.name} holds what cannot be done"
    transcript = Transcript(text)
    assert callable(core_of)
    with living_objects() as living:
        core = core_of(transcript.config())
        at_first = living()
        is_now = "\n".join(Run(transcript, core, cuts, http, clients).run()).rstrip("\n") + "\n"
        left = living() - at_first
    assert not left, f"{path.name} ({cuts}, {http}, clients {clients}): what has ended is not gone: {dict(left)}"
    was = "\n".join(_normal(text)).rstrip("\n") + "\n"
    if is_now == was:
        return
    if accept and cuts == "whole" and clients == "h1":
        path.write_text(is_now, encoding="utf-8")
        return
    diff = "".join(difflib.unified_diff(was.splitlines(True), is_now.splitlines(True), "expected", "came", n=1000))
    raise AssertionError(f"{path.name} ({cuts}, {http}, clients {clients}):\n{diff}")


def _normal(text: str) -> list[str]:
    return [f"  | {line.lstrip()[1:].strip()}" if line.lstrip().startswith("|") else line for line in text.splitlines()]
