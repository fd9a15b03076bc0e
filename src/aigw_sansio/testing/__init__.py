"""Hypothesis strategies for protocol tests: WebSocket, HTTP bodies, messages of clients, and prompts.

Decides: which inputs are worth trying, and what a correct reader must report for them. Must not know: any
implementation; they work for another library as well as for this one. Needs ``hypothesis``, which no other module here
imports.

Each strategy for valid input gives the bytes together with their meaning, so a test reads like this::

    from hypothesis import given
    from aigw_sansio.testing import cuts, message_streams

    @given(message_streams(masked=True).flatmap(lambda stream: tuples(just(stream), cuts(stream.data))))
    def test_my_server(case):
        stream, pieces = case
        assert my_reader(pieces) == stream.messages

``tests/examples/findings_in_wsproto.py`` runs them against another library and shows what they find.
"""

from .clients import (
    BrokenMessage,
    ResponsesCreate,
    broken_responses_messages,
    responses_creates,
    responses_messages,
    universal_messages,
)
from .prompts import prompts
from .wire import (
    KEY,
    Bomb,
    BrokenFrame,
    MessageStream,
    ProviderStream,
    apply_key,
    bombs,
    broken_frames,
    broken_handshakes,
    chunked_bodies,
    close_frames,
    cut_at,
    cuts,
    event_streams,
    frame,
    handshake,
    line_streams,
    message_streams,
)

__all__ = [
    "KEY",
    "Bomb",
    "BrokenFrame",
    "BrokenMessage",
    "MessageStream",
    "ProviderStream",
    "ResponsesCreate",
    "apply_key",
    "bombs",
    "broken_frames",
    "broken_handshakes",
    "broken_responses_messages",
    "chunked_bodies",
    "close_frames",
    "cut_at",
    "cuts",
    "event_streams",
    "frame",
    "handshake",
    "line_streams",
    "message_streams",
    "prompts",
    "responses_creates",
    "responses_messages",
    "universal_messages",
]
