"""The README's claims that its doctest does not reach: its program, its settings file, its map, its length, its links."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.rigs.live_gateway import gateway_in_a_thread

import aigw_drivers
from aigw_drivers.client import Step
from aigw_drivers.server.settings import ServerSettings, Settings, read_settings
from aigw_sansio import Config, ProviderSettings
from aigw_sansio.providers.registry import REGISTRY

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "src").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]


def blocks(language: str) -> list[str]:
    """The README's blocks of code in ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_it_has_at_most_300_lines() -> None:
    assert README.count("\n") <= 300


def test_the_program_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    program, _ = [block for block in blocks("python") if ">>>" not in block]
    monkeypatch.setattr(aigw_drivers, "Settings", lambda: Settings(server=ServerSettings(port=0)))
    exec(compile(program, "README.md", "exec"), {})
    assert "TextDelta(text=" in capsys.readouterr().out


def test_the_client_is_used_as_shown() -> None:
    """Nobody is there for its first step; the second one answers, or fails: both ends of the program."""
    _, program = [block for block in blocks("python") if ">>>" not in block]
    names: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), names)
    names["Step"] = lambda provider, endpoint, query: Step("loopback", endpoint.removeprefix("v1/"), query)
    query = {"model": "loopback-1", "messages": [{"role": "user", "content": "Hi"}]}
    config = Config(providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1")})
    with gateway_in_a_thread(token="right", config=config) as gateway:
        text, usage = anyio.run(names["ask"], gateway.url, "right", query)
        status, body = anyio.run(names["ask"], gateway.url, "right", query | {"loopback": {"status": 418}})
    assert text
    assert usage.output_tokens
    assert status == 418
    assert body.json()


def test_the_settings_are_read() -> None:
    (text,) = blocks("toml")
    environ = dict.fromkeys(re.findall(r'"env:(\w+)"', text), "a-key")
    settings = read_settings(text.encode(), file="aigw.toml", environ=environ, is_file=lambda _: True)
    assert list(settings.config.gateways) == list(tomllib.loads(text)["gateways"])


def test_the_number_of_providers() -> None:
    assert f"{len(REGISTRY) - 1} AI providers" in README, "all but the built-in one"


def test_the_map_names_every_package() -> None:
    map_ = README.partition("## Where everything is")[2]
    packages = {path.parent.name for path in (ROOT / "src" / "aigw_sansio").glob("*/__init__.py")}
    assert packages == set(re.findall(r"^  (\w+)/ ", map_, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    for target in targets:
        if not target.startswith("https://"):
            assert os.path.exists(page.parent / target), target


def test_every_example_is_listed() -> None:
    examples = ROOT / "tests" / "examples"
    page = (examples / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in examples.glob("*.py") if not path.name.startswith("test_")}
    assert names <= set(re.findall(r"\]\((\w+\.py)\)", page))


def test_every_page_of_the_packages_is_linked() -> None:
    for page in (ROOT / "src").rglob("*.md"):
        assert f"({page.relative_to(ROOT)})" in README, page
