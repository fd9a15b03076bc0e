"""Tokens for resuming: their form, and whose they are."""

import re

from aigw_sansio.downstream.resume_tokens import ResumeTokens
from aigw_sansio.engine.seeded_random import SeededRandom
from aigw_sansio.secret import Secret


def test_a_token_names_its_process_and_session_and_no_two_are_equal() -> None:
    tokens, others = ResumeTokens(SeededRandom(b"one")), ResumeTokens(SeededRandom(b"two"))
    first, second, other = tokens.make(300), tokens.make(300), others.make(300)
    assert len({token.reveal() for token in (first, second, other)}) == 3
    assert re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", first.reveal())  # it may be an item of the subprotocols
    assert first.reveal() not in repr(first)
    assert tokens.session_of(first) == tokens.session_of(second) == 300
    assert not tokens.is_of_another(first)
    assert tokens.session_of(other) is None
    assert tokens.is_of_another(other)


def test_what_has_not_the_form_of_a_token_is_nobodys() -> None:
    tokens = ResumeTokens(SeededRandom(b"one"))
    good = tokens.make(1).reveal()
    for text in ("", "2", good + "0", good[:-1], good.upper(), "x" + good, good.replace("-1-", "-0x1-")):
        assert tokens.session_of(Secret(text)) is None
        assert not tokens.is_of_another(Secret(text))


def test_who_makes_none_draws_no_random_bytes() -> None:
    random = SeededRandom(b"one")
    ResumeTokens(random)
    assert random.bytes(8) == SeededRandom(b"one").bytes(8)
