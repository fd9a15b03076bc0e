"""What a host gave for URLs of media."""

from aigw_sansio.prompt import Blob
from aigw_sansio.sessions.given_media import NOTHING_GIVEN, given_bytes


def test_only_content_counts() -> None:
    given = {"https://a.test/1": Blob("YWJj", "image/png"), "https://a.test/2": "it cannot be found"}
    assert given_bytes(given) == 4
    assert given_bytes(NOTHING_GIVEN) == 0
