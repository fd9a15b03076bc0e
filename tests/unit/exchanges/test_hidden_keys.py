"""Which chunks of a response are searched for keys. How they are found: ``test_redaction``; in any cuts:
``test_response``."""

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.exchanges.hidden_keys import ALL, HiddenKeys

KEY = b"canary-of-a-key-0123456789"
PLAIN = b'data: {"text":"is blue"}\n\n'


def test_an_ordinary_piece_is_not_searched_unless_a_chunk_began_before_it() -> None:
    keys = HiddenKeys((KEY,))
    assert keys.search(PLAIN, began=False) == 0
    assert keys.search(PLAIN, began=True) == 1
    assert not keys.guard(PLAIN)
    assert keys.guard(PLAIN + KEY)
    assert keys.search(PLAIN + KEY, began=False) == ALL


def test_what_is_left_unread_of_a_suspicious_piece_is_searched() -> None:
    keys = HiddenKeys((KEY,))
    assert keys.search(PLAIN + KEY, began=False) == ALL
    assert keys.search(b"", began=True, unread=True) == ALL
    assert keys.search(PLAIN, began=True, unread=True) == ALL
    assert keys.search(PLAIN, began=True, unread=False) == 1


def test_what_follows_a_beginning_is_searched() -> None:
    keys = HiddenKeys((KEY,))
    assert keys.chunk(Chunk(b'{"text":"canary-of-a-"}')).data == b'{"text":"***"}'
    assert keys.guard(PLAIN)
    assert keys.search(PLAIN, began=False) == ALL
    assert keys.chunk(Chunk(b'{"text":"key-0123456789"}')).data == b'{"text":"***"}'
    assert keys.search(PLAIN, began=False) == 0


def test_payloads_that_are_coded_inside_are_always_searched() -> None:
    keys = HiddenKeys((KEY,))
    assert keys.begin("a/b", Framing.AWS_EVENT_STREAM) == "a/b"
    for _ in range(2):
        assert keys.guard(PLAIN)
        assert keys.search(PLAIN, began=False) == ALL
        assert keys.chunk(Chunk(b"{}")) == Chunk(b"{}")


def test_texts_names_and_heads() -> None:
    keys = HiddenKeys((KEY,))
    assert keys.text(b"a " + KEY) == b"a ***"
    assert keys.begin("a/" + KEY.decode(), Framing.SSE) == "a/***"
    assert keys.begin(None, Framing.SSE) is None
    assert keys.headers([(b"x", KEY), (KEY, b"y")]) == [(b"x", b"***"), (b"***", b"y")]
    same = Chunk(b"{}", event="content_block_delta")
    assert keys.chunk(same) is same
    assert keys.chunk(Chunk(b"{}", event=KEY.decode())).event == "***"


def test_a_key_in_what_is_put_in_lower_case() -> None:
    """Names of fields and the media type are: the key's letters are still there to be read."""
    key = b"Canary-Of-A-KEY-0123456789"
    keys = HiddenKeys((key,))
    assert keys.begin("a/" + key.decode().lower(), Framing.SSE) == "a/***"
    assert keys.headers([(key.lower() + b"-request-id", b"1")]) == [(b"***-request-id", b"1")]
    assert keys.text(key.lower()) == key.lower(), "elsewhere the letters say that it is no key"
