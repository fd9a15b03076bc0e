"""Headers, whole frames and close payloads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import KEY, raw_frame

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.wires.websocket.frames import (
    LONGEST_HEADER,
    MASKED,
    RSV1,
    close_payload,
    cut_reason,
    encode_frame,
    encode_header,
    may_send_close,
    parse_header,
)


@pytest.mark.parametrize("mask_bit", [0, MASKED])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, (1 << 63) - 1])
def test_a_header_reads_back(size: int, mask_bit: int) -> None:
    key = b"kkkk" if mask_bit else b""
    header = encode_header(0x82, size, mask_bit) + key
    assert len(header) <= LONGEST_HEADER
    assert parse_header(b"??" + header, 2, mask_bit) == (2 + len(header), size)
    for there in range(2, len(header)):
        needed = parse_header(b"??" + header[:there], 2, mask_bit)
        assert isinstance(needed, int)
        assert there < needed <= len(header)


@pytest.mark.parametrize(
    ("head", "mask_bit", "says"),
    [
        (b"\x83\x00", 0, "reserved opcode 0x3"),
        (b"\x8b\x00", 0, "reserved opcode 0xb"),
        (b"\xc1\x00", 0, "reserved bit"),
        (b"\x81\x80", 0, "is masked"),
        (b"\x81\x00", MASKED, "not masked"),
        (b"\x09\x00", 0, "fragmented"),
        (b"\x89\x7e", 0, "longer than 125"),
        (b"\x89\x7f", 0, "longer than 125"),
        (b"\x81\x7e\x00\x7d", 0, "two bytes where one"),
        (b"\x81\x7f" + (65535).to_bytes(8), 0, "eight bytes where two"),
        (b"\x81\x7f" + (1 << 63).to_bytes(8), 0, "highest bit"),
    ],
)
def test_a_bad_header_says_what_is_wrong(head: bytes, mask_bit: int, says: str) -> None:
    found = parse_header(head, 0, mask_bit)
    assert isinstance(found, str)
    assert says in found


def test_an_extension_gives_its_bit_to_data_frames_only() -> None:
    assert parse_header(b"\xc1\x00", 0, 0, RSV1) == (2, 0)
    assert parse_header(b"\xe1\x00", 0, 0, RSV1) == "a frame has a reserved bit set that no extension uses"
    assert parse_header(b"\xc9\x00", 0, 0, RSV1) == "a control frame has a reserved bit set"


@given(first=st.sampled_from((0x81, 0x02, 0x8A)), size=st.sampled_from((0, 1, 125, 126, 65535, 65536)))
def test_a_frame_is_its_header_and_payload(first: int, size: int) -> None:
    payload = b"q" * size
    assert encode_frame(first, payload) == raw_frame(first, payload, masked=False)
    assert encode_frame(first, payload, KEY) == raw_frame(first, payload, masked=True)


def test_codes_that_may_be_sent() -> None:
    allowed = {code for code in range(-1, 70000) if may_send_close(code)}
    assert allowed == {*range(1000, 1004), *range(1007, 1014), *range(3000, 5000)}


@given(st.text())
def test_a_reason_is_cut_on_a_character_boundary(reason: str) -> None:
    cut = cut_reason(reason * 5)
    assert len(cut) <= 123
    whole = (reason * 5).encode("utf-8", "replace")
    assert whole.startswith(cut)
    assert len(whole) <= 123 or len(cut) >= 120
    assert cut.decode().encode() == cut


def test_a_reason_that_is_no_unicode_can_still_be_sent() -> None:
    assert cut_reason("a\ud800b") == b"a?b"


def test_close_payload() -> None:
    assert close_payload(None, "") == b""
    assert close_payload(1000, "x") == b"\x03\xe8x"
    for code, reason in ((1006, ""), (None, "x")):
        with pytest.raises(LocalProtocolError):
            close_payload(code, reason)
