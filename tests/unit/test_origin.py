"""Origins: the identity by which requests share a connection, and the ``Host`` field."""

import msgspec
import pytest

from aigw_sansio.origin import Origin

ORIGIN = Origin("https", "api.example", 443)


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin("https", "api.example", 443), "api.example"),
        (Origin("http", "api.example", 80), "api.example"),
        (Origin("https", "api.example", 80), "api.example:80"),
        (Origin("http", "api.example", 443), "api.example:443"),
        (Origin("https", "::1", 443), "[::1]"),
        (Origin("http", "2001:db8::1", 8080), "[2001:db8::1]:8080"),
        (Origin("http", "127.0.0.1", 11434), "127.0.0.1:11434"),
    ],
)
def test_authority(origin: Origin, authority: str) -> None:
    assert origin.authority == authority


def test_equal_origins_are_one_key() -> None:
    assert {ORIGIN: 1}[Origin("https", "api.example", 443, None, "auto")] == 1


@pytest.mark.parametrize(
    "change", [{"scheme": "http"}, {"host": "b"}, {"port": 444}, {"ca_file": "ca.pem"}, {"http2": "off"}], ids=str
)
def test_origins_that_differ_in_anything_do_not_share_a_connection(change: dict[str, object]) -> None:
    """Trust and protocol count: a connection checked against one CA must not carry the requests of another."""
    other = msgspec.structs.replace(ORIGIN, **change)
    assert other != ORIGIN
    assert other not in {ORIGIN: 1}
    assert set(change) <= set(Origin.__struct_fields__)


def test_every_field_of_an_origin_is_part_of_its_identity() -> None:
    assert set(Origin.__struct_fields__) == {"scheme", "host", "port", "ca_file", "http2"}


def test_an_origin_does_not_change() -> None:
    with pytest.raises(AttributeError):
        ORIGIN.port = 1  # type: ignore[misc]
