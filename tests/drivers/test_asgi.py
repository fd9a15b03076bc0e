"""A gateway inside an ASGI application: without sockets, and behind hypercorn on asyncio and trio."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
from anyio.abc import TaskGroup
from tests.rigs.asgi_harness import Served, websocket_scope
from tests.rigs.responses_client import check_two_turns, two_turns_in_two_lanes

from aigw_drivers import LoopbackProvider, WebSocketClosed
from aigw_drivers.asgi import GatewayApp, Refusal
from aigw_drivers.client import HandshakeRefused, connect
from aigw_sansio import (
    Config,
    GatewaySettings,
    Limits,
    Parts,
    Provider,
    ProviderSettings,
    Route,
    Secret,
    SessionEnded,
    SessionOpened,
    Timeouts,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def config(base_url: str = "http://127.0.0.1:9", *, tokens: tuple[str, ...] = (), **limits: int) -> Config:
    return Config(
        gateways={
            "local/default": GatewaySettings(authentication=bool(tokens), tokens=tuple(Secret(one) for one in tokens))
        },
        providers={
            "loopback": ProviderSettings(base_url=f"{base_url}/v1", realtime_url=base_url.replace("http", "ws", 1))
        },
        limits=Limits(**limits),
    )


def create(event_id: str, **query: Any) -> str:
    body = {"model": "loopback", "messages": [{"role": "user", "content": "hello"}], **query}
    step = {"eventId": event_id, "provider": "loopback", "endpoint": "chat/completions", "headers": {}, "query": body}
    return json.dumps({"type": "universal.create", "request": step})


PING = json.dumps({"type": "universal.ping"})


def types(served: Served) -> list[str]:
    return [event["type"] for event in served.sent]


# -- without sockets --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def alone(app: GatewayApp, **scope: Any) -> AsyncIterator[Served]:
    """One client of a running application; the block ends it."""
    async with app.running(), anyio.create_task_group() as tasks:
        served = Served(app, websocket_scope(**scope)).start(tasks)
        yield served
        if not served.done.is_set():
            served.say({"type": "websocket.disconnect", "code": 1000})
            with anyio.fail_after(60):
                await served.done.wait()


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"raw_path": None},
        {"path": "/llm/v1/local/default", "raw_path": b"/llm/v1/local/default", "root_path": "/llm"},
        {"path": "/a b/v1/local/default", "raw_path": b"/a%20b/v1/local/default", "root_path": "/a b/"},
        {"path": "/v1/local/default", "root_path": "/llm"},
        {"path": "/v1/local/default/", "raw_path": b"/llm/v1/local/default", "root_path": ""},
        {"path": "/v1/local/default", "raw_path": b"/v1/lo%63al/default?x"},
        {"subprotocols": ["one", "two"]},
        {"client": None, "server": None},
        {"query_string": b"a=b"},
    ],
)
async def test_a_client_is_accepted_and_answered(scope: dict[str, Any]) -> None:
    app = GatewayApp(config())
    async with alone(app, **scope) as served:
        served.text(PING)
        served.say({"type": "websocket.receive", "bytes": PING.encode()})
        await served.until(3)
    assert types(served) == ["websocket.accept", "websocket.send", "websocket.send"]
    assert json.loads(served.sent[1]["text"])["type"] == "universal.pong"
    assert not app.gateway.snapshot()["connections"]


async def test_a_session_goes_on_on_another_socket() -> None:
    app = GatewayApp(msgspec.structs.replace(config(), timeouts=Timeouts(resume_s=60.0)))

    def socket_of(wish: str, tasks: TaskGroup) -> Served:
        scope = websocket_scope(headers=[(b"host", b"app.test"), (b"cf-aig-resume", wish.encode())])
        return Served(app, scope).start(tasks)

    async with app.running(), anyio.create_task_group() as tasks:
        first = socket_of("1", tasks)
        first.text(PING)
        told = json.loads((await first.until(3))[1]["text"])
        assert json.loads(first.sent[2]["text"]) == {"type": "universal.pong", "n": 1}
        first.say({"type": "websocket.disconnect", "code": 1006})
        await first.done.wait()
        second = socket_of(told["token"], tasks)
        await second.until(2)
        second.text('{"type":"universal.resume","n":0}')
        again = [json.loads(event["text"]) for event in (await second.until(4))[2:]]
        assert again == [{"type": "universal.resumed", "received": 1}, {"type": "universal.pong", "n": 1}]
        second.say({"type": "websocket.disconnect", "code": 1000})
        await second.done.wait()
        assert not app.gateway.snapshot()["sessions"]


async def test_new_settings_hold_for_what_begins() -> None:
    app = GatewayApp(config())
    with pytest.raises(RuntimeError, match="does not serve"):
        app.reconfigure(config())
    async with alone(app) as served:
        await served.until(1)
        app.reconfigure(config(tokens=("canary",)))
        served.text(create("a"))
        await served.until(2)
        assert json.loads(served.sent[1]["text"])["metadata"]["status"] == 401
        with pytest.raises(ValueError, match="has the wrong scheme"):
            app.reconfigure(config("ftp://127.0.0.1:9"))


async def test_an_exchange() -> None:
    async with LoopbackProvider.start() as provider:
        events: list[Any] = []
        app = GatewayApp(config(provider.base_url), on_event=events.append)
        async with alone(app) as served:
            served.text(create("a", stream=True))
            while not served.sent or "universal.done" not in served.sent[-1].get("text", ""):
                await served.until(len(served.sent) + 1)
                assert not served.done.is_set()
        said = [json.loads(event["text"])["type"] for event in served.sent[1:]]
    assert said[0] == "universal.created"
    assert said.count("universal.stream") > 1
    (ended,) = [event for event in events if isinstance(event, SessionEnded)]
    assert ended.code == 1000


async def test_an_exchange_with_a_provider_of_the_host_s_own() -> None:
    """It is dialled like one of the settings: its name is known."""
    async with LoopbackProvider.start() as provider:
        row = Provider(slug="acme", routes=(Route(url=f"{provider.base_url}/v1"),))
        app = GatewayApp(Config(), parts=Parts(providers=[row]))
        async with alone(app) as served:
            served.text(create("a").replace('"loopback"', '"acme"', 1))
            await served.until(2)
        assert json.loads(served.sent[1]["text"])["metadata"]["status"] == 200


@pytest.mark.parametrize(("extension", "last"), [(True, "websocket.http.response.body"), (False, "websocket.close")])
@pytest.mark.parametrize(
    ("scope", "known", "status", "code"),
    [
        ({"path": "/nowhere", "raw_path": b"/nowhere"}, "alice", 404, 1008),
        ({}, None, 401, 1008),
        ({}, "", 401, 1008),
        ({}, Refusal(402, ((b"x-why", b"money"),), b"pay"), 402, 1008),
        ({}, Refusal(503), 503, 1013),
        ({}, Refusal(500), 500, 1011),
        ({"headers": [(b"host", b"app.test"), (b"origin", b"https://evil.test")]}, "alice", 403, 1008),
        ({}, "alice", 0, 0),
    ],
)
async def test_the_authentication_of_the_host(
    scope: dict[str, Any], known: str | Refusal | None, status: int, code: int, extension: bool, last: str
) -> None:
    asked: list[object] = []

    async def authenticate(scope: Any) -> str | Refusal | None:
        asked.append(scope["type"])
        return known

    app = GatewayApp(config(tokens=("right",)), authenticate=authenticate)
    more = scope if extension else {**scope, "extensions": {}}
    async with alone(app, **more) as served:
        await served.until(2 if status and extension else 1)
    assert asked == ["websocket"]
    if not status:
        assert types(served) == ["websocket.accept"]
    elif extension:
        assert served.sent[0]["status"] == status
        assert types(served) == ["websocket.http.response.start", last]
    else:
        assert served.sent == [{"type": last, "code": code, "reason": f"HTTP {status}"}]


@pytest.mark.parametrize(("token", "accepted"), [("right", True), ("wrong", False), ("", False)])
async def test_without_it_the_tokens_of_the_gateway_decide(token: str, accepted: bool) -> None:
    headers = [(b"host", b"app.test"), (b"cf-aig-authorization", token.encode())]
    async with alone(GatewayApp(config(tokens=("right",))), headers=headers) as served:
        await served.until(1)
    assert (types(served)[0] == "websocket.accept") is accepted


# -- realtime sockets -------------------------------------------------------------------------------------------------


def realtime(path: str, *options: str, **scope: Any) -> dict[str, Any]:
    """The scope of a client of the loopback provider's ``path``."""
    path = f"/v1/local/default/loopback/{path}"
    query = "&".join(["model=m", *(f"loopback_{option}" for option in options)])
    return {"path": path, "raw_path": path.encode(), "query_string": query.encode(), **scope}


async def test_messages_of_every_size_come_back_as_they_were() -> None:
    said: list[str | bytes] = [kind * size for size in (0, 1, 125, 126, 65535, 65536, 300_000) for kind in ("x", b"y")]
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url))
        async with alone(app, **realtime("echo")) as served:
            await served.until(1)
            for number, message in enumerate(said):
                name = "text" if isinstance(message, str) else "bytes"
                served.say({"type": "websocket.receive", name: message})
                await served.until(2 + number)
        await provider.until(lambda: not provider.open_connections)
        assert provider.seen[-1].close_code == 1000
    assert [event.get("text", event.get("bytes")) for event in served.sent[1:]] == said
    assert not app.gateway.snapshot()["connections"]


async def test_the_provider_chooses_the_subprotocol() -> None:
    async with LoopbackProvider.start() as provider:
        scope = realtime("realtime", subprotocols=["openai-insecure-api-key.sk-canary", "realtime"])
        async with alone(GatewayApp(config(provider.base_url)), **scope) as served:
            await served.until(1)
    assert served.sent[0] == {"type": "websocket.accept", "subprotocol": "realtime"}


async def test_a_close_of_the_provider_reaches_the_client_behind_its_messages() -> None:
    events: list[Any] = []
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url), on_event=events.append)
        async with alone(app, **realtime("echo", "close=4001", "close_reason=quota", "after=2")) as served:
            await served.until(1)
            for text in ("one", "two"):
                served.text(text)
            with anyio.fail_after(60):
                await served.done.wait()
    assert [event.get("text") for event in served.sent[1:3]] == ["one", "two"]
    assert served.sent[3] == {"type": "websocket.close", "code": 4001, "reason": "quota"}
    (ended,) = [event for event in events if isinstance(event, SessionEnded)]
    assert (ended.by, ended.code, ended.messages_received, ended.messages_sent) == ("provider", 4001, 2, 2)


@pytest.mark.parametrize("extension", [True, False])
async def test_a_refusal_of_the_provider_is_a_response(extension: bool) -> None:
    async with LoopbackProvider.start() as provider:
        scope = realtime(
            "echo", "refuse=429", "retry_after=7", extensions={"websocket.http.response": {}} if extension else {}
        )
        async with alone(GatewayApp(config(provider.base_url)), **scope) as served:
            await served.until(2 if extension else 1)
    if extension:
        head, body = served.sent
        assert head["status"] == 429
        assert (b"retry-after", b"7") in head["headers"]
        assert b"asked to refuse with 429" in body["body"]
    else:
        assert served.sent == [{"type": "websocket.close", "code": 1013, "reason": "HTTP 429"}]


async def test_a_client_that_takes_nothing_holds_its_provider_back() -> None:
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url, send_high_water_bytes=2048))
        async with alone(app, **realtime("echo", "flood_bytes=3000000")) as served:
            await served.until(1)
            served.gate = anyio.Event()
            held = 0
            for _ in range(300):
                await anyio.sleep(0.001)
                held = max(held, app.gateway.snapshot()["send_buffer_bytes"])
            served.gate.set()
            while sum(len(event.get("text", "")) + len(event.get("bytes", b"")) for event in served.sent) < 3_000_000:
                await served.until(len(served.sent) + 1)
                assert not served.done.is_set()
    assert 2048 < held < 300_000


@pytest.mark.parametrize(("own", "keys"), [((), ["Bearer sk-canary"]), (("Authorization",), [])])
async def test_what_is_for_the_host_alone_is_not_passed_on(own: tuple[str, ...], keys: list[str]) -> None:
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url), own_headers=own)
        headers = [
            (b"host", b"app.test"),
            (b"authorization", b"Bearer sk-canary"),
            (b"cookie", b"a=b"),
            (b"x-own", b"c"),
        ]
        async with alone(app, **realtime("echo", headers=headers)) as served:
            await served.until(1)
        await provider.until(lambda: not provider.open_connections)
        got = provider.seen[-1].headers
    assert [value for name, value in got if name.lower() == "authorization"] == keys
    assert "cookie" not in {name.lower() for name, _ in got}


async def test_a_client_that_leaves_early_ends_what_was_begun_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = GatewayApp(config(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        async with app.running(), anyio.create_task_group() as tasks:
            served = Served(app, websocket_scope(**realtime("echo"))).start(tasks)
            await anyio.wait_all_tasks_blocked()
            assert app.gateway.snapshot()["connections"] == 2
            served.say({"type": "websocket.disconnect", "code": 1006})
            with anyio.fail_after(60):
                await served.done.wait()
            assert served.sent == []
            assert not app.gateway.snapshot()["sessions"]


async def test_a_route_of_the_host_that_has_authenticated() -> None:
    async def nobody(scope: Any) -> None:
        raise AssertionError("it is not asked")

    events: list[Any] = []
    app = GatewayApp(config(), authenticate=nobody, on_event=events.append)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        await app.serve(scope, receive, send, principal="alice", root_path="/own")

    async with app.running(), anyio.create_task_group() as tasks:
        served = Served(route, websocket_scope("/own/v1/local/default")).start(tasks)
        await served.until(1)
        served.say({"type": "websocket.disconnect"})
        early = Served(route, websocket_scope("/own/v1/local/default"))
        early.say({"type": "websocket.disconnect"})
        await early.run()
        with pytest.raises(ValueError, match="name the client"):
            await app.serve(websocket_scope(), None, None, principal="", root_path="")  # type: ignore[arg-type]
    assert types(served) == ["websocket.accept"]
    assert early.sent == []
    assert [event.principal for event in events if isinstance(event, SessionOpened)] == ["alice"]


async def test_text_that_is_none_closes() -> None:
    async with alone(GatewayApp(config())) as served:
        served.text("\ud800")
        await served.until(2)
    assert (served.sent[-1]["type"], served.sent[-1]["code"]) == ("websocket.close", 1007)


async def test_a_host_that_takes_nothing_holds_the_client_back() -> None:
    app = GatewayApp(config(send_high_water_bytes=2048))
    async with alone(app) as served:
        await served.until(1)
        served.gate = anyio.Event()
        for _ in range(400):
            served.text(PING)
        await anyio.wait_all_tasks_blocked()
        held = app.gateway.snapshot()["send_buffer_bytes"]
        served.gate.set()
        await served.until(401)
    assert 0 < held < 6000
    assert types(served).count("websocket.send") == 400


async def test_a_client_that_has_gone_when_it_is_sent_something() -> None:
    events: list[Any] = []
    app = GatewayApp(config(), on_event=events.append)
    async with app.running(), anyio.create_task_group() as tasks:
        served = Served(app, websocket_scope()).start(tasks)
        await served.until(1)
        served.gone = True
        served.text(PING)
        with anyio.fail_after(60):
            await served.done.wait()
    (ended,) = [event for event in events if isinstance(event, SessionEnded)]
    assert ended.code == 1006
    assert not app.gateway.snapshot()["connections"]


async def test_what_a_client_had_taken_when_it_left_is_counted() -> None:
    """And a server that keeps what is sent to a client that has gone keeps nobody."""
    events: list[Any] = []
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url), on_event=events.append)
        async with app.running(), anyio.create_task_group() as tasks:
            served = Served(app, websocket_scope(**realtime("echo"))).start(tasks)
            await served.until(1)
            served.gate = anyio.Event()
            for _ in range(9):
                served.text("four")
            while app.gateway.snapshot()["send_buffer_bytes"] < 36:  # noqa: ASYNC110 - what is held has no event
                await anyio.sleep(0.001)
            served.gate.set()
            await served.until(4)
            served.gate = anyio.Event()
            await anyio.wait_all_tasks_blocked()
            served.say({"type": "websocket.disconnect", "code": 1000})
            with anyio.fail_after(60):
                await served.done.wait()
    (ended,) = [event for event in events if isinstance(event, SessionEnded)]
    assert 3 <= types(served).count("websocket.send") == ended.messages_sent < 9


async def test_a_server_that_cancels_its_applications_leaves_nothing() -> None:
    app = GatewayApp(config())
    async with app.running():
        async with anyio.create_task_group() as tasks:
            served = Served(app, websocket_scope()).start(tasks)
            await served.until(1)
            tasks.cancel_scope.cancel()
        assert not app.gateway.snapshot()["connections"]


async def test_the_end_of_running_closes_its_clients() -> None:
    app = GatewayApp(config())
    async with anyio.create_task_group() as tasks:
        async with app.running():
            served = Served(app, websocket_scope()).start(tasks)
            await served.until(1)
        with anyio.fail_after(60):
            await served.done.wait()
        late = Served(app, websocket_scope()).start(tasks)
        await late.until(2)
    assert (served.sent[-1]["type"], served.sent[-1]["code"]) == ("websocket.close", 1001)
    assert late.sent[0]["status"] == 503
    with pytest.raises(RuntimeError, match="has run"):
        async with app.running():
            pass


async def test_lifespan() -> None:
    app = GatewayApp(config())
    async with anyio.create_task_group() as tasks:
        life = Served(app, {"type": "lifespan", "asgi": {"version": "3.0"}}).start(tasks)
        life.say({"type": "lifespan.startup"})
        await life.until(1)
        served = Served(app, websocket_scope()).start(tasks)
        await served.until(1)
        life.say({"type": "lifespan.shutdown"})
        await life.until(2)
        with anyio.fail_after(60):
            await served.done.wait()
    assert types(life) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert types(served)[-1] == "websocket.close"


@pytest.mark.parametrize(("version", "upgrade"), [("1.1", True), ("2", False)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_plain_http(version: str, upgrade: bool, method: str) -> None:
    app = GatewayApp(config())
    async with anyio.create_task_group() as tasks:
        served = Served(app, {"type": "http", "method": method, "http_version": version, "path": "/"}).start(tasks)
        await served.until(2)
    assert served.sent[0]["status"] == 426
    assert ((b"upgrade", b"websocket") in served.sent[0]["headers"]) is upgrade
    assert bool(served.sent[1]["body"]) is (method == "GET")


async def test_health_checks_below_the_mount_path_tell_of_a_drain() -> None:
    async def asked(path: str, method: str = "GET") -> tuple[int, bytes]:
        scope = {"type": "http", "method": method, "path": f"/llm{path}", "root_path": "/llm"}
        async with anyio.create_task_group() as asking:
            served = Served(app, scope).start(asking)
            await served.until(2)
        return served.sent[0]["status"], served.sent[1]["body"]

    app = GatewayApp(config())
    async with app.running(), anyio.create_task_group() as tasks:
        assert [(await asked(path))[0] for path in ("/healthz", "/readyz", "/other")] == [200, 200, 426]
        assert (await asked("/readyz", "POST"))[0] == 426
        assert json.loads((await asked("/readyz"))[1])["success"] is True
        client = Served(app, websocket_scope()).start(tasks)
        await client.until(1)
        await app.driver.drain()
        status, body = await asked("/readyz")
        assert (status, json.loads(body)["error"][0]["code"]) == (503, 2011)
        assert await asked("/readyz", "HEAD") == (503, b"")
        assert (await asked("/healthz"))[0] == 200
    assert (await asked("/readyz"))[0] == 503


async def test_a_scope_of_another_type() -> None:
    with pytest.raises(ValueError, match="mailbox"):
        await GatewayApp(config())({"type": "mailbox"}, None, None)  # type: ignore[arg-type]


# -- behind hypercorn -------------------------------------------------------------------------------------------------


class Mounted:
    """What Starlette and others do for ``mount``: the path in front goes into ``root_path``. No lifespan is passed."""

    def __init__(self, prefix: str, app: GatewayApp) -> None:
        self.prefix, self.app = prefix, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("there is none here")
        await self.app({**scope, "root_path": scope.get("root_path", "") + self.prefix}, receive, send)


@asynccontextmanager
async def hypercorn(app: Any, backend: str) -> AsyncIterator[str]:
    from hypercorn.config import Config as Settings

    if backend == "trio":
        from hypercorn.trio import serve
    else:
        from hypercorn.asyncio import serve  # type: ignore[assignment]
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings()
    settings.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    settings.accesslog = settings.errorlog = None
    settings.graceful_timeout = 0.1
    stop = anyio.Event()

    async def run() -> None:
        await serve(app, settings, shutdown_trigger=stop.wait, mode="asgi")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        yield f"ws://127.0.0.1:{port}"
        stop.set()


async def test_responses_behind_hypercorn(anyio_backend: str) -> None:
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url))
        with anyio.fail_after(60):
            async with hypercorn(app, anyio_backend) as url:
                told = await two_turns_in_two_lanes(f"{url}/v1/local/default/compat/responses", "loopback/m")
    check_two_turns(told)


@pytest.mark.parametrize("mounted", [False, True], ids=["with lifespan", "mounted"])
async def test_behind_hypercorn(mounted: bool, anyio_backend: str) -> None:
    async with LoopbackProvider.start() as provider:
        app = GatewayApp(config(provider.base_url))
        served, prefix = (Mounted("/llm", app), "/llm") if mounted else (app, "")
        with anyio.fail_after(60):
            async with hypercorn(served, anyio_backend) as url:
                async with connect(f"{url}{prefix}/v1/local/default") as client:
                    await client.send(create("a", stream=True))
                    said: list[str] = []
                    while "universal.done" not in said:
                        message = await client.receive()
                        assert isinstance(message, str)
                        said.append(json.loads(message)["type"])
                    assert said.count("universal.stream") > 1
                with pytest.raises(HandshakeRefused) as refused:
                    async with connect(f"{url}{prefix}/nowhere"):
                        pass
                assert refused.value.status == 404
                if not mounted:
                    async with connect(f"{url}/v1/local/default") as client:
                        for _ in range(100):
                            await client.send("nonsense")
                        with pytest.raises(WebSocketClosed) as closed:
                            while True:
                                await client.receive()
                    assert closed.value.code == 1008
        assert not app.gateway.snapshot()["sessions"]
