"""A response in a store: what comes back is what went in, whatever somebody else has put there."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.responses.memory import Conversation, Remembered
from aigw_sansio.dialects.responses.stored import as_stored, from_stored

MODEL = msgspec.Raw(b'"m"')


def test_it_comes_back_as_it_was() -> None:
    conversation = Conversation().with_items(b'{"type":"function_call","call_id":"c"}', ["c"]).with_items(b'{"a":1},{}')
    content = as_stored(Remembered("r", conversation, MODEL))
    assert content is not None
    found = from_stored("r", content)
    assert found is not None
    assert (found.id, bytes(found.model), found.conversation.calls, found.conversation.base) == (
        "r",
        b'"m"',
        {"c"},
        None,
    )
    assert b",".join(found.conversation.items) == b",".join(conversation.items)
    empty = as_stored(Remembered("r", Conversation(), MODEL))
    assert empty is not None
    assert from_stored("r", empty) == Remembered("r", Conversation(), MODEL)


def test_what_only_a_provider_knows_is_not_stored() -> None:
    assert as_stored(Remembered("r", Conversation(base="r0").with_items(b"{}"), MODEL)) is None


@given(st.binary(max_size=60) | st.sampled_from([b'{"model":"m","items":[1,"x",null]}', b'{"model":"m","items":{}}']))
def test_no_bytes_raise(content: bytes) -> None:
    from_stored("r", content)
