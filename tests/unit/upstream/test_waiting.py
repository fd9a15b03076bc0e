"""Whose turn it is: by gateway, then by client, then the oldest."""

from tests.rigs.core_rig import Handler, Rig, request

from aigw_sansio.engine.client import Client, Requester
from aigw_sansio.origin import Origin
from aigw_sansio.upstream.call import UpstreamCall
from aigw_sansio.upstream.waiting import WaitingCalls


class Line:
    """Calls with names, in one line."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.calls = WaitingCalls()
        self.names: dict[UpstreamCall, str] = {}
        self.clients: dict[str, Requester] = {}

    def add(self, gateway: str, client: str, name: str) -> UpstreamCall:
        requester = self.clients.setdefault(client, Requester(gateway, Client()))
        call = UpstreamCall(
            self.rig.pool,
            Origin("https", "up.test", 443),
            request(),
            handler=Handler(),
            connect_timeout_s=1.0,
            requester=requester,
        )
        self.names[call] = name
        self.calls.add(call)
        return call

    def serve(self) -> str:
        _, calls, _ = next(iter(self.calls.in_turn()))
        call = next(iter(calls))
        self.calls.served(call)
        assert self.calls.remove(call)
        return self.names[call]


def test_turns_go_by_gateway_then_by_client_then_by_age() -> None:
    line = Line()
    for gateway, client, count in (("a/a", "greedy", 4), ("a/a", "modest", 2), ("b/b", "late", 2)):
        for number in range(count):
            line.add(gateway, client, f"{client}{number}")
    assert len(line.calls) == 8
    assert [line.serve() for _ in range(8)] == [
        "greedy0", "late0", "modest0", "late1", "greedy1", "modest1", "greedy2", "greedy3",
    ]  # fmt: skip
    assert (len(line.calls), list(line.calls), list(line.calls.in_turn())) == (0, [], [])


def test_a_call_without_a_requester_waits_like_another() -> None:
    line = Line()
    call = UpstreamCall(
        line.rig.pool, Origin("https", "up.test", 443), request(), handler=Handler(), connect_timeout_s=1.0
    )
    line.names[call] = "nobody's"
    line.calls.add(call)
    line.calls.add(call)
    line.add("a/a", "one", "one")
    assert len(line.calls) == 2
    assert [line.serve(), line.serve()] == ["nobody's", "one"]
    assert not line.calls.remove(call)


def test_removing_one_keeps_the_order_of_the_others() -> None:
    line = Line()
    first = line.add("a/a", "one", "first")
    line.add("a/a", "one", "second")
    line.add("a/a", "two", "third")
    assert line.calls.remove(first)
    assert [line.names[call] for call in line.calls] == ["second", "third"]
