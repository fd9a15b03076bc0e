"""The suite as others use it: installed, outside of this repository, on a driver that has a fault."""

import re
import sys

import pytest
from tests.peers import processes

from aigw_drivers.conformance.time_checks import ANSWERED
from aigw_sansio.effects import ANSWER_TYPES

PROGRAM = '''
from aigw_drivers import AnyioDriver
from aigw_drivers.conformance import DriverSuite, LoopHost


class Meddling:
    """Changes what a driver tells its engine."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)


class Twice(Meddling):
    def closed(self, conn, now):
        self._engine.closed(conn, now)
        self._engine.closed(conn, now)


class Mute(Meddling):
    def connect_failed(self, conn, reason, now):
        self._engine.connect_failed(conn, "it did not work", now)


class Deaf(Meddling):
    def receive_data(self, conn, data, now):
        pass


class Mine(DriverSuite):
    patience_s = 0.3


class TestHonest(Mine):
    host = LoopHost(AnyioDriver)


class TestTwice(Mine):
    host = LoopHost(lambda engine, **settings: AnyioDriver(Twice(engine), **settings))


class TestMute(Mine):
    host = LoopHost(lambda engine, **settings: AnyioDriver(Mute(engine), **settings))


class TestDeaf(Mine):
    host = LoopHost(lambda engine, **settings: AnyioDriver(Deaf(engine), **settings))


class TestNothing(DriverSuite):
    pass
'''
CHECKS = "test_echo or test_refused or test_a_silent_client or test_close_cancels"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "test_mine.py").write_text(PROGRAM, encoding="utf-8")
    arguments = ["-q", "-rA", "-p", "no:cacheprovider", "-k", CHECKS, str(folder)]
    return str(processes.run([sys.executable, "-m", "pytest", *arguments], cwd=folder).stdout)


def outcomes(report: str, word: str) -> set[str]:
    return set(re.findall(rf"^{word} .*?test_mine\.py::Test(\w+::\w+)", report, re.MULTILINE))


def test_what_passes_and_what_fails(report: str) -> None:
    checks = ("test_echo", "test_refused", "test_a_silent_client_is_timed_out")
    broken = {f"{kind}::{check}" for kind in ("Twice", "Nothing") for check in checks}
    broken |= {"Mute::test_refused", "Deaf::test_echo"}
    all_of_them = {f"{kind}::{check}" for kind in ("Honest", "Twice", "Mute", "Deaf", "Nothing") for check in checks}
    assert outcomes(report, "FAILED") == broken
    assert outcomes(report, "PASSED") == all_of_them - broken


def test_failures_say_why(report: str) -> None:
    assert "closed(1) after closed" in report
    assert "'refused' in 'it did not work'" in report  # assertions show their values
    assert "set `host` to a HostFactory" in report


def test_what_is_not_declared_is_skipped(report: str) -> None:
    assert "TestHonest does not declare `tls`" in report
    assert "[tls]" not in report


def test_all_questions_and_all_classes_of_answers_are_in_it() -> None:
    assert {type(question) for question, _ in ANSWERED} == {*ANSWER_TYPES}
    assert {type(answer) for _, answer in ANSWERED} == {one for kinds in ANSWER_TYPES.values() for one in kinds}
