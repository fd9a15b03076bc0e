"""All ways to mask give the same bytes."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.processes import run

from aigw_sansio.wires.websocket import masking

KEYS = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=40), KEYS)
def test_masking_is_defined_by_the_rfc(data: bytes, key: bytes) -> None:
    expected = bytes(byte ^ key[at % 4] for at, byte in enumerate(data))
    assert masking.apply_mask(data, key) == expected
    assert masking.mask_by_integer(data, key) == expected
    assert masking.mask_by_translation(data, key) == expected


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8193, 65536])
@given(key=KEYS)
def test_all_forms_agree_on_large_payloads(size: int, key: bytes) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    view = memoryview(data)[3 : 3 + size]
    masked = masking.mask_by_integer(view, key)
    assert masking.mask_by_translation(view, key) == masked
    assert masking.apply_mask(view, key) == masked
    assert masking.apply_mask(masked, key) == view
    assert type(masked) is type(masking.apply_mask(view, key)) is bytes


def test_without_the_extra_the_pure_form_is_chosen() -> None:
    script = (
        "import sys; sys.modules['websockets'] = None\n"
        "from aigw_sansio.wires.websocket import masking\n"
        "for size in (0, 5, 4096, 4097, 70000):\n"
        "    data = bytes(range(256)) * (size // 256 + 1)\n"
        "    masked = masking.apply_mask(data[:size], b'1234')\n"
        "    assert masked == masking.mask_by_integer(data[:size], b'1234'), size\n"
        "print(masking.apply_mask.__name__)"
    )
    done = run([sys.executable, "-c", script])
    assert (done.stdout, done.stderr) == ("_mask\n", "")
