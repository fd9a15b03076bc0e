"""When a silent gateway is asked, and when it is given up."""

from aigw_drivers.client.liveness import PING_AFTER_S, PONG_S, Liveness


def test_silence_is_asked_about_once_and_then_is_death() -> None:
    life = Liveness(0.0)
    assert life.check(PING_AFTER_S - 1, is_waiting=True, is_reading=True) == "fine"
    assert life.check(PING_AFTER_S, is_waiting=True, is_reading=True) == "ping"
    assert life.check(PING_AFTER_S + PONG_S - 1, is_waiting=True, is_reading=True) == "fine"
    assert life.check(PING_AFTER_S + PONG_S, is_waiting=True, is_reading=True) == "dead"


def test_any_sign_of_life_begins_anew() -> None:
    life = Liveness(0.0)
    assert life.check(PING_AFTER_S, is_waiting=True, is_reading=True) == "ping"
    life.heard(PING_AFTER_S + 1)
    assert life.check(2 * PING_AFTER_S, is_waiting=True, is_reading=True) == "fine"
    assert life.check(2 * PING_AFTER_S + 1, is_waiting=True, is_reading=True) == "ping"


def test_a_long_rest_is_not_held_against_the_gateway() -> None:
    life = Liveness(0.0)
    assert life.check(PING_AFTER_S, is_waiting=True, is_reading=True) == "ping"
    assert life.check(1000.0, is_waiting=False, is_reading=True) == "fine"
    assert life.check(1001.0, is_waiting=True, is_reading=True) == "ping"
    assert life.check(1002.0, is_waiting=True, is_reading=True) == "fine"


def test_who_does_not_read_shows_that_he_lives_and_judges_nobody() -> None:
    life = Liveness(0.0)
    seen = [life.check(now * 5.0, is_waiting=True, is_reading=False) for now in range(1, 41)]
    assert seen.count("ping") == 200 // PING_AFTER_S
    assert "dead" not in seen
    assert life.check(201.0, is_waiting=True, is_reading=True) == "fine"
