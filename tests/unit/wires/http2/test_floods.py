"""The count of unproductive frames, and how a peer that reads is let off."""

from aigw_sansio.wires.http2.floods import FLOOD, PROBE_AFTER, FloodGuard, FloodVerdict


def test_a_peer_that_never_answers_is_stopped_after_one_probe() -> None:
    guard = FloodGuard()
    verdicts = [guard.charge() for _ in range(FLOOD + 1)]
    assert verdicts.count(FloodVerdict.PROBE) == 1
    assert verdicts.index(FloodVerdict.TOO_MANY) == FLOOD
    assert guard.probing


def test_a_peer_that_answers_may_go_on_for_ever() -> None:
    guard = FloodGuard()
    for _ in range(4 * FLOOD):
        verdict = guard.charge()
        assert verdict is not FloodVerdict.TOO_MANY
        if verdict is FloodVerdict.PROBE:
            guard.answered()
            assert not guard.probing


def test_frames_of_ours_earn_two() -> None:
    guard = FloodGuard()
    for _ in range(2 * FLOOD):
        guard.data_frames_sent += 1
        assert guard.charge() is FloodVerdict.FINE
        assert guard.charge() is FloodVerdict.FINE


def test_frames_not_read_when_the_probe_left_still_count_after_it() -> None:
    guard = FloodGuard()
    verdicts = [guard.charge() for _ in range(PROBE_AFTER)]
    assert verdicts == [FloodVerdict.FINE] * (PROBE_AFTER - 1) + [FloodVerdict.PROBE]
    for _ in range(PROBE_AFTER):
        guard.data_frames_sent += 1
    guard.charge()
    guard.answered()
    assert [guard.charge() for _ in range(PROBE_AFTER - 1)].index(FloodVerdict.PROBE) == PROBE_AFTER - 2
    assert FloodVerdict.TOO_MANY in [guard.charge() for _ in range(FLOOD)]
