"""The dialect of one session of Responses is made when a client asks for it."""

from aigw_sansio.config import Config
from aigw_sansio.dialects.responses.opening import open_dialect


def test_each_session_has_its_own() -> None:
    one, other = (open_dialect(Config(), provider=None, headers=(), keeps=bool) for _ in range(2))
    assert one is not other
    assert (one.mode, one.held) == ("responses", 0)
