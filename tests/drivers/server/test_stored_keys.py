"""Keys of providers: from the host, else the store, else the environment; a new one counts at once."""

from pathlib import Path

import pytest

from aigw_drivers.server.stored_answers import with_store
from aigw_drivers.server.stored_keys import find_key, stored_name, variable
from aigw_drivers.stores import StoreError
from aigw_drivers.stores.memory import MemoryStore
from aigw_drivers.stores.sqlite import SqliteStore
from aigw_sansio import Answer, FindKey, Key, Question, Secret, Unavailable

pytestmark = pytest.mark.anyio
ASKED = FindKey("alice", "acme", "main", "openai", "default")
NAME = "key:acme/main/openai/default"
VARIABLE = "AIGW_KEY_ACME_MAIN_OPENAI_DEFAULT"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asked(alias: str) -> FindKey:
    return FindKey("alice", "acme", "main", "openai", alias)


def test_names() -> None:
    assert stored_name("acme/main", "openai", "default") == NAME
    assert variable("acme/main", "openai", "default") == VARIABLE
    assert variable("a-c/m", "google-ai-studio", "lab.2") == "AIGW_KEY_A_C_M_GOOGLE_AI_STUDIO_LAB_2"
    with pytest.raises(ValueError, match="is no alias"):
        stored_name("acme/main", "openai", "a/b")


async def test_the_store_goes_before_the_environment_and_a_new_key_counts_at_once() -> None:
    store, environ = MemoryStore(), {VARIABLE: "from-environment", "AIGW_KEY_ACME_MAIN_OPENAI_LAB": "lab"}
    assert await find_key(ASKED, store, environ) == Key(Secret("from-environment"))
    await store.set(NAME, b"old\n")
    assert await find_key(ASKED, store, environ) == Key(Secret("old"))
    await store.set(NAME, b"new")
    assert await find_key(ASKED, store, environ) == Key(Secret("new"))
    assert await find_key(asked("lab"), store, environ) == Key(Secret("lab"))
    assert await find_key(asked("none"), store, environ) == Key(None)


@pytest.mark.parametrize("alias", ["", "a/b", "../x", "a" * 65, "a\n", "ä"])
async def test_an_alias_that_is_none_finds_nothing(alias: str) -> None:
    store = MemoryStore()
    await store.set(f"key:acme/main/openai/{alias}", b"key")
    assert await find_key(asked(alias), store, {}) == Key(None)


async def test_a_key_that_is_no_text_is_told_without_it() -> None:
    store = MemoryStore()
    await store.set(NAME, b"canary\xff")
    with pytest.raises(StoreError) as caught:
        await find_key(ASKED, store, {})
    assert "canary" not in str(caught.value)


async def test_the_host_goes_before_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "from-environment")
    said: list[Answer | Exception] = [Key(Secret("from-host")), Key(None), Unavailable(), LookupError("what?")]

    async def host(question: Question) -> Answer:
        answer = said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    store = MemoryStore()
    await store.set(NAME, b"from-store")
    answer = with_store(store, host)
    assert await answer(ASKED) == Key(Secret("from-host"))
    assert [await answer(ASKED) for _ in range(3)] == [Key(Secret("from-store"))] * 3
    assert await with_store(MemoryStore())(ASKED) == Key(Secret("from-environment"))
    assert await with_store(SqliteStore(str(tmp_path / "no" / "db"), 1.0))(ASKED) == Unavailable()
