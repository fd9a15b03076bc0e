"""Who asks: client connections are counted by gateway, whatever number of sessions each has."""

from aigw_sansio.engine.client import Client, Keeper, Requester, Requesters


def test_a_client_with_several_sessions_counts_once_in_each_gateway() -> None:
    requesters = Requesters()
    one, other = Client(), Client()
    for requester in (Requester("a/x", one), Requester("a/x", one), Requester("a/x", other), Requester("a/y", one)):
        requesters.entered(requester)
    assert (requesters.clients_of("a/x"), requesters.clients_of("a/y"), requesters.clients_of("a/z")) == (2, 1, 0)
    requesters.left(Requester("a/x", one))
    assert requesters.clients_of("a/x") == 2
    requesters.left(Requester("a/x", one))
    assert requesters.clients_of("a/x") == 1
    requesters.left(Requester("a/x", other))
    assert (requesters.clients_of("a/x"), requesters.clients_of("a/y")) == (0, 1)


class Kept:
    """Eight bytes for one session."""

    held = 8

    def __init__(self) -> None:
        self.closed: list[float] = []

    def close(self, now: float) -> None:
        self.closed.append(now)


def test_what_is_kept_for_a_session_ends_with_it() -> None:
    keeper, kept = Keeper(), Kept()
    keeper.close(1.0)
    assert keeper.held == 0
    keeper.kept = kept
    assert keeper.held == 8
    keeper.close(2.0)
    keeper.close(3.0)
    assert kept.closed == [2.0]
    assert keeper.held == 0
