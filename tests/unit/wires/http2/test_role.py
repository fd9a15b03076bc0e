"""The questions of an HTTP/2 connection to its role."""

import inspect

import pytest
from tests.rigs.compiled import needs_sources

from aigw_sansio.faults import Side
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.connection import Http2Connection
from aigw_sansio.wires.http2.role import Http2Role
from aigw_sansio.wires.http2.server import Http2Server

ROLES = pytest.mark.parametrize(("role", "peer"), [(Http2Client, Side.PROVIDER), (Http2Server, Side.CLIENT)])


@needs_sources
def test_a_connection_without_a_role_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Http2Connection(client=True, settings={}, head_limit=1, stream_window=65_535, window=65_535)


@needs_sources
@ROLES
def test_both_roles_answer_every_question(role: type[Http2Role[object]], peer: Side) -> None:
    assert inspect.isabstract(Http2Role)
    assert not inspect.isabstract(role)


@ROLES
def test_a_role_blames_its_peer(role: type[Http2Role[object]], peer: Side) -> None:
    (fault,) = [event.fault for event in role().connection_lost("reset")]
    assert fault.side is peer


@ROLES
def test_events_are_moved_out_once(role: type[Http2Role[object]], peer: Side) -> None:
    wire = role()
    wire._events.append("event")
    assert wire._take_events() == ["event"]
    assert wire._take_events() == []
