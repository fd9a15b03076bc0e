"""The example that is its own gateway."""

import pytest
from tests.examples import in_process

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_it_prints_a_text_twice(capsys: pytest.CaptureFixture[str]) -> None:
    await in_process.main()
    told, tokens, whole = capsys.readouterr().out.splitlines()
    assert told == whole
    assert tokens.endswith(" tokens")
