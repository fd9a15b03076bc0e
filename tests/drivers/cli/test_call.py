"""``aigw call`` as its users meet it: output, standard error, exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.peers import processes
from tests.rigs.live_gateway import gateway_in_a_thread

from aigw_drivers.cli.call import key_in, private_gateway, told_at_the_end
from aigw_drivers.client import Metadata
from aigw_drivers.server.settings import Settings
from aigw_sansio import Config, GatewaySettings, ProviderSettings, Secret, UsageReported

AIGW = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()"]
CHAT = ("loopback", "chat/completions")


def call(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return processes.run([*AIGW, "call", *arguments], env={**os.environ, "COLUMNS": "120", **environment})


def test_text_comes_out_and_then_what_it_used() -> None:
    done = call(*CHAT, "-m", "loopback-1", "Say hello")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(".\n")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("usage: input tokens 3, output tokens ")
    assert done.stderr.endswith("; finish: stop\n")


@pytest.mark.parametrize("endpoint", ["messages", "responses"])
def test_other_formats_are_asked_and_read_too(endpoint: str) -> None:
    done = call("loopback", endpoint, "-m", "loopback-1", "Say hello")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 3
    assert "finish: stop" in done.stderr


def test_json_is_the_providers_own() -> None:
    done = call(*CHAT, "-m", "loopback-1", "Say hello", "--json")
    chunks = [json.loads(line) for line in done.stdout.splitlines()]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    whole = call(
        *CHAT, "-m", "loopback-1", "Say hello", "--json", "--query", '{"stream": false, "stream_options": null}'
    )
    assert [json.loads(line)["object"] for line in whole.stdout.splitlines()] == ["chat.completion"]


def test_what_has_no_text_is_printed_as_json() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    query = {"stream": False, "stream_options": None, "tools": [tool], "tool_choice": "required"}
    done = call(*CHAT, "-m", "loopback-1", "Hi", "--query", json.dumps(query))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"][0]["message"]["tool_calls"]
    assert "finish: tool_calls" in done.stderr


@pytest.mark.parametrize(
    ("loopback", "told"),
    [({"status": 429}, "the provider answered 429"), ({"chunks": 5, "break_after_chunks": 2}, "2005: ")],
)
def test_a_failure_is_told_and_is_1(loopback: dict[str, object], told: str) -> None:
    done = call(*CHAT, "-m", "loopback-1", "Hi", "--query", json.dumps({"loopback": loopback}))
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == "" or done.stdout.endswith("\n")  # what came before it stays


def test_mistakes_of_the_command_line_are_2(tmp_path: Path) -> None:
    wrong = tmp_path / "aigw.toml"
    wrong.write_text("[server]\nprot = 1\n")
    for arguments, told in (
        ((*CHAT, "Hi"), "--model"),
        ((*CHAT, "-m", "m"), "say what to ask"),
        ((*CHAT, "-m", "m", "Hi", "--url", "http://127.0.0.1/"), "ws://HOST"),
        ((*CHAT, "-m", "m", "Hi", "--url", "ws://127.0.0.1:9/", "--config", str(wrong)), "exclude each other"),
        ((*CHAT, "-m", "m", "Hi", "--config", str(wrong)), "prot"),
        ((*CHAT, "-m", "m", "Hi", "-H", "canary"), "NAME: VALUE"),
    ):
        done = call(*arguments)
        assert done.returncode == 2, arguments
        assert told in done.stderr
        assert done.stdout == ""
        assert "canary" not in done.stderr


def test_a_gateway_elsewhere_is_asked_with_its_token() -> None:
    with gateway_in_a_thread(token="right") as gateway:
        done = call(*CHAT, "-m", "loopback-1", "Hi", "--url", gateway.url, AIGW_TOKEN="right")
        refused = call(*CHAT, "-m", "loopback-1", "Hi", "--url", gateway.url, "--token", "wrong")
    assert done.returncode == 0, done.stderr
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "401" in refused.stderr
    assert "wrong" not in refused.stderr


def test_standard_input_is_asked_and_a_reader_may_go() -> None:
    command = [*AIGW, "call", *CHAT, "-m", "loopback-1", "-", "--query", '{"loopback":{"chunks":100000}}']
    with processes.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("Tell me a story")
        process.stdin.close()
        assert process.stdout.read(20)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=120) == 1


# -- the gateway of this process --------------------------------------------------------------------------------------


def test_keys_are_those_of_the_file_then_of_the_environment() -> None:
    environ = {"OPENAI_API_KEY": " sk-env\n", "GOOGLE_API_KEY": "g", "XAI_API_KEY": "", "CUSTOM_MINE_API_KEY": "c"}
    assert key_in(environ, "openai") == Secret("sk-env")
    assert key_in(environ, "google-ai-studio") == Secret("g")
    assert key_in(environ, "custom-mine") == Secret("c")
    assert key_in(environ, "grok") is None
    stored = Config(providers={"openai": ProviderSettings(api_key=Secret("sk-file"))})
    kept = private_gateway(Settings(config=stored), "openai", environ, loopback=False)
    assert kept.settings.config.providers["openai"].api_key == Secret("sk-file")
    taken = private_gateway(Settings(), "google", environ, loopback=True)
    assert taken.settings.config.providers["google-ai-studio"].api_key == Secret("g")


def test_the_gateway_of_this_process_lets_nobody_else_in() -> None:
    open_to_all = Config(gateways={"a/b": GatewaySettings(byok_only=True), "c/d": GatewaySettings()})
    target = private_gateway(Settings(config=open_to_all), "openai", {}, loopback=False)
    server, gateways = target.settings.server, target.settings.config.gateways
    assert (server.host, server.port, server.tls_certificate) == ("127.0.0.1", 0, None)
    assert list(gateways) == ["a/b"]
    assert gateways["a/b"].byok_only
    assert gateways["a/b"].authentication
    assert gateways["a/b"].tokens == (target.token,)
    assert target.token is not None
    assert len(target.token.reveal()) > 40


def test_the_end_is_told_in_a_line() -> None:
    usage = UsageReported(
        input_tokens=3, output_tokens=0, cache_read_input_tokens=0, output_audio_s=1.5, quality="partial"
    )
    told = told_at_the_end(Metadata(usage=usage, finish_reason="length", attempts=2))
    assert told == "usage: input tokens 3, output tokens 0, output audio s 1.5; not final; finish: length; attempts: 2"
    assert told_at_the_end(Metadata()) == "usage: not told"
