"""A realtime client about which the host is asked: what it is told, and that a client that leaves ends it."""

import pytest
from tests.peers.reference_driver import End, Link, PerfectDriver
from tests.peers.websocket_client import WsClient, upgrade_request
from tests.peers.websocket_provider import WsProvider

from aigw_sansio import (
    Admit,
    Admitted,
    Allowance,
    Ask,
    Authenticated,
    Config,
    Count,
    Counted,
    Denied,
    Effect,
    FindKey,
    Gateway,
    GatewaySettings,
    Question,
    QuotaRule,
    SessionEnded,
    Timeouts,
    UpgradeRefused,
)
from aigw_sansio.config import Policy

ASKS = GatewaySettings(ask=("admit", "find_key"))


class Host(PerfectDriver):
    """Keeps the questions."""

    def __init__(self, settings: GatewaySettings = ASKS) -> None:
        config = Config(gateways={"local/default": settings}, timeouts=Timeouts(session_s=100.0))
        super().__init__(Gateway(config, b"a seed of sixteen", 0.0), "whole", 1)
        self.asked: list[Question] = []

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Ask):
            self.asked.append(effect.question)
        super()._carry_out(effect)

    def client(self, path: str, *headers: tuple[str, str]) -> Link:
        client = WsClient()
        link = self.open_client(client)
        self.send(link, client.request(upgrade_request(f"/v1/local/default/{path}", [*headers])))
        return link


def test_what_the_host_is_told() -> None:
    host = Host()
    host.client("openai?model=gpt%2Drealtime", ("cf-aig-metadata", '{"a":1}'), ("cf-aig-byok-alias", "lab"))
    host.answer(1, Admitted())
    admit = Admit(None, "local", "default", "openai", "/v1/realtime", "gpt-realtime", 0, {"a": 1})
    assert host.asked == [admit, FindKey(None, "local", "default", "openai", "lab")]


def test_the_path_is_the_clients_if_it_names_one() -> None:
    host = Host(GatewaySettings(ask=("admit",)))
    host.client("elevenlabs/v1/convai/conversation?agent_id=a", ("xi-api-key", "k"))
    (question,) = host.asked
    assert isinstance(question, Admit)
    assert (question.provider, question.endpoint, question.model) == ("elevenlabs", "v1/convai/conversation", None)


@pytest.mark.parametrize("answered", [0, 1])
def test_a_client_that_leaves_withdraws_the_question(answered: int) -> None:
    host = Host()
    link = host.client("openai?model=m")
    for ask in range(answered):
        host.answer(1 + ask, Admitted())
    host.end(link, End.RESET)
    assert host.core.snapshot()["asks"] == 0
    assert [event.status for event in host.events if isinstance(event, UpgradeRefused)] == [499]
    host.answer(1 + answered, Denied(403))
    assert len(host.events) == 1
    assert not any(host.core.snapshot().values())


def test_a_longest_life_of_one_client() -> None:
    host = Host(GatewaySettings(authentication=True))
    host.client("openai?model=m", ("authorization", "Bearer k"))
    host.answer(1, Authenticated(True, "alice", Allowance(session_s=20.0)))
    provider = WsProvider()
    link = next(link for link in host.links.values() if link.kind == "up")
    host.connected(link, provider, "http/1.1")
    host.send(link, provider.switch(101, []))
    host.advance(19.0)
    assert not [event for event in host.events if isinstance(event, SessionEnded)]
    host.advance(1.0)
    (ended,) = [event for event in host.events if isinstance(event, SessionEnded)]
    assert (ended.code, ended.duration_s) == (1001, 20.0)


@pytest.mark.parametrize("ask", [("count",), ("admit", "count")])
def test_a_client_that_leaves_while_it_is_counted_holds_no_place(ask: tuple[Policy, ...]) -> None:
    rate = QuotaRule(limit=9, window_s=60, id="rate")
    host = Host(GatewaySettings(ask=ask, rate_limit=rate, concurrency=1))
    for turn in range(2):
        link = host.client("openai?model=m")
        first = turn * (len(ask) + 1) + 1
        if len(ask) > 1:
            host.answer(first, Admitted())
            first += 1
        assert isinstance(host.asked[-1], Count)
        if turn == 0:
            host.end(link, End.RESET)
            refused = [event for event in host.events if isinstance(event, UpgradeRefused)]
            assert [event.reason for event in refused] == ["the client left before its quotas were known"]
            host.answer(first, Counted())
            assert not [link for link in host.links.values() if link.kind == "up"]
            told = host.asked[-1]
            assert isinstance(told, Count)
            assert told.places is not None
            assert (told.counters, told.places.running, told.places.limit) == ((), 0, None)
    assert len(host.asked) == 2 * len(ask) + 1


def test_a_drain_while_it_is_counted_refuses_it() -> None:
    host = Host(GatewaySettings(ask=("count",), rate_limit=QuotaRule(limit=9, window_s=60, id="rate")))
    host.client("openai?model=m")
    host.drain()
    host.answer(1, Counted())
    refused = [event for event in host.events if isinstance(event, UpgradeRefused)]
    assert [event.status for event in refused] == [503]


def test_a_client_that_leaves_while_its_provider_is_dialled_frees_its_place() -> None:
    rate = QuotaRule(limit=9, window_s=60, id="rate")
    host = Host(GatewaySettings(ask=("count",), rate_limit=rate, concurrency=1))
    link = host.client("openai?model=m")
    host.answer(1, Counted())
    host.end(link, End.RESET)
    host.answer(2, Counted())  # that it has left
    host.client("openai?model=m")
    host.answer(3, Counted())
    assert [event.status for event in host.events if isinstance(event, UpgradeRefused)] == [499]
