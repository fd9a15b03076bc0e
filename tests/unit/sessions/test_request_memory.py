"""What a request takes in memory before it is planned."""

from aigw_sansio.dialects.commands import Step
from aigw_sansio.sessions.request_memory import size_of


def test_a_step_counts_its_texts_its_content_and_its_objects() -> None:
    bare = size_of(Step("p", "e"))
    assert bare > 1000
    assert size_of(Step("p", "e", query=b"x" * 500)) == size_of(Step("p", "e", body=b"x" * 500)) == bare + 500
    assert size_of(Step("p", "e" * 101)) == bare + 200
    one = size_of(Step("p", "e", headers=[("name", "value")])) - bare
    assert one > len("namevalue")
    assert size_of(Step("p", "e", headers=[("name", "value")] * 3)) == bare + 3 * one
