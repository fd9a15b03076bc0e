"""The command line as its users meet it: processes of their own, their output, their exit status."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.peers import processes
from tests.rigs.compiled import COMPILED

AIGW = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()"]


def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **more}
    return processes.run([*AIGW, *arguments], env=environment)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A running ``aigw serve`` and its URL."""
    command = [*AIGW, "serve", "--port", "0", *arguments]
    with processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            first = ""  # workers have written into the log before
            while "is listening on ws" not in first:
                first = process.stdout.readline()
                assert first, "it ended"
            yield process, first.split()[-1]
        finally:
            process.kill()


def create(event_id: str, **loopback: object) -> str:
    messages = [{"role": "user", "content": "hello"}]
    query = {"model": "m", "stream": True, "messages": messages, "loopback": loopback}
    step = {"eventId": event_id, "provider": "loopback", "endpoint": "chat/completions", "query": query}
    return json.dumps({"type": "universal.create", "request": step})


def test_the_version_says_which_core_runs() -> None:
    told = run("--version").stdout
    assert re.fullmatch(r"aigw \d+\.\d+\.\d+, core: (Python|compiled)\n", told)
    assert ("compiled" in told) is COMPILED


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--port", port)
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"error cannot listen on 127.0.0.1:{port}: ")
    assert len((ended.stdout + ended.stderr).splitlines()) == 1


def test_demo_without_a_terminal_ends_by_itself_and_shows_both_wires() -> None:
    result = run("demo")
    assert result.returncode == 0, result.stderr
    assert "client   > gateway   story    universal.create" in " ".join(result.stdout.splitlines())
    assert "universal.cancelled" in result.stdout
    assert "connection #" in result.stdout
    assert "saved" in result.stdout
    assert "\x1b" not in result.stdout


DEMOS = [["demo"], ["demo", "--realtime", "--driver", "protocol"]]


@pytest.mark.parametrize("command", DEMOS, ids=" ".join)
def test_a_demo_that_nobody_reads_on_ends_without_a_word(command: list[str]) -> None:
    with processes.start([*AIGW, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == ""
        assert demo.wait() in (0, 1)  # 0 if it had said everything by then


def run_without_reader(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run with a standard output that nobody has ever read: the first write already fails."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with processes.start(
            [*AIGW, *arguments], stdout=writing, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            _, err = process.communicate(timeout=120)
    finally:
        os.close(writing)
    return subprocess.CompletedProcess(arguments, process.returncode, "", err)


@pytest.mark.parametrize("command", [["--version"], *DEMOS], ids=" ".join)
def test_without_a_reader_a_command_ends_without_a_word(command: list[str]) -> None:
    ended = run_without_reader(*command)
    assert ended.stderr == ""
    assert ended.returncode == (0 if command == ["--version"] else 1)


def test_without_a_reader_check_and_read_end_without_a_word(tmp_path: Path) -> None:
    good, bad, body = tmp_path / "good.toml", tmp_path / "bad.toml", tmp_path / "body.json"
    good.write_text("[server]\nport = 1\n")
    bad.write_text("[server]\nprot = 1\n")
    body.write_text('{"error": {"message": "no"}}')
    ended = {name: run_without_reader(*name.split(), str(file)) for name, file in (("check", good), ("read", body))}
    ended["check bad"] = run_without_reader("check", str(bad))
    assert {name: process.stderr for name, process in ended.items()} == dict.fromkeys(ended, "")
    # the verdict on a file does not need a reader, events do
    assert {name: process.returncode for name, process in ended.items()} == {"check": 0, "check bad": 2, "read": 1}


def test_without_a_reader_send_ends_and_does_not_blame_the_connection() -> None:
    with serving() as (_, url):
        ended = run_without_reader("send", f"{url}/v1/local/default", create("a", chunks=100_000))
    assert ended.stderr == ""
    assert ended.returncode == 1


def test_a_server_goes_on_without_a_reader() -> None:
    """What it prints is a courtesy: clients must not lose their sessions for it."""
    command = [*AIGW, "serve", "--port", "0"]
    with processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().split()[-1]
            process.stdout.close()
            sent = run("send", f"{url}/v1/local/default", create("a"))
            assert sent.returncode == 0, sent.stderr
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_workers_serve_and_the_started_process_only_supervises() -> None:
    with serving("--workers", "2") as (process, url):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        sent = run("send", f"{url}/v1/local/default", create("a"))
        assert sent.returncode == 0, sent.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert process.stdout is not None
        rest = process.stdout.read()
        assert rest.count("Ctrl-C drains") == rest.count("draining") == rest.count("\nstopped") == 1
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_workers_on_a_port_that_is_taken_are_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--port", port, "--workers", "2")
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"error cannot listen on 127.0.0.1:{port}: ")
    assert len((ended.stdout + ended.stderr).splitlines()) == 1


#: Puts a socket where a service manager would, and becomes the command behind it.
ACTIVATE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', **{sys.argv[2]: str(os.getpid())});"
    "os.execv(sys.executable, [sys.executable, *sys.argv[3:]])"
)


@contextmanager
def activated(sock: socket.socket, *arguments: str, pid: str = "LISTEN_PID") -> Iterator["subprocess.Popen[str]"]:
    """``aigw serve`` to which ``sock`` is passed. It is closed here."""
    descriptor = str(sock.fileno())
    command = [sys.executable, "-c", ACTIVATE, descriptor, pid, *AIGW[1:], "serve", *arguments]
    with (
        processes.start(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, pass_fds=[sock.fileno(), 3]
        ) as process,
        sock,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("pid", ["LISTEN_PID", "_"], ids=["systemd", "inherited"])
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])
def test_a_socket_that_was_passed_takes_the_place_of_the_address(workers: list[str], pid: str) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    with activated(sock, *workers, pid=pid) as process:
        assert process.stdout is not None
        while f"is listening on ws://127.0.0.1:{port}" not in (line := process.stdout.readline()):
            assert line, "it ended"
        sent = run("send", f"ws://127.0.0.1:{port}/v1/local/default", create("a"))
        assert sent.returncode == 0, sent.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_passed_socket_that_others_reach_needs_a_file() -> None:
    with activated(socket.create_server(("0.0.0.0", 0))) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "without a settings file only loopback addresses are allowed" in output


def test_what_cannot_be_passed() -> None:
    with socket.socket() as sock:  # which does not listen
        sock.bind(("127.0.0.1", 0))
        with activated(sock) as process:
            output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output.startswith("error cannot use what the service manager passed: ")


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])
def test_a_service_manager_is_told(workers: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(120)
        environment = {**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}
        command = [*AIGW, "serve", "--port", "0", *workers]
        with processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
            try:
                told = {manager.recv(1000) for _ in range(8)}
                assert told == {b"READY=1", b"WATCHDOG=1"}
                process.send_signal(signal.SIGTERM)
                while manager.recv(1000) != b"STOPPING=1":
                    pass
                assert process.wait(timeout=120) == 0
            finally:
                process.kill()


def test_demo_in_a_terminal_ends_by_itself() -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "45"}
    with processes.start([*AIGW, "demo"], stdout=slave, stderr=slave, stdin=slave, env=environment) as process:
        os.close(slave)
        output = b""
        try:
            while data := os.read(master, 65536):
                output += data
        except OSError:
            pass  # Linux says so at the end of a terminal
        assert process.wait(timeout=120) == 0
    os.close(master)
    assert b"on the wires" in output
    assert b"One WebSocket carried everything" in output


def test_serve_prints_a_url_and_an_example_that_works() -> None:
    with serving() as (process, url):
        assert process.stdout is not None
        lines = []
        while "Ctrl-C" not in (line := process.stdout.readline()):
            lines.append(line)
        text = "".join(lines)
        assert f"gateway    {url}/v1/local/default" in text
        assert "loopback" in text
        at = next(i for i, line in enumerate(lines) if "aigw send" in line)
        message = lines[at + 1].strip().strip("'")
        sent = run("send", f"{url}/v1/local/default", message)
        assert sent.returncode == 0, sent.stderr
        kinds = [json.loads(line)["type"] for line in sent.stdout.splitlines()]
        assert kinds[0] == "universal.created"
        assert kinds[-1] == "universal.done"
        assert set(kinds[1:-1]) == {"universal.stream"}


@pytest.mark.parametrize("driver", ["anyio", "protocol"])
def test_sigterm_lets_running_streams_finish(driver: str) -> None:
    with serving("--driver", driver) as (process, url):
        # more than fits between them while nobody reads: so the stream runs when the signal comes
        command = [*AIGW, "send", f"{url}/v1/local/default", create("a", chunks=40, chunk_bytes=800_000)]
        with processes.start(command, stdout=subprocess.PIPE, text=True) as sending:
            assert sending.stdout is not None
            sending.stdout.readline()
            process.send_signal(signal.SIGTERM)
            rest = sending.stdout.read()
            assert sending.wait(timeout=120) == 0
        kinds = [json.loads(line)["type"] for line in rest.splitlines()]
        assert "universal.going_away" in kinds
        assert kinds[-1] == "universal.done"
        assert process.wait(timeout=120) == 0


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text('[server]\nprot = 1\n[providers.custom-x]\nbase_url = "ftp://x"\n')
    result = run("check", str(file))
    assert result.returncode == 2
    assert "prot" in result.stdout
    assert "port" in result.stdout
    assert "custom-x" in result.stdout


def test_check_shows_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text(
        '[gateways."a/b"]\nauthentication = true\ntokens = ["tok-canary"]\n'
        '[providers.openai]\napi_key = "env:THE_KEY"\n'
    )
    result = run("check", str(file), THE_KEY="sk-canary")
    assert result.returncode == 0, result.stdout
    assert "a/b" in result.stdout
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_files_of_tls_that_cannot_be_used_are_named(tmp_path: Path, command: str) -> None:
    file = tmp_path / "aigw.toml"
    (tmp_path / "no.pem").write_text("no certificate")
    file.write_text(
        '[server]\ntls_certificate = "no.pem"\n[providers.custom-x]\nbase_url = "https://x.test"\nca_file = "no.pem"\n'
        '[gateways."a/b".providers.custom-x]\nca_file = "no.pem"\n'
    )
    result = run(command, *(["--config"] if command == "serve" else []), str(file))
    assert result.returncode == 2, result.stdout
    assert "server.tls_certificate" in result.stdout
    assert ": providers.custom-x.ca_file" in result.stdout
    assert 'gateways."a/b".providers.custom-x.ca_file' in result.stdout


def test_send_does_not_wait_for_what_a_cancel_never_brings() -> None:
    cancels = [json.dumps({"type": "universal.cancel", "eventId": event_id}) for event_id in ("one", "unknown")]
    with serving() as (_, url):
        result = run("send", f"{url}/v1/local/default", create("one", chunk_delay_ms=60_000), *cancels)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith('{"type":"universal.cancelled"')


def test_send_waits_for_the_ends_of_responses() -> None:
    ask = {"type": "response.create", "model": "loopback/m", "input": "hi"}
    unknown = {**ask, "model": "nobody/m"}
    with serving() as (_, url):
        messages = [json.dumps(one) for one in (ask, unknown, {"type": "response.processed"})]
        result = run("send", f"{url}/v1/local/default/compat/responses", *messages)
    assert result.returncode == 0, result.stderr
    kinds = [json.loads(line)["type"] for line in result.stdout.splitlines()]
    assert kinds[0] == "response.created"
    assert kinds[-2:] == ["response.completed", "error"]


def test_a_call_at_the_url_of_another_protocol_ends_and_says_so() -> None:
    with serving() as (_, url):
        at = f"{url}/v1/local/default/compat/responses"
        result = run("call", "loopback", "chat/completions", "-m", "x", "hi", "--url", at)
    assert result.returncode == 1
    assert "another protocol" in result.stderr


@pytest.mark.parametrize("url", ["127.0.0.1:9/v1/a/b", "http://127.0.0.1:9/v1/a/b", "ws://"])
def test_send_judges_its_url_as_call_does(url: str) -> None:
    for command in (["send", url, "{}"], ["call", "loopback", "chat/completions", "-m", "x", "hi", "--url", url]):
        result = run(*command)
        assert result.returncode == 2
        assert "the URL of a gateway is ws://HOST/v1/ACCOUNT/GATEWAY" in result.stderr


def test_send_says_why_it_cannot(tmp_path: Path) -> None:
    result = run("send", "ws://127.0.0.1:9/v1/local/default", "{}")
    assert result.returncode == 1
    assert "cannot connect" in result.stderr


@pytest.mark.parametrize("options", [["--provider", "openai"], ["--format", "openai-chat"], []])
def test_read_prints_events(tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "answer.sse"
    head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}
    finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = [json.dumps({**head, "choices": [choice]}) for choice in (delta, finish)]
    file.write_text("".join(f"data: {data}\n\n" for data in (*chunks, "[DONE]")))
    result = run("read", str(file), *options)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"type": "text.delta", "text": "Hi"} in events
    assert events[-1]["type"] == "response.finished"


# -- what strangers may reach ---------------------------------------------------------------------------------------


def test_without_a_file_only_loopback_addresses() -> None:
    done = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert done.stdout.startswith("error --host: ")
    assert "authentication = false" in done.stdout


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_public_address_needs_a_word_about_authentication(tmp_path: Path, command: str) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text("[server]\nhost = '0.0.0.0'\nport = 0\n[gateways.'a/b']\n")
    done = run(command, *([] if command == "check" else ["--config"]), str(file))
    assert done.returncode == 2
    assert done.stdout.startswith(f"error {file}: server.host ")
    assert 'authentication = false if everybody may, under [gateways."a/b"]' in done.stdout
    if command == "serve":
        assert run("serve", "--config", str(file), "--host", "::").returncode == 2


def test_warnings_are_errors_if_they_are_to_be(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text("[gateways.'a/b']\n[providers.openai]\napi_key = 'sk-canary-of-the-file'\n")
    file.chmod(0o666)
    loose, strict = run("check", str(file)), run("check", str(file), "--strict")
    assert (loose.returncode, strict.returncode) == (0, 2)
    for done in (loose, strict):
        warned = [line for line in done.stdout.splitlines() if line.startswith("warning ")]
        assert len(warned) == 2
        assert all(line.startswith(f"warning {file}: ") for line in warned)
        assert "canary" not in done.stdout
    assert run("serve", "--config", str(file), "--port", "0", "--strict").returncode == 2
    file.write_text("[gateways.'a/b']\n")
    file.chmod(0o600)
    assert run("check", str(file), "--strict").returncode == 0


def test_check_shows_no_query_of_a_base_url(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text("[providers.custom-x]\nbase_url = 'https://h.test/v1?key=canary-long-enough'\n")
    done = run("check", str(file))
    assert "https://h.test/v1?***" in done.stdout
    assert "canary" not in done.stdout


def test_nothing_is_printed_that_a_terminal_obeys(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    text = "a\\u009b31m\u202eb\\u001b[2J"
    head, tail = '{"id":"c","choices":[{"message":{"content":"', '"},"finish_reason":"stop"}]}'
    body.write_text(head + text + tail)
    done = run("read", str(body), "--format", "openai-chat")
    assert done.returncode == 0
    assert "text.delta" in done.stdout
    assert not [character for character in done.stdout if character != "\n" and not character.isprintable()]
    wrong = run("check", str(tmp_path / "a\x1b[2Jb\u202e"))
    assert wrong.returncode == 2
    assert not [character for character in wrong.stdout if character != "\n" and not character.isprintable()]


def test_serve_writes_a_line_for_a_refusal_and_refuses_foreign_pages() -> None:
    with serving() as (process, url):
        port = int(url.rpartition(":")[2])
        head = (
            b"GET /v1/local/default HTTP/1.1\r\nhost: 127.0.0.1:%d\r\norigin: https://evil.test\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head % port)
            answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 403 ")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                (head % port).replace(b"origin: https://evil.test\r\n", b"").replace(b"127.0.0.1", b"evil.test")
            )
            assert client.recv(65536).startswith(b"HTTP/1.1 403 ")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall((head % port).replace(b"https://evil.test", b"http://127.0.0.1:%d" % port))
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    refusals = [line for line in out.splitlines() if "aigw.security" in line]
    assert len(refusals) == 2
    assert all("127.0.0.1 refused" in line and "code=2014" in line for line in refusals)
