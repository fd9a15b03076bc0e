"""What the host is asked about the steps of a request, and what its answers mean."""

import msgspec
import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.parts import TRANSLATES
from tests.rigs.steps import client, step

from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.effects import (
    Admit,
    Admitted,
    Answer,
    Authenticate,
    Authenticated,
    Denied,
    FindKey,
    HeaderFields,
    Key,
    Question,
    Unavailable,
)
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.faults import Denial, FaultKind, Side
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.planner import ClientInfo, plan
from aigw_sansio.sessions.step_questions import found_keys, policy_questions, refusal, token_questions

LOCKED = GatewaySettings(authentication=True, tokens=(Secret("gate"), Secret("side")))
ASKS = GatewaySettings(ask=("admit", "find_key"))
TWO = Secret("two-keys")


def planned(info: ClientInfo, *steps: Step, **providers: ProviderSettings) -> list[PlannedStep]:
    made = plan(Rig(providers=providers).services, info, steps, 0.0, parts=TRANSLATES)
    assert isinstance(made, list)
    return made


def asked(info: ClientInfo, *steps: Step) -> list[Question]:
    return policy_questions(info, steps, planned(info, *steps), "log")


def test_tokens_that_the_settings_cannot_judge() -> None:
    steps = [
        step(headers=[("cf-aig-authorization", "Bearer gate"), ("CF-AIG-Authorization", "bearer theirs")]),
        step(headers=[("authorization", "Bearer key"), ("cf-aig-authorization", "other")]),
        step(headers=[("cf-aig-authorization", "theirs")]),
    ]
    first, second = token_questions(client(LOCKED), steps)
    assert first == Authenticate(
        "acme",
        "main",
        Secret("theirs"),
        peer="peer",
        path="/v1/acme/main",
        origin="https://page.test",
        headers=HeaderFields((("cf-aig-authorization", "Bearer gate"), ("cf-aig-authorization", "bearer theirs"))),
    )
    assert isinstance(second, Authenticate)
    assert second.token == Secret("other")


def test_no_token_is_judged_if_nobody_has_to_show_one() -> None:
    steps = [step(headers=[("cf-aig-authorization", "theirs")])]
    assert token_questions(client(), steps) == []
    assert len(token_questions(client(GatewaySettings(authentication=True)), steps)) == 1


def test_nothing_is_asked_that_the_settings_do_not_name() -> None:
    for settings, kinds in (
        (GatewaySettings(), []),
        (GatewaySettings(ask=("admit",)), [Admit]),
        (GatewaySettings(ask=("find_key",)), [FindKey]),
        (ASKS, [Admit, FindKey]),
    ):
        assert [type(question) for question in asked(client(settings), step(headers=[]))] == kinds


def test_the_host_is_told_of_each_step() -> None:
    info = client(ASKS, "alice", metadata='{"team":"blue"}', byok_alias="lab")
    google = step(
        "google-ai-studio",
        endpoint="v1beta/models/gemini-x:generateContent",
        headers=[("CF-AIG-Metadata", '{"n":1}'), ("cf-aig-byok-alias", "home"), ("x-goog-api-key", "k")],
    )
    own = step("compat", query=b'{"model":"openai/gpt-5","messages":[]}', headers=[])
    assert asked(info, google, own) == [
        Admit(
            "alice",
            "acme",
            "main",
            "google-ai-studio",
            "v1beta/models/gemini-x:generateContent",
            "gemini-x",
            8,
            {"n": 1},
            log_id="log",
        ),
        Admit(
            "alice",
            "acme",
            "main",
            "openai",
            "chat/completions",
            "gpt-5",
            len(planned(info, own)[0].call.request.body),
            {"team": "blue"},
            log_id="log",
            step=1,
        ),
        FindKey("alice", "acme", "main", "openai", "lab"),
    ]


def test_one_question_finds_the_key_of_all_steps_that_need_it() -> None:
    info = client(GatewaySettings(ask=("find_key",)))
    other = step(headers=[("cf-aig-byok-alias", "two")])
    steps = (step(headers=[]), step(), step("anthropic", endpoint="v1/messages", headers=[]), step(headers=[]), other)
    questions = asked(info, *steps)
    assert questions == [
        FindKey(None, "acme", "main", "openai"),
        FindKey(None, "acme", "main", "anthropic"),
        FindKey(None, "acme", "main", "openai", "two"),
    ]
    one, two = Key(Secret("one-key")), Key(TWO)
    keys = found_keys(info, steps, planned(info, *steps), questions, [one, Unavailable(), two])
    assert keys == {0: ("openai", one), 3: ("openai", one), 4: ("openai", two)}


def test_with_byok_only_no_key_is_asked_for() -> None:
    settings = GatewaySettings(ask=("find_key",), byok_only=True)
    (made,) = planned(client(), step(headers=[]))
    made = made._replace(call=msgspec.structs.replace(made.call, key="none"))
    assert policy_questions(client(settings), [step(headers=[])], [made], "log") == []


@pytest.mark.parametrize("answer", [Authenticated(False), Unavailable()])
def test_a_token_that_is_not_allowed_refuses(answer: Answer) -> None:
    fault = refusal(Authenticate("acme", "main", Secret("t1")), answer, 1)
    assert fault is not None
    assert (fault.kind, fault.side, fault.retryable) == (FaultKind.UNAUTHORIZED, Side.CLIENT, False)
    assert "cf-aig-authorization" in fault.detail
    assert "t1" not in fault.detail
    assert refusal(Authenticate("acme", "main", Secret("t1")), Authenticated(True), 1) is None


def test_a_denial_names_its_step_if_there_are_several() -> None:
    (question,) = asked(client(GatewaySettings(ask=("admit",))), step())
    denied = Denied(429, message="not today", retry_after_s=3.0)
    alone, among = refusal(question, denied, 1), refusal(question, denied, 2)
    assert isinstance(alone, Denial)
    assert among == Denial(
        FaultKind.RATE_LIMITED,
        Side.CLIENT,
        "step 0: not today",
        retryable=True,
        status=429,
        code=2003,
        retry_after_s=3.0,
    )
    assert alone.detail == "not today"


@pytest.mark.parametrize("answer", [Admitted(), Unavailable()])
def test_everything_else_lets_the_request_go(answer: Answer) -> None:
    for question in asked(client(ASKS), step(headers=[])):
        assert refusal(question, answer, 1) is None
