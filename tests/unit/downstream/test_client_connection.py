"""Which connection a client gets, by the protocol that TLS chose."""

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.downstream.client_connection import client_connection
from aigw_sansio.downstream.connection_limits import TurnAway
from aigw_sansio.downstream.http1 import Http1DownstreamConnection
from aigw_sansio.downstream.http2 import Http2DownstreamConnection
from aigw_sansio.faults import Fault, FaultKind, Side


@pytest.mark.parametrize(("alpn", "kind"), [
    ("h2", Http2DownstreamConnection),
    ("http/1.1", Http1DownstreamConnection),
    ("h3", Http1DownstreamConnection),
    (None, Http1DownstreamConnection),
])  # fmt: skip
@pytest.mark.parametrize("proxied", [True, False])
def test_only_h2_is_http2(alpn: str | None, kind: type, proxied: bool) -> None:
    services = Rig().services
    fault = Fault(FaultKind.OVERLOADED, Side.GATEWAY, "too many")
    made = client_connection(
        services,
        services.issue_conn(),
        alpn,
        peer="192.0.2.1:1",
        handler=TurnAway(services, fault, "192.0.2.1"),
        now=0.0,
        local=None,
        draining=False,
        proxied=proxied,
    )
    assert type(made) is kind
    assert made.peer == "192.0.2.1:1"
    if isinstance(made, Http2DownstreamConnection):
        assert made.proxied is proxied
