"""One vocabulary: a program gets the same items, metadata and errors from a client of a socket and from one in the process
of the gateway."""

import re

import anyio
import msgspec
import pytest
from tests.rigs.live_gateway import chat, live_gateway
from tests.rigs.local_clients import local_world

from aigw_drivers.client import Client, ClientError, Content, GatewayError, Metadata, Mode, ProviderError, Step
from aigw_drivers.client.caller import Caller
from aigw_drivers.client.request import Options
from aigw_sansio import ProviderEvent

pytestmark = pytest.mark.anyio
CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120
USAGE = {"stream_options": {"include_usage": True}}

Case = tuple[tuple[str, str], object, Options]
CASES: dict[str, Case] = {
    "a stream": (CHAT, chat(chunks=3), {}),
    "with usage": (CHAT, chat(chunks=3) | USAGE, {}),
    "a whole response": (CHAT, chat(stream=False), {}),
    "compressed": (CHAT, chat(gzip=True), {}),
    "an error status": (CHAT, chat(status=503, retry_after=2), {}),
    "an error after its fallback": (CHAT, chat(status=500), {"fallback": [Step(*CHAT, chat(status=429))]}),
    "an answer of the fallback": (CHAT, chat(status=500), {"fallback": [Step(*CHAT, chat(chunks=2))]}),
    "a retry": (CHAT, chat(fail_times=1, key="k"), {"config": {"maxAttempts": 3, "retryDelay": 10}}),
    "a broken stream": (CHAT, chat(chunks=9, break_after_chunks=2, how="reset"), {}),
    "an error event": (CHAT, chat(chunks=9, error_event_after_chunks=2), {}),
    "an error event at once": (CHAT, chat(chunks=9, error_event_after_chunks=0), {}),
    "no HTTP": (CHAT, chat(garbage=True), {}),
    "a timeout": (CHAT, chat(delay_ms=3_600_000), {"config": {"requestTimeout": 100}}),
    "an unknown provider": (("nobody", "x"), {}, {}),
    "a bad header": (CHAT, chat(), {"headers": {"cf-aig-max-attempts": "many"}}),
    "a list of models": (("compat", "models"), None, {"method": "GET"}),
    "another format": (("compat", "messages"), {"model": "loopback/loopback-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "stream": True}, {}),
}  # fmt: skip


def shown(item: ProviderEvent | Content) -> object:
    """A content by all that it can give. The id of a translated response is that of its exchange."""
    if not isinstance(item, Content):
        return item
    return re.sub(r"msg_[0-9a-f-]{36}", "msg", repr((item.data(), item.json(), item.text())))


def facts(metadata: Metadata, *, refused: bool = False) -> Metadata:
    """What must be equal: not the names of an exchange, and not how a socket carries a body or a refusal."""
    kind = None if refused else metadata.content_type
    return msgspec.structs.replace(metadata, log_id=None, event_id=None, encoding=None, content_type=kind)


def failure(error: ClientError | None) -> object:
    if isinstance(error, ProviderError):
        body = None if error.body is None else shown(error.body)
        return "provider", error.message, facts(error.metadata), error.status, error.attempts, body, error.retryable
    if isinstance(error, GatewayError):
        told = facts(error.metadata, refused=True)
        return "gateway", error.code, error.message, told, error.status, error.attempts, error.retryable
    assert error is None
    return None


async def outcome(client: Caller[object], case: Case, mode: Mode) -> list[object]:
    """All that a program sees of one exchange."""
    (provider, endpoint), query, options = case
    seen: list[object] = []
    error = None
    stream = client._stream(provider, endpoint, query, mode, options, gives_body=mode != "events")
    try:
        async with stream:
            async for item in stream:
                seen.append(shown(item))
    except ClientError as raised:
        error = raised
    whole = None if stream.response is None else shown(stream.response)
    told = facts(stream.metadata, refused=isinstance(error, GatewayError))
    return [*seen, told, whole, stream.is_cancelled, failure(error)]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("mode", ["events", "raw", "both"])
async def test_the_same_program_sees_the_same(mode: Mode) -> None:
    with anyio.fail_after(PATIENCE_S):
        for name, case in CASES.items():
            async with live_gateway() as gateway, Client(gateway.url) as client:
                over_a_socket = await outcome(client, case, mode)  # type: ignore[arg-type]
            async with local_world() as there, there.client() as local:
                assert await outcome(local, case, mode) == over_a_socket, name  # type: ignore[arg-type]
