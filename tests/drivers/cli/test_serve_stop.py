"""``aigw serve`` is told twice to end, alone and with workers: it does not wait for what runs."""

import json
import signal
from pathlib import Path

import anyio
import pytest
from tests.rigs.served import begin, connected, serving, settings, until_type

from aigw_drivers.loopback import LoopbackProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])
async def test_a_second_signal_stops_at_once_and_what_was_cut_off_is_recorded(
    workers: list[str], tmp_path: Path
) -> None:
    records, file = tmp_path / "records", tmp_path / "aigw.toml"
    async with LoopbackProvider.start() as provider:
        text = settings(provider, "a-token-of-this-test")
        file.write_text(f"{text}[timeouts]\ndrain_s = 3600\n[records]\nto = 'file:{records}'\n")
        file.chmod(0o600)
        with serving(file, workers) as server:
            async with connected(server, "a-token-of-this-test") as client:
                await begin(client, "a", chunks=100_000, chunk_delay_ms=100)
                await until_type(client, "universal.stream")
                server.process.send_signal(signal.SIGTERM)
                await until_type(client, "universal.going_away")
                server.process.send_signal(signal.SIGTERM)
                assert await anyio.to_thread.run_sync(lambda: server.process.wait(timeout=60)) == 0
    (record,) = records.read_text().splitlines()
    assert json.loads(record)["provider"] == "custom-loop"
