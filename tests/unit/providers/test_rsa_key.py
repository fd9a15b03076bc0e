"""How large an RSA key is, from its text alone."""

from base64 import b64encode

import pytest

from aigw_sansio.providers.rsa_key import rsa_bits


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1))


def pem(label: str, content: bytes) -> str:
    return f"-----BEGIN {label}-----\n{b64encode(content).decode()}\n-----END {label}-----\n"


def pkcs1(bits: int) -> bytes:
    return der(0x30, integer(0) + integer((1 << bits) - 1) + integer(65537))


def pkcs8(bits: int) -> bytes:
    algorithm = der(0x30, der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") + der(5, b""))
    return der(0x30, integer(0) + algorithm + der(4, pkcs1(bits)))


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
