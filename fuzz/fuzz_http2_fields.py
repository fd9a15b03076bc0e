"""Any fields as a head or trailers of HTTP/2: a verdict, never more tolerant than h2's own, and no other field changed.

``python -m fuzz.fuzz_http2_fields --seconds 60``. An input is lines of ``name=value``.
"""

from fuzz._fuzz import main
from h2.exceptions import ProtocolError
from h2.utilities import HeaderValidationFlags, validate_headers
from hpack import HeaderTuple

from aigw_sansio.wires.http2.fields import RequestFields, outgoing, read_request, read_response, read_trailers

_REQUEST = b":method=CONNECT\n:protocol=websocket\n:scheme=https\n:authority=a\n:path=/v1/a/g?x=1"

SEEDS: list[bytes] = [
    _REQUEST + b"\nsec-websocket-version=13\ncookie=a=b\ncookie=c=d",
    b":method=GET\n:scheme=https\n:path=/\nhost=a\nte=trailers",
    b":method=CONNECT\n:authority=a:443",
    b":status=200\ncontent-type=text/event-stream\ncontent-length=5",
    b":status=103\nlink=x",
    b"grpc-status=0\nx= y",
    b"Upper=x\nconnection=close\n=empty\nx=a\0b",
]


def _h2_refuses(fields: list[tuple[bytes, bytes]], *, response: bool, trailer: bool) -> bool:
    flags = HeaderValidationFlags(
        is_client=response, is_trailer=trailer, is_response_header=response and not trailer, is_push_promise=False
    )
    try:
        list(validate_headers([HeaderTuple(*field) for field in fields], flags))
    except ProtocolError:
        return True
    return False


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    fields = [(name, value) for name, _, value in (line.partition(b"=") for line in data.split(b"\n"))]
    plain = [field for field in fields if field[0][:1] != b":"]
    request = read_request(fields)
    if isinstance(request, RequestFields):
        assert request.headers == plain
        assert request.authority
        assert not _h2_refuses(fields, response=False, trailer=False)
    for interim in (False, True):
        response = read_response(fields, interim=interim)
        if isinstance(response, tuple):
            assert response[1] == plain
            assert (100 <= response[0] < 200) is interim
            assert not _h2_refuses(fields, response=True, trailer=False)
    if read_trailers(fields) is None:
        assert not _h2_refuses(fields, response=True, trailer=True)
        sent = outgoing([(b":status", b"200")], fields)
        if not isinstance(sent, str):
            assert [tuple(field) for field in sent[1:]] == fields
            assert isinstance(read_response(sent), tuple)


if __name__ == "__main__":
    main(target, SEEDS)
