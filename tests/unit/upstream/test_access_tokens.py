"""Calls with a Google service account: one token for many, and every way in which there is none."""

import json
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import anyio
import anyio.to_thread
import msgspec
import pytest
from tests.peers.reference_driver import End
from tests.peers.single_client import OneClient

from aigw_drivers.client import connect
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import Settings, read_settings
from aigw_drivers.server.signatures import sign, with_signatures
from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.effects import Answer, Authenticate, Authenticated, Question, Sign, Signed, Unavailable
from aigw_sansio.secret import Secret
from aigw_sansio.upstream.access_tokens import with_token
from aigw_sansio.wires.http import Request

KEY_FILE = {
    "type": "service_account",
    "client_email": "a@p.iam.gserviceaccount.com",
    "private_key": "PEM canary",
    "private_key_id": "kid1",
}
CONFIG = Config(
    providers={
        "google-vertex-ai": ProviderSettings(api_key=Secret(json.dumps(KEY_FILE))),
        "openai": ProviderSettings(api_key=Secret("canary-openai")),
    }
)
VERTEX = {
    "provider": "google-vertex-ai",
    "endpoint": "v1/projects/p/locations/us-east5/publishers/google/models/g:generateContent",
}
OPENAI = {"provider": "openai", "endpoint": "chat/completions"}
GEMINI = b'{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}'
TOKEN_HOST, VERTEX_HOST = "https://oauth2.googleapis.com", "https://us-east5-aiplatform.googleapis.com"


def token(name: str, life: int = 3600) -> bytes:
    return json.dumps({"access_token": name, "expires_in": life, "token_type": "Bearer"}).encode()


def signed(run: OneClient, ask: int) -> None:
    assert [seen.line for seen in run.take("ask")] == [f"#{ask} Sign"]
    run.answer(ask, Signed(b"\xfb\xff signature"))


def first_token(run: OneClient, name: str = "canary-1", life: int = 3600) -> None:
    """The first call of a run has its token: ``up#2`` is the endpoint, ``up#3`` the provider, still dialled."""
    run.create("a", VERTEX)
    signed(run, 1)
    assert run.dialled() == [f"#2 {TOKEN_HOST}"]
    run.accept(2)
    run.respond(2, token(name, life))
    assert run.dialled() == [f"#3 {VERTEX_HOST}"]


def authorization(headers: list[tuple[str, str]] | None) -> str:
    return dict(headers or [])["authorization"]


def test_the_first_call_gets_a_token_and_the_second_uses_it() -> None:
    run = OneClient(CONFIG)
    run.create("a", VERTEX)
    assert run.dialled() == [], "nothing is sent without a signature"
    signed(run, 1)
    assert run.dialled() == [f"#2 {TOKEN_HOST}"]
    asked = run.accept(2)
    assert asked.line == "POST /token"
    form = parse_qs((asked.body or b"").decode())
    assert form["assertion"][0].endswith(".-_8gc2lnbmF0dXJl"), "the signature in base64url"
    run.respond(2, token("canary-1"))
    assert run.dialled() == [f"#3 {VERTEX_HOST}"]
    assert authorization(run.accept(3).headers) == "Bearer canary-1"
    run.respond(3, GEMINI)
    (created,) = run.messages()
    assert created["response"] == json.loads(GEMINI)
    run.create("b", VERTEX)
    assert authorization(run.request(3).headers) == "Bearer canary-1"
    assert run.dialled() == []
    assert run.take("ask") == []
    run.respond(3, GEMINI)
    run.finish()


def test_a_token_near_its_end_is_replaced() -> None:
    run = OneClient(CONFIG)
    first_token(run, life=130)
    run.accept(3)
    run.respond(3, GEMINI)
    run.driver.advance(50)
    run.create("b", VERTEX)
    assert authorization(run.request(3).headers) == "Bearer canary-1"
    run.respond(3, GEMINI)
    run.driver.advance(25)
    run.create("c", VERTEX)
    signed(run, 2)
    assert run.dialled() == [f"#4 {TOKEN_HOST}"]
    run.accept(4)
    run.respond(4, token("canary-2"))
    assert authorization(run.request(3).headers) == "Bearer canary-2"
    run.respond(3, GEMINI)
    run.finish()


def test_a_token_that_is_refused_is_replaced() -> None:
    run = OneClient(CONFIG)
    first_token(run)
    run.accept(3)
    run.respond(3, b"{}", status=401)
    run.create("b", VERTEX)
    signed(run, 2)
    run.finish()


@pytest.mark.parametrize("status", [200, 403])
def test_a_token_that_the_provider_quotes_is_hidden(status: int) -> None:
    """In whole responses, their headers and streams; also one that came after the call had begun."""
    run = OneClient(CONFIG)
    for name, step in (("a", VERTEX), ("b", {**VERTEX, "config": {"response": "both"}})):
        if name == "a":
            first_token(run, "ya29.canary-token")
            run.accept(3)
        else:
            run.create(name, step)
            run.request(3)
        quoted = (
            {"error": {"message": "who is ya29.canary-token?"}} if status == 403 else [{"quoted": "ya29.canary-token"}]
        )
        run.respond(3, json.dumps(quoted).encode(), status=status)
        told = json.dumps(run.messages())
        assert "***" in told
        assert "ya29" not in told
    run.finish()


def test_one_request_serves_all_who_wait() -> None:
    run = OneClient(CONFIG)
    for event_id in "abc":
        run.create(event_id, VERTEX)
    signed(run, 1)
    run.accept(2)
    run.send(type="universal.cancel", eventId="b")
    assert [message["type"] for message in run.messages()] == ["universal.cancelled"]
    run.dialled()
    run.respond(2, token("canary-1"))
    for conn in (3, 4):
        assert run.dialled() == [f"#{conn} {VERTEX_HOST}"]
        assert authorization(run.accept(conn).headers) == "Bearer canary-1"
    for conn in (3, 4):
        run.respond(conn, GEMINI)
    assert sorted(message["metadata"]["eventId"] for message in run.messages()) == ["a", "c"]
    run.finish()


@pytest.mark.parametrize("until", ["asked", "dialled", "sent", "head"])
@pytest.mark.parametrize("how", ["cancel", "leave"])
def test_who_stops_waiting_leaves_nothing(until: str, how: str) -> None:
    run = OneClient(CONFIG)
    run.create("a", VERTEX)
    if until != "asked":
        signed(run, 1)
    if until in ("sent", "head"):
        run.accept(2)
    if until == "head":
        run.driver.send(run.up(2), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    if how == "cancel":
        run.send(type="universal.cancel", eventId="a")
        assert [message["type"] for message in run.messages()] == ["universal.cancelled"]
    else:
        run.leave()
    assert until == "asked" or run.up(2).ended, "the request for a token is given up"
    if until == "asked":
        run.answer(1, Signed(b"late"))
        assert run.dialled() == []
    snapshot = run.gateway.snapshot()
    assert (snapshot["asks"], snapshot["waiting_calls"], snapshot["exchanges"]) == (0, 0, 0)
    run.finish()


@pytest.mark.parametrize("how", ["cut", "cancelled", "stalled", "left"])
def test_a_response_that_does_not_end(how: str) -> None:
    """The call behind a token passes on what befalls it, as one without a token does."""
    run = OneClient(CONFIG)
    first_token(run)
    run.accept(3)
    run.driver.send(run.up(3), b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
    assert run.messages() == []
    if how == "cut":
        run.driver.end(run.up(3), End.EOF)
        (created,) = run.messages()
        assert created["metadata"]["status"] == 502
    elif how == "cancelled":
        run.send(type="universal.cancel", eventId="a")
        assert [message["type"] for message in run.messages()] == ["universal.cancelled"]
    elif how == "stalled":
        run.driver.advance(1000)
        (created,) = run.messages()
        assert created["metadata"]["status"] == 504
    else:
        run.leave()
    assert run.up(3).ended, "nothing more is read"
    assert run.gateway.snapshot()["exchanges"] == 0
    run.finish()


FAILURES = ["unsigned", "no answer", "refused", "status", "no token", "too long", "broken", "stalled", "never connects"]


def fail(run: OneClient, how: str) -> None:
    """The call under way gets no token."""
    if how == "unsigned":
        run.answer(1, Unavailable())
        return
    if how == "no answer":
        run.driver.advance(5.1)
        return
    signed(run, 1)
    run.dialled()
    if how == "refused":
        run.driver.refused(run.up(2), "connection refused")
    elif how == "never connects":
        run.driver.advance(10.1)
    else:
        run.accept(2)
        if how == "status":
            run.respond(2, b'{"error":"invalid_grant"}', status=400)
        elif how == "no token":
            run.respond(2, b"{}")
        elif how == "too long":
            run.respond(2, token("canary-1") + b" " * 70_000)
        elif how == "broken":
            run.driver.send(run.up(2), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            run.driver.end(run.up(2), End.EOF)
        else:
            run.driver.advance(10.1)


@pytest.mark.parametrize("how", FAILURES)
def test_without_a_token_the_next_step_is_tried(how: str) -> None:
    run = OneClient(CONFIG)
    run.create("a", VERTEX, OPENAI)
    fail(run, how)
    (dialled,) = run.dialled()
    assert dialled.endswith("https://api.openai.com")
    run.accept(int(dialled[1]))
    run.respond(int(dialled[1]), b"{}")
    (created,) = run.messages()
    assert (created["metadata"]["step"], created["metadata"]["attempts"]) == ("1", 2)
    run.finish()


@pytest.mark.parametrize("how", FAILURES)
def test_without_a_token_the_last_step_ends_with_2005(how: str) -> None:
    run = OneClient(CONFIG)
    run.create("a", VERTEX)
    fail(run, how)
    (created,) = run.messages()
    assert created["metadata"]["status"] == {
        "unsigned": 503, "no answer": 503, "stalled": 504, "never connects": 504,
    }.get(how, 502)  # fmt: skip
    (error,) = created["response"]["error"]
    assert error["code"] == 2005
    assert ("aigw[google]" in error["message"]) is (how in ("unsigned", "no answer"))
    run.finish()


def test_a_token_and_a_signature_have_no_printable_form() -> None:
    request = with_token(Request(b"POST", b"https", b"h", b"/", [], b""), Secret("canary"))
    assert request.headers == [(b"authorization", b"Bearer canary")]
    assert "canary" not in repr(request)
    assert "canary" not in repr(Signed(b"canary"))
    assert "canary" not in repr(Sign(Secret("canary"), b""))


# -- with real keys and sockets ---------------------------------------------------------------------------------


def real_key() -> tuple[str, object]:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return pem, key.public_key()


def verify(public: object, assertion: str) -> None:
    from base64 import urlsafe_b64decode

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    assert isinstance(public, rsa.RSAPublicKey)
    message, _, signature = assertion.rpartition(".")
    decoded = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    public.verify(decoded, message.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_key_that_is_none_gives_no_signature() -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for pem in ("", "PEM", "\u00e9", other.decode()):
        assert sign(Sign(Secret(pem), b"x")) == Unavailable()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.anyio
async def test_a_host_answers_first() -> None:
    async def host(question: Question) -> Answer:
        if isinstance(question, Authenticate):
            return Authenticated(True)
        if isinstance(question, Sign) and question.message == b"mine":
            return Signed(b"the host's")
        raise LookupError

    pem, _ = real_key()
    answer = with_signatures(host)
    assert await answer(Authenticate("a", "g", None)) == Authenticated(True)
    assert await answer(Sign(Secret(pem), b"mine")) == Signed(b"the host's")
    other = await answer(Sign(Secret(pem), b"other"))
    assert isinstance(other, Signed)
    assert len(other.signature) == 256
    assert await with_signatures()(Authenticate("a", "g", None)) == Unavailable()


class Endpoint(HTTPServer):
    """A token endpoint and a provider in one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.assertions: list[str] = []
        self.authorizations: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Endpoint)
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/token":
            server.assertions += parse_qs(body.decode())["assertion"]
            answer = token("ya29.real")
        else:
            server.authorizations.append(self.headers["authorization"])
            answer = GEMINI
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        await anyio.to_thread.run_sync(server.shutdown)
        thread.join()


@pytest.mark.anyio
async def test_over_sockets_with_a_real_key(endpoint: Endpoint) -> None:
    pem, public = real_key()
    base = f"http://127.0.0.1:{endpoint.server_port}"
    stored = json.dumps({**KEY_FILE, "private_key": pem, "token_uri": f"{base}/token"})
    toml = f"[server]\nport = 0\n[providers.google-vertex-ai]\nbase_url = '{base}'\napi_key = 'env:ACCOUNT'\n"
    settings: Settings = read_settings(toml.encode(), file="aigw.toml", environ={"ACCOUNT": stored})
    with anyio.fail_after(120):
        async with (
            running(settings) as gateway,
            connect(f"{gateway.url}/v1/local/default") as client,
        ):
            for event_id in ("a", "b"):
                request: dict[str, object] = {"eventId": event_id, "headers": {}, "query": {}, **VERTEX}
                await client.send(json.dumps({"type": "universal.create", "request": request}))
                created = msgspec.json.decode(await client.receive())
                assert created["response"] == json.loads(GEMINI)
    assert endpoint.authorizations == ["Bearer ya29.real"] * 2
    (assertion,) = endpoint.assertions
    verify(public, assertion)
