"""A recorded world replays to the same effects and the same bytes."""

import pytest
from tests.world.world import CONFIG, random_moves, run

from aigw_sansio.config import Config
from aigw_sansio.effects import Authenticated, Metrics
from aigw_sansio.recorder import Recorder, ReplayDiffers, replay


def record(seed: int) -> list[bytes]:
    lines: list[bytes] = []

    def make(config: Config) -> Recorder:
        return Recorder(config, b"seed", 1_700_000_000.0, lines.append)

    run([(1, seed, seed), *random_moves(seed)], make)
    return lines


@pytest.mark.parametrize("seed", range(5))
def test_replay_is_the_same(seed: int) -> None:
    lines = record(seed)
    assert len(lines) > 20
    gateway = replay(lines, CONFIG)
    assert gateway.snapshot()["connections"] == 0


def test_a_change_is_found() -> None:
    lines = record(1)
    at = next(index for index, line in enumerate(lines) if line.startswith(b'["data_to_send",[1,'))
    changed = [*lines[:at], lines[at].replace(b'"]', b'0"]'), *lines[at + 1 :]]
    with pytest.raises(ReplayDiffers, match=f"line {at + 1}: data_to_send") as caught:
        replay(changed, CONFIG)
    assert caught.value.line == at + 1


def test_another_seed_is_another_run() -> None:
    lines = record(1)
    with pytest.raises(ReplayDiffers):
        replay([lines[0].replace(b"73656564", b"73656565"), *lines[1:]], CONFIG)


def test_a_line_cut_off_is_left_out() -> None:
    lines = record(2)
    replay([*lines, b'["receive_da'], CONFIG)


def test_an_empty_record() -> None:
    with pytest.raises(ValueError, match="empty"):
        replay([], CONFIG)


def test_answers_replay() -> None:
    lines: list[bytes] = []
    recorder = Recorder(CONFIG, b"seed", 0.0, lines.append)
    conn = recorder.open_downstream("192.0.2.1:1", None, 1.0)
    recorder.receive_data(conn, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 1.0)
    recorder.effects()
    with pytest.raises(Exception, match="Metrics"):
        recorder.answer(1, Authenticated(allowed=True), 1.0)  # type: ignore[arg-type]
    recorder.answer(1, Metrics(body=b"up 1\n"), 2.0)  # type: ignore[arg-type]
    assert recorder.effects()
    assert b"up 1" in recorder.data_to_send(conn)
    assert b"up 1" in replay(lines[:-1], CONFIG).data_to_send(conn)
