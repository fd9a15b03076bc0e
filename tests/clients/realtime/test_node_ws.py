"""The npm library ``ws``, the WebSocket client of most of Node."""

from pathlib import Path

import pytest
from tests.rigs.client_gateway import KEY, TOKEN, wants_clients, world
from tests.rigs.npm import npm_folder, run_node

pytestmark = [pytest.mark.anyio, wants_clients]
SCRIPT = Path(__file__).with_name("ws_client.mjs")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``ws`` is installed."""
    return npm_folder(tmp_path_factory, "ws@8")


async def test_a_session(library: Path) -> None:
    async with world(authentication=True) as w:
        seen = await run_node(SCRIPT, str(library), w.url, TOKEN, KEY)
        assert seen["extensions"] is None or "permessage-deflate" in seen["extensions"]
        assert seen["pong"] == "are you there"
        assert seen["protocol"] == "realtime"
        assert seen["kinds"][0] == "session.created"
        assert seen["kinds"][-1] == "response.done"
        assert seen["bytes"] == 4 * 5760
        assert (seen["code"], seen["reason"]) == (4321, "enough")
        assert (seen["refused"]["status"], seen["refused"]["retry"]) == (429, "5")
        assert "asked to refuse with 429" in seen["refused"]["body"]
        await w.provider.until(lambda: len(w.provider.seen) == 2)
        assert w.provider.seen[0].close_code == 4321
    assert [(event.by, event.code, event.reason) for event in w.ended] == [("client", 4321, "enough")]
    assert KEY not in repr(w.events)
