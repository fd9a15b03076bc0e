"""Which answers of a host are hits, and what is shown of them."""

from aigw_sansio.config import Limits
from aigw_sansio.effects import Hit, KeptResponse, Miss, Unavailable
from aigw_sansio.providers.cache_use import CacheUse, hit

KEPT = KeptResponse(((b"content-type", b"text/plain"),), b"canary")


def test_only_a_response_that_may_be_kept_is_a_hit() -> None:
    assert hit(Hit(KEPT), Limits(cache_bytes=6)) is KEPT
    assert hit(Hit(KEPT), Limits(cache_bytes=5)) is None
    assert hit(Miss(), Limits()) is None
    assert hit(Unavailable(), Limits()) is None


def test_no_content_is_shown() -> None:
    assert "canary" not in repr(CacheUse("a", "g", "name", 60, found=KEPT))
    assert "canary" not in repr(Hit(KEPT))
