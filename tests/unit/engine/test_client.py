"""Who asks: client connections are counted by gateway, whatever number of sessions each has."""

from aigw_sansio.engine.client import Client, Requester, Requesters


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
