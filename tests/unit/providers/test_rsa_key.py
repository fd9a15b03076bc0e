"""How large an RSA key is, from its text alone."""

import pytest
from tests.rigs.rsa_keys import der, integer, pem, pkcs1, pkcs8

from aigw_sansio.providers.rsa_key import rsa_bits


@pytest.mark.parametrize("bits", [512, 1023, 2048, 4096, 6144, 16384])
def test_both_forms_are_read(bits: int) -> None:
    assert rsa_bits(pem("PRIVATE KEY", pkcs8(bits))) == bits
    assert rsa_bits(pem("RSA PRIVATE KEY", pkcs1(bits))) == bits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PEM canary",
        "-----BEGIN PRIVATE KEY-----",
        pem("PRIVATE KEY", b""),
        pem("PRIVATE KEY", b"\x30\x84\xff\xff\xff\xff"),
        pem("PRIVATE KEY", b"\x30\x80"),
        pem("PRIVATE KEY", pkcs1(2048)),
        pem("PRIVATE KEY", der(0x30, integer(0) + der(0x30, b"") + der(4, b"\x04\x00"))),
        "-----BEGIN PRIVATE KEY-----\nn\N{LATIN SMALL LETTER O WITH DIAERESIS} base64\n-----END PRIVATE KEY-----",
    ],
)
def test_what_is_no_key_has_no_size(text: str) -> None:
    assert rsa_bits(text) is None


def test_no_cut_of_a_key_is_misread() -> None:
    whole = pkcs8(2048)
    for end in range(0, len(whole) - 1, 7):
        assert rsa_bits(pem("PRIVATE KEY", whole[:end])) is None
