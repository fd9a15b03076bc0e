"""A gateway with parts of its host's own: they work over every transport, and a bug in one costs one exchange."""

import gc
import json
import weakref
from typing import Any

import msgspec
import pytest
from tests.peers.http_providers import Http2Provider
from tests.peers.single_client import OneClient
from tests.peers.websocket_client import WsClient
from tests.peers.websocket_provider import WsProvider

from aigw_sansio import (
    BodyDecoder,
    Chunk,
    Config,
    ConfigError,
    ExchangeEnded,
    Fault,
    FaultKind,
    Gateway,
    GatewaySettings,
    KeyLocation,
    Limits,
    PartFailed,
    Parts,
    Provider,
    ProviderEvent,
    ProviderRequest,
    ProviderSettings,
    Reader,
    RealtimeRoute,
    Recorder,
    Route,
    Secret,
    SessionOpened,
    Side,
    TextDelta,
    UsageReported,
    replay,
)
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.events import ResponseFailed, ResponseFinished

ACME = "application/x-acme"
KEY = "canary-key-of-acme"


class Lines:
    """A framing of lines that end with ``;``, in hexadecimal behind an ``x``. It raises at ``boom``, and returns text in
    place of bytes at ``odd``."""

    fault: Fault | None = None
    unread = False

    def __init__(self) -> None:
        self.held = b""

    @property
    def buffered(self) -> int:
        return len(self.held)

    def feed(self, data: bytes) -> list[Chunk]:
        *lines, self.held = (self.held + data).split(b";")
        if b"boom" in lines:
            raise RuntimeError(f"canary in {lines}")
        lines = [bytes.fromhex(line[1:].decode()) if line[:1] == b"x" else line for line in lines]
        return [Chunk("odd" if line == b"odd" else line) for line in lines]  # type: ignore[arg-type]

    def finish(self) -> list[Chunk]:
        if self.held == b"crash":
            raise RuntimeError("canary")
        if self.held:
            self.fault = Fault(FaultKind.INCOMPLETE_BODY, Side.PROVIDER, "the last line has no end")
        return []


class Talk:
    """Each line is text, but for ``over``, ``usage N`` and ``error TEXT``. It raises at ``bug``; ``late`` makes its end
    raise."""

    markers = (b"over", b"usage", b"error", b"bug")
    terminated = False
    finish_seen = False
    late = False

    @property
    def complete(self) -> bool:
        return self.terminated

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        word, _, rest = chunk.data.decode().partition(" ")
        if word == "bug":
            raise ValueError(f"canary in {rest}")
        self.late = self.late or word == "late"
        self.terminated = word == "over"
        if self.terminated:
            return [ResponseFinished("stop")]
        if word == "usage":
            return [UsageReported(output_tokens=int(rest))]
        return [ResponseFailed(rest, error_class="server")] if word == "error" else [TextDelta(chunk.data.decode())]

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        return self.read(Chunk(body))

    def finish(self) -> list[ProviderEvent]:
        if self.late:
            raise ValueError("canary")
        return []


ROW = Provider(
    slug="acme",
    routes=(Route(url="https://api.acme.test/v1"),),
    key=KeyLocation("x-acme-key", "Acme "),
    format="talk",
    framings=((ACME, "lines"), ("application/json", "ndjson")),
    realtime=RealtimeRoute(
        url="wss://live.acme.test", path="live", key=KeyLocation("x-acme-key"), subprotocols=("acme.v1",)
    ),
)
PARTS = Parts(providers=[ROW], readers={"talk": Talk}, framings={"lines": Lines})
CONFIG = Config(providers={"acme": ProviderSettings(api_key=Secret(KEY))})


class Scene(OneClient):
    """One client that asks ``acme`` once for each ``create``."""

    def __init__(self, parts: Parts = PARTS, config: Config = CONFIG) -> None:
        super().__init__(config, parts=parts)

    def ask(self, *steps: dict[str, Any], mode: str = "events", event_id: str = "e") -> None:
        step = {"provider": "acme", "endpoint": "talk", "config": {"response": mode}}
        self.create(event_id, *[{**step, **more} for more in steps or [{}]])

    def stream(self, conn: int, *pieces: bytes, kind: str = ACME, end: bool = True) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        self.driver.send(self.up(conn), head.encode())
        for piece in pieces:
            self.driver.send(self.up(conn), b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            self.driver.send(self.up(conn), b"0\r\n\r\n")

    def error(self) -> tuple[int, str]:
        """The last message tells a failure: its status and words."""
        last = self.messages()[-1]
        told = last["response"]["error"][0] if last["type"] == "universal.created" else last["error"]
        return last["metadata"]["status"], told["message"]

    def events(self) -> list[dict[str, Any]]:
        return [message["event"] for message in self.messages() if message["type"] == "universal.event"]

    def all_of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.driver.events if type(event) is kind]

    def ended(self, fault: Fault | None = None) -> ExchangeEnded:
        """The exchange has ended, like this."""
        (ended,) = self.all_of(ExchangeEnded)
        assert isinstance(ended, ExchangeEnded)
        assert ended.fault == fault
        self.finish()
        return ended


def broken(part: str) -> Fault:
    return Fault(FaultKind.INTERNAL, Side.GATEWAY, f"the gateway's own {part} failed")


def text(*words: str) -> list[dict[str, Any]]:
    return [{"type": "text.delta", "text": word} for word in words]


FINISHED = {"type": "response.finished", "reason": "stop"}
BODY = [b"Hel;lo", b" you;", b"usage 7;over;"]


# -- responses ------------------------------------------------------------------------------------------------------


def test_a_stream_in_an_own_framing_and_format() -> None:
    scene = Scene()
    scene.ask()
    assert scene.dialled() == ["#2 https://api.acme.test"]
    request = scene.accept(2)
    assert request.line == "POST /v1/talk"
    assert dict(request.headers or [])["x-acme-key"] == f"Acme {KEY}"
    scene.stream(2, *BODY, end=False)
    usage = {"type": "usage", "output_tokens": 7}
    told = scene.events()
    assert told[:2] == text("Hel", "lo you")
    assert told[2] | usage == told[2]
    assert told[3] == FINISHED
    ended = scene.ended()
    assert (ended.how, ended.by, ended.chunks) == ("done", Side.PROVIDER, 4)
    assert ended.usage is not None
    assert ended.usage.output_tokens == 7


def test_a_stream_is_relayed_raw_and_only_markers_are_read() -> None:
    scene = Scene()
    scene.ask(mode="raw")
    scene.accept(2)
    scene.stream(2, *BODY)
    raw = [message["response"] for message in scene.messages() if message["type"] == "universal.stream"]
    assert raw == ["Hel", "lo you", "usage 7", "over"]
    ended = scene.ended()
    assert ended.usage is not None


def test_the_same_over_http_2() -> None:
    scene = Scene()
    scene.ask()
    provider = Http2Provider()
    scene.driver.connected(scene.up(2), provider, "h2")
    provider.send_head(1, 200, [("content-type", ACME)])
    provider.send_body(1, [*BODY, None])
    scene.driver.send(scene.up(2), provider.take())
    assert [event for event in scene.events() if event["type"] != "usage"] == [*text("Hel", "lo you"), FINISHED]
    assert scene.ended().how == "done"


def test_a_built_in_framing_for_another_media_type() -> None:
    scene = Scene()
    scene.ask({"query": {"stream": True}})
    scene.accept(2)
    scene.stream(2, b"data: one\ntw", b"o\nover\n", kind="application/json")
    assert scene.events() == [*text("data: one", "two"), FINISHED], "it is not sniffed for another one"
    assert scene.ended().how == "done"


def test_a_whole_response_in_an_own_format() -> None:
    scene = Scene()
    scene.ask()
    scene.accept(2)
    scene.respond(2, b"all of it", kind="text/plain")
    assert scene.events()[:1] == text("all of it")
    assert scene.ended().how == "created"


def test_a_key_of_the_gateway_is_hidden_in_every_chunk() -> None:
    scene = Scene()
    scene.ask(mode="both")
    scene.accept(2)
    scene.stream(
        2, b"no key ", KEY[:9].encode(), KEY[9:].encode(), b" is told;", b"x" + KEY.encode().hex().encode() + b";"
    )
    messages = json.dumps(scene.messages())
    assert "is told" in messages
    assert KEY not in messages


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ([b"Hi;half"], Fault(FaultKind.INCOMPLETE_BODY, Side.PROVIDER, "the last line has no end")),
        ([b"Hi;error it broke;"], Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, "it broke", retryable=True)),
    ],
)
def test_a_bad_peer_is_the_provider_s_fault(pieces: list[bytes], fault: Fault) -> None:
    scene = Scene()
    scene.ask()
    scene.accept(2)
    scene.stream(2, *pieces)
    assert scene.events()[0] == text("Hi")[0]
    assert scene.ended(fault).by is Side.PROVIDER
    assert not scene.all_of(PartFailed)


# -- bugs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["raw", "events"])
@pytest.mark.parametrize(
    ("pieces", "part", "error", "shown"),
    [
        ([b"boom;"], "framing lines", "RuntimeError", 0),
        ([b"Hi;", b"boom;"], "framing lines", "RuntimeError", 1),
        ([b"Hi;", b"odd;"], "framing lines", "a chunk has a field of a wrong type", 1),
        ([b"Hi;crash"], "framing lines", "RuntimeError", 1),
        ([b"bug 7;Hi;"], "reader of talk", "ValueError", 0),
        ([b"Hi;", b"bug 7;over;"], "reader of talk", "ValueError", 1),
        ([b"late;"], "reader of talk", "ValueError", 1),
        ([b"usage x;"], "reader of talk", "ValueError", 0),
    ],
)
def test_a_bug_costs_one_exchange_and_is_told_to_the_host(
    mode: str, pieces: list[bytes], part: str, error: str, shown: int
) -> None:
    scene = Scene()
    scene.ask(mode=mode)
    scene.ask(event_id="other")
    scene.accept(2)
    scene.accept(3)
    scene.stream(2, *pieces)
    assert scene.error() == (200 if shown else 500, f"the gateway's own {part} failed")
    (ended,) = scene.all_of(ExchangeEnded)
    assert (ended.fault, ended.by, ended.how) == (broken(part), Side.GATEWAY, "error" if shown else "created")
    (failed,) = scene.all_of(PartFailed)
    assert (failed.part, failed.error, failed.log_id) == (part, error, ended.log_id)
    assert ("test_gateway_parts.py:" in failed.where) is (error.endswith("Error"))
    scene.stream(3, *BODY)
    assert scene.messages(), "the other exchange goes on"
    assert scene.all_of(ExchangeEnded)[1].how == "done"
    scene.finish()


def test_a_bug_is_no_good_end_though_the_terminator_has_come() -> None:
    scene = Scene()
    scene.ask()
    scene.accept(2)
    scene.stream(2, b"data: Hi\n\n", b"data: bug\n\ndata: [DONE]\n\n", kind="text/event-stream")
    assert scene.ended(broken("reader of talk")).how == "error"


def test_a_bug_in_the_reader_of_a_whole_response() -> None:
    scene = Scene()
    scene.ask()
    scene.accept(2)
    scene.respond(2, b"bug 7", kind="text/plain")
    assert scene.error() == (500, "the gateway's own reader of talk failed")
    assert scene.ended(broken("reader of talk")).by is Side.GATEWAY


def test_a_bug_ends_the_step_and_the_next_one_is_tried() -> None:
    """... at once: the same part would fail again."""
    scene = Scene(
        config=msgspec.structs.replace(CONFIG, providers={"custom-x": ProviderSettings(base_url="https://x.test")})
    )
    scene.ask({"config": {"maxAttempts": 5}}, {"provider": "custom-x"})
    scene.accept(2)
    scene.stream(2, b"bug;")
    scene.accept(3)
    scene.respond(3, b"{}")
    assert scene.ended().step == 1


class Made:
    """Makes a part the first time, and raises ever after."""

    def __init__(self, part: Any) -> None:
        self.part = part

    def __call__(self) -> Any:
        part, self.part = self.part, None
        if part is None:
            raise MemoryError("canary")
        return part()


@pytest.mark.parametrize("part", ["reader of talk", "framing lines"])
def test_a_part_that_cannot_be_made_fails_the_attempt(part: str) -> None:
    reader: Any = Made(Talk) if part == "reader of talk" else Talk
    framing: Any = Made(Lines) if part == "framing lines" else Lines
    scene = Scene(Parts(providers=[ROW], readers={"talk": reader}, framings={"lines": framing}))
    scene.ask()
    scene.accept(2)
    scene.stream(2, end=False)
    scene.ended(broken(part))


def test_a_chunk_of_an_own_framing_may_not_be_too_large() -> None:
    config = msgspec.structs.replace(CONFIG, limits=msgspec.structs.replace(CONFIG.limits, chunk_bytes=10))
    scene = Scene(config=config)
    scene.ask()
    scene.accept(2)
    scene.stream(2, b"Hi;", b"12345", b"678901")
    scene.ended(
        Fault(
            FaultKind.BODY_TOO_LARGE,
            Side.PROVIDER,
            "a chunk of the provider's stream is longer than the 10 bytes allowed",
        )
    )


@pytest.mark.parametrize("body", [[b"Hi;over;"], [b"Hi;half"], [b"Hi;", b"boom;"], [b"bug;"]])
def test_nothing_of_the_parts_is_held_after_the_end(body: list[bytes]) -> None:
    """... without help of the garbage collector."""
    alive: list[weakref.ref[Any]] = []

    def seen(kind: type[Any]) -> Any:
        def make() -> Any:
            part = kind()
            alive.append(weakref.ref(part))
            return part

        return make

    parts = Parts(providers=[ROW], readers={"talk": seen(Talk)}, framings={"lines": seen(Lines)})
    scene = Scene(parts)
    scene.ask()
    scene.accept(2)
    gc.collect()
    gc.disable()
    try:
        scene.stream(2, *body)
        scene.driver.wind_up()
        assert len(alive) == 4, "two of them made to look at"
        assert [part() for part in alive] == [None] * 4
    finally:
        gc.enable()


# -- requests -------------------------------------------------------------------------------------------------------


def loud(request: ProviderRequest) -> ProviderRequest | Fault:
    """Changes everything that it may, and refuses what says so."""
    if b"refuse" in request.body:
        return Fault(FaultKind.RATE_LIMITED, Side.CLIENT, "not so often")
    return msgspec.structs.replace(
        request,
        endpoint=f"loud/{request.endpoint}",
        method="PUT",
        headers=(*request.headers, ("x-loud", "1"), ("content-type", "text/plain")),
        body=request.body.upper(),
    )


def test_a_transform_changes_a_request_before_its_key_is_put_in() -> None:
    seen: list[ProviderRequest] = []

    def look(request: ProviderRequest) -> ProviderRequest:
        seen.append(request)
        return request

    own = ProviderSettings(api_key=Secret(KEY), methods=("PUT",))
    scene = Scene(
        Parts(
            providers=[ROW],
            readers={"talk": Talk},
            framings={"lines": Lines},
            transforms={"acme": loud},
            transform=look,
        ),
        Config(providers={"acme": own}),
    )
    scene.ask({"query": "hi", "headers": {"x-a": "b", "cf-aig-authorization": "Bearer canary"}})
    request = scene.accept(2)
    assert request.line == "PUT /v1/loud/talk"
    assert request.body == b'"HI"'
    headers = dict(request.headers or [])
    assert (headers["x-a"], headers["x-loud"], headers["content-type"]) == ("b", "1", "text/plain")
    assert headers["x-acme-key"] == f"Acme {KEY}"
    assert seen == [
        ProviderRequest(provider="acme", endpoint="talk", method="POST", headers=(("x-a", "b"),), body=b'"hi"')
    ]


def test_a_transform_is_called_for_a_built_in_provider_and_signs_its_result() -> None:
    def region(request: ProviderRequest) -> ProviderRequest:
        return msgspec.structs.replace(request, body=b'{"changed": true}')

    own = ProviderSettings(
        api_key=Secret('{"accessKeyId":"AKIA","secretAccessKey":"canary-secret-key","region":"us-east-1"}')
    )
    scene = Scene(Parts(transforms={"aws-bedrock": region}), Config(providers={"aws-bedrock": own}))
    scene.ask({"provider": "aws-bedrock", "endpoint": "bedrock-runtime/us-east-1/model/m/converse"})
    request = scene.accept(2)
    assert request.body == b'{"changed": true}'
    plain = Scene(Parts(), Config(providers={"aws-bedrock": own}))
    plain.ask(
        {
            "provider": "aws-bedrock",
            "endpoint": "bedrock-runtime/us-east-1/model/m/converse",
            "query": {"changed": True},
        }
    )
    signed = plain.accept(2)
    assert dict(request.headers or [])["authorization"] == dict(signed.headers or [])["authorization"]


def test_an_alias_is_told_by_its_slug() -> None:
    seen: list[str] = []

    def look(request: ProviderRequest) -> ProviderRequest:
        seen.append(request.provider)
        return request

    scene = Scene(Parts(transforms={"google-ai-studio": look}), Config())
    scene.ask({"provider": "google", "endpoint": "v1beta/models/m:generateContent"})
    scene.accept(2)
    assert seen == ["google-ai-studio"]


def test_a_request_is_transformed_after_its_translation() -> None:
    seen: list[ProviderRequest] = []

    def look(request: ProviderRequest) -> ProviderRequest:
        seen.append(request)
        return request

    scene = Scene(Parts(transform=look), Config())
    chat = {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}
    scene.ask({"provider": "compat", "endpoint": "chat/completions", "query": chat})
    scene.accept(2)
    (request,) = seen
    assert (request.provider, request.endpoint) == ("anthropic", "v1/messages")
    assert json.loads(request.body)["model"] == "claude-sonnet-4-5"


def test_compat_asks_an_own_provider_that_speaks_openai_s_format() -> None:
    row = Provider(slug="clone", routes=(Route(url="https://api.clone.test/v1"),))
    other = Provider(slug="other", routes=(Route(url="https://api.other.test"),), formats=(("", "ollama"),))
    scene = Scene(Parts(providers=[row, other]), Config())
    chat = {"model": "clone/m", "messages": [{"role": "user", "content": "hi"}]}
    scene.ask({"provider": "compat", "endpoint": "chat/completions", "query": chat})
    request = scene.accept(2)
    assert request.line == "POST /v1/chat/completions"
    scene.ask(
        {"provider": "compat", "endpoint": "chat/completions", "query": {**chat, "model": "other/m"}}, event_id="f"
    )
    assert "names no provider" in scene.error()[1]


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("refuse", 429, "not so often"),
        ("hi", 403, "this method is not allowed here with a key that the gateway stores"),
    ],
)
def test_a_refusal_is_told_to_the_client_and_nothing_is_dialled(query: str, status: int, says: str) -> None:
    scene = Scene(Parts(providers=[ROW], readers={"talk": Talk}, framings={"lines": Lines}, transforms={"acme": loud}))
    scene.ask({"query": query})
    told, words = scene.error()
    assert told == status
    assert says in words
    assert scene.connects == []


def test_the_settings_judge_what_a_transform_made() -> None:
    config = Config(gateways={"local/default": GatewaySettings(endpoints=("talk",))})
    scene = Scene(
        Parts(providers=[ROW], readers={"talk": Talk}, framings={"lines": Lines}, transforms={"acme": loud}), config
    )
    scene.ask()
    assert scene.error()[0] == 403


def test_what_a_transform_adds_counts_as_memory_of_the_request() -> None:
    def grow(request: ProviderRequest) -> ProviderRequest:
        return msgspec.structs.replace(request, body=bytes(100_000))

    config = Config(limits=Limits(request_bytes_per_connection=100_000))
    scene = Scene(Parts(transforms={"openai": grow}), config)
    scene.ask({"provider": "openai", "endpoint": "responses"})
    assert len(scene.connects) == 1
    scene.ask({"provider": "openai", "endpoint": "responses"}, event_id="f")
    assert "request_bytes_per_connection" in scene.error()[1]


# -- other ways in --------------------------------------------------------------------------------------------------


def test_the_hosts_of_own_rows_are_known() -> None:
    """So their look-ups do not count as those of names that a client made up."""
    rows = [Provider(slug=slug, routes=(Route(url=f"https://api.{slug}.test"),)) for slug in ("one", "two")]
    scene = Scene(Parts(providers=rows), Config(limits=Limits(lookups_at_once_per_client=1)))
    scene.ask({"provider": "one"})
    scene.ask({"provider": "two"}, event_id="other")
    assert [dial.host for dial in scene.connects] == ["api.one.test", "api.two.test"]


def test_a_provider_of_another_gateway_is_not_known_here() -> None:
    Scene()
    with pytest.raises(ConfigError, match=r"config\.providers\.acme is not a known provider"):
        Scene(Parts(), CONFIG)
    scene = Scene(Parts(), Config())
    scene.ask()
    status, words = scene.error()
    assert status == 400
    assert words.startswith("unknown provider 'acme'; allowed are ")
    assert "acme" not in words.partition(";")[2]


def test_a_realtime_socket_reaches_an_own_provider() -> None:
    """Its row says that ``acme.v1`` is no key: so the stored one goes, and the host is told the subprotocol."""
    scene = Scene()
    link = scene.driver.open_client(client := WsClient())
    scene.driver.send(link, client.open("/v1/local/default/acme", [("sec-websocket-protocol", "acme.v1")]))
    (dial,) = scene.connects
    assert (dial.host, dial.port) == ("live.acme.test", 443)
    provider = WsProvider()
    scene.driver.connected(scene.up(3), provider, "http/1.1")
    request = scene.request(3)
    assert request.line == "GET /live"
    headers = dict(request.headers or [])
    assert (headers["x-acme-key"], headers["sec-websocket-protocol"]) == (KEY, "acme.v1")
    scene.driver.send(scene.up(3), provider.switch(101, [("sec-websocket-protocol", "acme.v1")]))
    opened = scene.all_of(SessionOpened)[-1]
    assert (opened.mode, opened.provider, opened.subprotocol, opened.key) == ("realtime", "acme", "acme.v1", "stored")


def test_a_record_is_replayed_with_the_parts() -> None:
    lines: list[bytes] = []
    recorder = Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append, PARTS)
    assert recorder.snapshot()["sessions"] == 0
    recorder.open_downstream("192.0.2.1:5", None, 1.0)
    assert isinstance(replay(lines, CONFIG, PARTS), Gateway)


def test_the_protocols_are_those_of_the_built_in_parts() -> None:
    decoder: BodyDecoder = NdjsonDecoder(10)
    reader: Reader = Talk()
    assert decoder.feed(b"") == []
    assert reader.finish() == []
