"""The realtime demonstration as its viewers meet it, and its meter."""

import os
import pty
import re
import sys

import pytest
from tests.peers.processes import run, start

from aigw_drivers.cli.demo.realtime import Conversation, HopLine, RealtimeView, Turn, converse
from aigw_drivers.cli.demo.realtime_view import meter

AIGW = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()", "demo", "--realtime"]


class Silent:
    """A view that shows nothing."""

    def line(self, line: HopLine) -> None:
        pass

    def turn(self, turn: Turn) -> None:
        pass

    def changed(self) -> None:
        pass


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.anyio
async def test_what_is_noted_of_a_conversation(anyio_backend: str) -> None:
    def view(conversation: Conversation) -> RealtimeView:
        return Silent()

    conversation = await converse(view)
    whole, cut = conversation.turns
    assert (whole.state, whole.words) == ("completed", 26)
    assert whole.audio_bytes == 26 * 5760
    assert len(whole.levels) == 26 * 6
    assert cut.state == "cancelled"
    assert 7 <= cut.words < 26
    # every message is seen on both hops, in the same order and of the same size
    for outward in (True, False):
        hops = [
            [(line.opcode, line.size, line.kind) for line in conversation.lines if (line.hop, line.outward) == key]
            for key in (("client", outward), ("provider", outward))
        ]
        assert hops[0] == hops[1]
    ended = conversation.ended
    assert ended is not None
    assert (ended.by, ended.code) == ("client", 1000)
    assert ended.messages_received == sum(line.outward for line in conversation.lines if line.hop == "client")
    assert ended.usage is not None
    assert ended.usage.output_tokens == sum(turn.usage["output_tokens"] for turn in conversation.turns)


def test_the_meter_shows_the_loudest_as_a_full_bar() -> None:
    assert meter([0.0, 0.27, 1.0], 10) == " ██"
    assert meter([0.0] * 5 + [0.135], 2) == " ▄"


def test_without_a_terminal_it_says_lines() -> None:
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
    result = run(AIGW, env=environment)
    assert result.returncode == 0, result.stderr
    out = result.stdout
    assert re.search(r"client   > gateway   text +26 B  response\.create\n", out)
    assert re.search(r"gateway  < provider  text +7844 B  response\.output_audio\.delta\n", out)
    assert re.search(r"\.\.\. 24 more response\.output_audio\.delta between client and gateway", out)
    assert "user:  (interrupts)" in out
    assert re.search(r"voice: .+\(cancelled; [0-9,]+ bytes of audio", out)
    assert "Session end record: by client, close code 1000" in out
    assert "\x1b" not in out


def test_in_a_terminal_it_ends_by_itself() -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    with start(AIGW, stdout=slave, stderr=slave, stdin=slave, env=environment) as process:
        os.close(slave)
        output = b""
        try:
            while data := os.read(master, 65536):
                output += data
        except OSError:  # how Linux says that the other end is closed
            pass
        assert process.wait(120) == 0
    os.close(master)
    text = output.decode()
    assert "on the wires" in text
    assert "interrupted by the user" in text
    assert "Session end record" in text
