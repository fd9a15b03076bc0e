"""The vocabulary of the HTTP client wires."""

import inspect
from typing import Any

import msgspec
import pytest
from tests.rigs.compiled import needs_sources

from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.wires.http import (
    BodyData,
    ConnectionFailed,
    HttpClientWire,
    Request,
    ResponseEnd,
    ResponseHead,
    StreamFailed,
)
from aigw_sansio.wires.http1.client import Http1Client
from aigw_sansio.wires.http2.client import Http2Client

SECRET = "canary"
FAULT = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "reset")
#: What a wire is asked for: every public name of the protocol.
MEMBERS = {name: value for name, value in vars(HttpClientWire).items() if not name.startswith("_")}


def test_a_request_shows_no_secret() -> None:
    request = Request(
        b"POST",
        b"https",
        b"api.example",
        f"/v1/x?key={SECRET}".encode(),
        [(b"authorization", SECRET.encode())],
        SECRET.encode(),
    )
    assert SECRET not in repr(request)
    assert SECRET not in str(request)
    assert repr(request) == "Request(b'POST', b'api.example', b'/v1/x', 6 bytes)"


@pytest.mark.parametrize(
    "value",
    [
        Request(b"GET", b"https", b"a", b"/", [], b""),
        ResponseHead(1, 200, []),
        BodyData(1, b"x"),
        ResponseEnd(1),
        StreamFailed(1, FAULT),
        ConnectionFailed(FAULT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_do_not_change(value: msgspec.Struct) -> None:
    for field in value.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, field, None)


def test_data_of_http1_asks_for_no_credit_and_a_failure_was_perhaps_acted_on() -> None:
    """The defaults are the safe ones: nothing is consumed twice, nothing is sent again by mistake."""
    assert BodyData(1, b"x").flow == 0
    assert not StreamFailed(1, FAULT).unprocessed


@pytest.mark.parametrize("wire", [Http1Client(4096), Http2Client()], ids=["http1", "http2"])
@pytest.mark.parametrize("name", MEMBERS)
@needs_sources
def test_both_wires_have_every_member_with_the_same_arguments(wire: HttpClientWire, name: str) -> None:
    asked: Any = MEMBERS[name]
    made = getattr(wire, name)
    if isinstance(asked, property):
        assert isinstance(made, bool | int)
        return
    parameters = inspect.signature(made).parameters.values()
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    assert ["self", *required] == list(inspect.signature(asked).parameters)
