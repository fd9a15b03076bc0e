"""``aigw translate``: what it prints for requests and responses, and its exit status."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from tests.peers import processes

AIGW = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()", "translate"]
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello"}], "seed": 7}


def run(*arguments: str, given: object = BODY) -> tuple[int, str, str]:
    with TemporaryFile("w+") as file:
        file.write(given if isinstance(given, str) else json.dumps(given))
        file.seek(0)
        ended = processes.run([*AIGW, *arguments], stdin=file)
    return ended.returncode, ended.stdout, ended.stderr


def test_a_request_is_one_object() -> None:
    status, out, _ = run("-", "--from", "openai-chat", "--to", "cohere-v2", "--stream")
    assert status == 0
    assert json.loads(out) == {
        "method": "POST",
        "path": "v2/chat",
        "headers": {},
        "body": {
            "model": "gpt-4.1",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
            "seed": 7,
        },
        "notes": [],
    }


def test_notes_and_headers_are_in_it(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(BODY))
    status, out, _ = run(str(file), "--from", "openai-chat", "--to", "anthropic-messages")
    found = json.loads(out)
    assert status == 0
    assert found["headers"] == {"anthropic-version": "2023-06-01"}
    assert {"kind": "dropped", "field": "seed", "why": "Anthropic has no such setting."} in found["notes"]


def test_a_refusal_has_a_status_of_its_own() -> None:
    status, out, _ = run("-", "--from", "openai-chat", "--to", "cohere-v2", given={**BODY, "n": 2})
    assert status == 3
    assert json.loads(out) == {"refused": {"field": "choice_count", "why": "Cohere gives one choice only."}}


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (("--from", "openai-chat", "--to", "nope"), BODY, "--to 'nope' is no format here; allowed are openai-chat, "),
        (("--from", "gemini", "--to", "gemini"), BODY, "--from 'gemini' is no format here; allowed are openai-chat, "),
        (
            ("--from", "openai-chat", "--to", "gemini"),
            "{",
            "standard input: it is no JSON; needed is the body of a request",
        ),
        (("--answer", "--from", "gemini", "--to", "gemini"), BODY, "--to 'gemini' is no format here; allowed are "),
    ],
)
def test_errors_of_use_say_what_is_allowed(arguments: tuple[str, ...], given: object, told: str) -> None:
    status, out, error = run("-", *arguments, given=given)
    assert (status, out) == (2, "")
    assert error.startswith(told)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    status, _, error = run(str(tmp_path / "no"), "--from", "openai-chat", "--to", "gemini")
    assert status == 2
    assert "No such file" in error


def test_a_whole_response() -> None:
    body = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
    status, out, error = run("--answer", "-", "--from", "gemini", "--to", "openai-chat", given=body)
    assert (status, error) == (0, "")
    assert json.loads(out)["choices"][0]["message"]["content"] == "Hi"


def test_an_error_of_a_provider() -> None:
    body = {"error": {"message": "no", "code": 404}}
    _, out, _ = run("--answer", "-", "--from", "gemini", "--to", "anthropic-messages", "--status", "404", given=body)
    assert json.loads(out)["error"]["type"] == "not_found_error"


def test_a_streamed_response(tmp_path: Path) -> None:
    file = tmp_path / "answer.sse"
    file.write_text(
        'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}\n\n'
        'data: {"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP"}]}\n\n'
    )
    status, out, _ = run("--answer", str(file), "--from", "gemini", "--to", "openai-chat")
    assert status == 0
    assert out.strip().endswith("data: [DONE]")
    assert out.count('"content":"') >= 2
