"""The offer in a ClientHello of OpenSSL, in any cuts; and bytes that are none."""

import ssl
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_drivers.core.client_hello import ClientHello


def hello(*names: str) -> bytes:
    context = ssl.create_default_context()
    if names:
        context.set_alpn_protocols(list(names))
    out = ssl.MemoryBIO()
    made = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="gw.example")
    with pytest.raises(ssl.SSLWantReadError):
        made.do_handshake()
    return out.read()


def in_records(message: bytes, size: int) -> bytes:
    """The handshake message of one record in records of ``size`` bytes."""
    body = message[5:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


@pytest.mark.parametrize("names", [(), ("h2",), ("http/1.1", "h2"), ("ftp", "x" * 255)])
@given(cuts=st.sets(st.integers(1, 400), max_size=5), size=st.sampled_from([1, 50, 1 << 14]))
def test_the_offer(names: tuple[str, ...], cuts: set[int], size: int) -> None:
    data = in_records(hello(*names), size)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    reader = ClientHello()
    found = [reader.feed(data[start:end]) for start, end in pairwise(edges)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] == [name.encode() for name in names]


@given(st.binary())
def test_bytes_that_are_no_hello(data: bytes) -> None:
    assert ClientHello().feed(data) in (None, [])


@given(data=st.data())
def test_a_broken_hello_raises_nothing(data: st.DataObject) -> None:
    whole = bytearray(hello("h2", "http/1.1"))
    for at in data.draw(st.sets(st.integers(5, len(whole) - 1), max_size=4)):
        whole[at] = data.draw(st.integers(0, 255))
    ClientHello().feed(bytes(whole))


def test_one_that_is_too_long_is_for_tls_to_judge() -> None:
    record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes((1 << 14) - 4)
    reader = ClientHello()
    assert [reader.feed(record) for _ in range(4)][:3] == [None] * 3
    assert reader.feed(record) == []
