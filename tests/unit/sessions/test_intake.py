"""A request from its arrival to its plan: tokens, plan, the host's word about the plan."""

import gc
import json
from collections.abc import Mapping
from typing import cast

import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.parts import TRANSLATES
from tests.rigs.steps import client, step

from aigw_sansio import translate
from aigw_sansio.config import GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.dialects.commands import Create, Step
from aigw_sansio.effects import (
    Admit,
    Admitted,
    Answer,
    Ask,
    Authenticated,
    Denied,
    FetchedMedia,
    Key,
    Question,
    Unavailable,
)
from aigw_sansio.events import RequestDenied
from aigw_sansio.faults import Denial, Fault, FaultKind
from aigw_sansio.ids import AskId
from aigw_sansio.parts.parts import Parts
from aigw_sansio.parts.translator import Translator
from aigw_sansio.prompt import Blob, Prompt
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.client_limits import ClientLimits
from aigw_sansio.sessions.host_questions import PendingCreate
from aigw_sansio.sessions.intake import Intake, Outcome

ASKS = GatewaySettings(authentication=True, ask=("admit", "find_key"))
TOKEN = [("cf-aig-authorization", "theirs")]


class Session(Rig):
    """Keeps what its intake decides, and the questions as words."""

    def __init__(
        self, settings: GatewaySettings = ASKS, parts: Parts = TRANSLATES, **providers: ProviderSettings
    ) -> None:
        few = Limits(fetches_at_once_per_client=2, request_bytes_per_connection=4000)
        super().__init__(timeouts=Timeouts(ask_s=5.0), limits=few, providers=providers)
        self.decided: list[tuple[PendingCreate, Outcome]] = []
        self.left: list[float] = []
        limits = ClientLimits(self.services)
        self.client = client(settings, services=self.services)
        self.intake = Intake(self.services, limits, 7, parts=parts, decided=self._decided, waits=self.left.append)
        self.asked: list[str] = []
        self.questions: list[Question] = []
        self.next = 0

    def _decided(self, pending: PendingCreate, outcome: Outcome, now: float) -> None:
        assert pending.event_id not in self.intake.questions
        self.decided.append((pending, outcome))

    def take(self, *steps: Step) -> None:
        self.intake.take(PendingCreate(Create("a", [*steps]), "a", "log-a", 100, self.client), self.now)
        self.listen()

    def answer(self, value: Answer) -> None:
        self.services.answer(AskId(self.next), value, self.now)
        self.listen()

    def listen(self) -> None:
        for effect in self.effects():
            assert isinstance(effect, Ask)
            self.next = effect.id
            self.asked.append(type(effect.question).__name__)
            self.questions.append(effect.question)

    @property
    def authorization(self) -> str:
        """The key that goes."""
        ((_, planned),) = self.decided
        assert isinstance(planned, list)
        return dict(planned[0].call.request.headers).get(b"authorization", b"").decode()


def test_tokens_then_the_plan_then_the_policy_then_keys() -> None:
    session = Session()
    session.take(step(headers=TOKEN))
    session.answer(Authenticated(True))
    session.answer(Admitted())
    assert session.decided == []
    session.answer(Key(Secret("found-key")))
    assert session.asked == ["Authenticate", "Admit", "FindKey"]
    assert session.authorization == "Bearer found-key"
    assert session.left == [0.0], "one answer left another question of its stage"
    assert session.services.unanswered == 0


def test_without_questions_it_is_decided_at_once() -> None:
    session = Session(GatewaySettings())
    session.take(step(headers=TOKEN))
    assert session.asked == []
    assert session.authorization == ""


def test_nothing_is_asked_about_a_plan_that_cannot_be_made() -> None:
    session = Session()
    session.take(step("nobody"))
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNKNOWN_PROVIDER
    assert session.asked == []


def test_nothing_is_asked_about_what_the_gateway_answers_itself() -> None:
    session = Session(openai=ProviderSettings(models=("gpt-5",)))
    session.take(step("compat", endpoint="models", method="GET", query=None))
    ((_, body),) = session.decided
    assert isinstance(body, bytes)
    assert b"gpt-5" in body


def test_a_denial_is_an_event_and_ends_it() -> None:
    session = Session()
    session.take(step(headers=[]), step(headers=[]))
    session.answer(Admitted())
    session.answer(Denied(403, 2099, "not for you"))
    assert session.asked == ["Admit", "Admit"]
    ((_, fault),) = session.decided
    assert isinstance(fault, Denial)
    assert (fault.status, fault.code, fault.detail) == (403, 2099, "step 1: not for you")
    assert list(session.events) == [RequestDenied(7, "a", "log-a", 1, "openai", 403, 2099, "step 1: not for you", None)]


def test_a_host_without_words_admits_and_leaves_the_stored_key() -> None:
    session = Session(openai=ProviderSettings(api_key=Secret("stored-key")))
    session.take(step(headers=[]))
    session.pass_time(5.0)
    session.listen()
    assert session.asked == ["Admit", "FindKey"]
    assert session.decided == []
    session.pass_time(5.0)
    assert session.authorization == "Bearer stored-key"


def test_a_host_that_knows_no_key_leaves_the_stored_one() -> None:
    session = Session(openai=ProviderSettings(api_key=Secret("stored-key")))
    session.take(step(headers=[]))
    session.answer(Admitted())
    session.answer(Key(None))
    assert session.authorization == "Bearer stored-key"


def test_a_found_key_that_cannot_be_used_refuses_the_request() -> None:
    session = Session()
    session.take(step(headers=[]))
    session.answer(Admitted())
    session.answer(Key(Secret('{"no":"known form"}')))
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.NOT_CONFIGURED
    assert "known form" not in fault.detail


def test_what_a_plan_keeps_counts_while_the_host_is_asked() -> None:
    session = Session()
    ask = b'{"model":"anthropic/claude-x","messages":[{"role":"user","content":"Hello"}],"max_tokens":5}'
    session.take(step("compat", query=ask))
    assert session.intake.questions.size > 100
    session.answer(Admitted())
    assert session.intake.questions.size == 0
    ((pending, planned),) = session.decided
    assert isinstance(planned, list)
    assert pending.size == 100 + planned[0].answer.memory > 100


SEES = GatewaySettings(ask=("admit", "find_key"), fetch_media=True)
PNG = FetchedMedia(b"png", "image/png")
PICTURE = {"type": "image_url", "image_url": {"url": "https://x.test/1"}}
SENT_AS_URL = json.dumps({"model": "mistral/m", "messages": [{"role": "user", "content": [PICTURE]}]}).encode()


def look(*names: str) -> Step:
    """A step whose provider takes no URLs, with a picture of each name."""
    pictures = [{"type": "image_url", "image_url": {"url": f"https://x.test/{name}"}} for name in names]
    query = {"model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": pictures}]}
    return step("compat", query=json.dumps(query).encode(), headers=[])


def test_media_are_fetched_for_a_request_that_is_admitted_and_has_its_keys() -> None:
    session = Session(SEES)
    session.take(look("1"))
    (admit,) = session.questions
    assert isinstance(admit, Admit)
    assert (admit.provider, admit.model) == ("google-ai-studio", "gemini-2.5-flash")
    session.answer(Admitted())
    session.answer(Key(Secret("found-key")))
    assert session.asked == ["Admit", "FindKey", "FetchMedia"]
    assert session.decided == []
    session.answer(PNG)
    assert session.asked == ["Admit", "FindKey", "FetchMedia"], "the host has said its word about the plan"
    ((pending, planned),) = session.decided
    assert isinstance(planned, list)
    request = planned[0].call.request
    assert b'"data":"cG5n"' in request.body
    assert dict(request.headers)[b"x-goog-api-key"] == b"found-key"
    assert pending.size == 100 + planned[0].answer.memory
    assert session.intake.questions.size == 0


class Probing:
    """The translator, which counts how often it is asked what a target wants."""

    def __init__(self) -> None:
        self.probes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(translate, name)

    def stand_ins(self, prompt: Prompt, target: str) -> Mapping[str, Blob]:
        self.probes += 1
        return translate.stand_ins(prompt, target)


def test_which_media_a_step_wants_is_found_out_before_they_are_fetched() -> None:
    probing = Probing()
    session = Session(GatewaySettings(fetch_media=True), Parts(translator=cast(Translator, probing)))
    session.take(look("1"), step("compat", query=SENT_AS_URL), look("1"))
    assert probing.probes == 2
    session.answer(PNG)
    assert probing.probes == 2
    ((_, planned),) = session.decided
    assert isinstance(planned, list)
    assert [b"cG5n" in one.call.request.body for one in planned] == [True, False, True]
    assert b"https://x.test/1" in planned[1].call.request.body, "its provider takes the URL"


def test_a_denied_request_costs_no_fetch() -> None:
    session = Session(SEES)
    session.take(look("1"))
    session.answer(Denied(403))
    assert session.asked == ["Admit"]
    ((_, fault),) = session.decided
    assert isinstance(fault, Denial)


def test_a_request_with_a_key_that_cannot_be_used_costs_no_fetch() -> None:
    session = Session(SEES)
    session.take(look("1"))
    session.answer(Admitted())
    session.answer(Key(Secret("no\nkey")))
    assert session.asked == ["Admit", "FindKey"]
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)


def test_media_are_fetched_at_once_if_nothing_else_is_asked() -> None:
    session = Session(GatewaySettings(fetch_media=True))
    session.take(look("1", "2"), look("2"))
    assert session.asked == ["FetchMedia", "FetchMedia"]
    assert session.left == [0.0], "its session is told that it waits"
    session.answer(PNG)
    assert session.decided == []
    session.next -= 1
    session.answer(PNG)
    ((_, planned),) = session.decided
    assert isinstance(planned, list)
    assert [one.call.request.body.count(b"cG5n") for one in planned] == [2, 1]


def test_media_that_the_host_does_not_have_refuse_the_request() -> None:
    session = Session(GatewaySettings(fetch_media=True))
    session.take(look("1"), look("1"))
    session.answer(Unavailable())
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)
    assert fault.detail.startswith("step 0: ")
    assert fault.detail.endswith("The host gave nothing for its URL.")


def test_too_many_media_are_not_asked_for() -> None:
    session = Session(GatewaySettings(fetch_media=True))
    session.take(look("1", "2", "3"))
    assert session.asked == []
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.LIMIT_EXCEEDED


def test_media_of_which_each_step_has_a_copy_are_counted_so_often() -> None:
    session = Session(GatewaySettings(fetch_media=True))
    session.take(look("1"), look("1"), look("1"))
    session.answer(FetchedMedia(b"x" * 1200, "image/png"))  # 1600 bytes of base64, three times
    ((_, fault),) = session.decided
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.LIMIT_EXCEEDED


@pytest.mark.parametrize("fetches", [False, True])
def test_after_the_end_of_its_session_nothing_is_told_and_nothing_is_held(*, fetches: bool) -> None:
    session = Session(GatewaySettings(fetch_media=True) if fetches else ASKS)
    session.take(look("1", "2") if fetches else step())
    gc.disable()
    try:
        session.intake.close()
        session.answer(PNG if fetches else Denied(403))
        assert session.decided == []
        assert not session.events
        assert session.services.unanswered == 0
        gc.collect()
        del session.intake
        assert gc.collect() == 0, "it had a cycle"
    finally:
        gc.enable()
