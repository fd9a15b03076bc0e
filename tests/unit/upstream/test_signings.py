"""Signatures: one at a time, stored keys first, then clients in turn."""

import pytest

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.effects import Ask, Sign, Signed, Unavailable
from aigw_sansio.engine.client import Client
from aigw_sansio.engine.services import Services
from aigw_sansio.secret import Secret
from aigw_sansio.upstream.signings import WAITING_OF_CLIENT, Signing, Signings


class Desk:
    """Signings whose questions are answered by hand."""

    def __init__(self, at_once: int = 1) -> None:
        config = Config(limits=Limits(signings_at_once=at_once), timeouts=Timeouts(ask_s=5))
        self.services = Services(config, b"a seed of sixteen", 0.0)
        self.signings = Signings(self.services)
        self.asked: list[Ask] = []
        self.told: list[str] = []

    def ask(self, name: str, client: Client | None) -> Signing | None:
        question = Sign(Secret("key"), name.encode())
        return self.signings.ask(
            question, lambda answer, now: self.told.append(f"{name} {type(answer).__name__}"), client, 0.0
        )

    def questions(self) -> list[str]:
        """The names of the new questions."""
        new = [effect for effect in self.services.take_effects() if isinstance(effect, Ask)]
        self.asked += new
        return [ask.question.message.decode() for ask in new if isinstance(ask.question, Sign)]

    def answer(self) -> None:
        self.services.answer(self.asked.pop(0).id, Signed(b"s"), 1.0)


def test_clients_take_turns_and_stored_keys_go_first() -> None:
    desk = Desk()
    one, two = Client(), Client()
    for name, client in (("a1", one), ("a2", one), ("a3", one), ("b1", two), ("stored", None)):
        assert desk.ask(name, client) is not None
    order = desk.questions()
    while desk.asked:
        desk.answer()
        order += desk.questions()
    assert order == ["a1", "stored", "a2", "b1", "a3"]
    assert desk.told == [f"{name} Signed" for name in order]


def test_so_many_at_once() -> None:
    desk = Desk(at_once=2)
    for name in "abc":
        desk.ask(name, Client())
    assert desk.questions() == ["a", "b"]
    desk.answer()
    assert desk.questions() == ["c"]


def test_one_that_gets_no_answer_does_not_stop_the_next() -> None:
    desk = Desk()
    desk.ask("a", Client())
    desk.ask("b", Client())
    desk.services.timers.fire(5.0)
    assert desk.told == [f"a {Unavailable.__name__}"]
    assert desk.questions() == ["a", "b"]


@pytest.mark.parametrize("ends", ["answer", "deadline"])
def test_a_withdrawn_one_that_is_asked_keeps_its_place_until_its_end(ends: str) -> None:
    desk = Desk()
    for name in "abc":
        signing = desk.ask(name, Client())
        assert signing is not None
        if name == "a":
            desk.signings.withdraw(signing)
    assert desk.questions() == ["a"], "the host cannot stop it"
    if ends == "answer":
        desk.answer()
    else:
        desk.services.timers.fire(5.0)
    assert desk.questions() == ["b"]
    assert desk.told == []


def test_asking_and_withdrawing_begins_no_more_than_may_run() -> None:
    desk = Desk(at_once=2)
    client = Client()
    for number in range(50):
        signing = desk.ask(str(number), client)
        assert signing is not None
        desk.signings.withdraw(signing)
    assert desk.questions() == ["0", "1"]


def test_a_withdrawn_one_that_waits_is_never_asked() -> None:
    desk = Desk()
    client = Client()
    signings = [desk.ask(name, client) for name in "abc"]
    assert signings[1] is not None
    desk.signings.withdraw(signings[1])
    asked = desk.questions()
    desk.answer()
    assert asked + desk.questions() == ["a", "c"]


def test_of_one_client_so_many_wait() -> None:
    desk = Desk()
    greedy = Client()
    taken = [desk.ask(str(number), greedy) for number in range(WAITING_OF_CLIENT + 2)]
    assert [signing is not None for signing in taken] == [True] * (WAITING_OF_CLIENT + 1) + [False]
    assert desk.ask("other", Client()) is not None
    for number in range(2 * WAITING_OF_CLIENT):
        assert desk.ask(f"stored {number}", None) is not None, "the operator's are few"
