"""Which sessions count together."""

from aigw_sansio.config import Config
from aigw_sansio.downstream.addresses import ClientAddresses
from aigw_sansio.engine.services import Services
from aigw_sansio.ids import ConnId
from aigw_sansio.sessions.clients import Clients

STRANGER, PROXY = "192.0.2.1:5000", "198.51.100.9:443"
OPEN = {ConnId(1), ConnId(2), ConnId(3)}


def test_all_of_one_connection_and_of_a_trusted_proxy_each_by_itself() -> None:
    services = Services(Config(trusted_proxies=("198.51.100.0/24",)), b"a seed of sixteen", 0.0)
    clients = Clients(services, ClientAddresses(services.config.trusted_proxies), OPEN)
    first = clients.of(ConnId(1), STRANGER)
    assert clients.of(ConnId(1), STRANGER) is first
    assert clients.of(ConnId(2), STRANGER) is not first
    assert clients.of(ConnId(3), PROXY) is not clients.of(ConnId(3), PROXY)
    clients.closed(ConnId(1))
    clients.closed(ConnId(3))
    assert clients.of(ConnId(1), STRANGER) is not first


def test_nothing_is_kept_for_a_connection_that_is_gone() -> None:
    services = Services(Config(), b"a seed of sixteen", 0.0)
    clients = Clients(services, ClientAddresses(()), OPEN)
    gone = ConnId(4)
    clients.closed(gone)
    late = clients.of(gone, STRANGER)
    assert clients.of(gone, STRANGER) is not late
