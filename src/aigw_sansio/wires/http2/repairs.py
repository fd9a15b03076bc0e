"""Workarounds for h2: its configuration, and corrections of its state from outside.

Decides: nothing about the protocol. All code that depends on h2's internals is here, so there is one module to check
against a new version of h2 (``tests/unit/wires/http2/test_repairs.py`` has a test for each). Must not know: our streams
and events.
"""

from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.settings import SettingCodes, Settings

#: How many ended streams h2 remembers. Its default of 65,536 takes 6 MB for each connection.
REMEMBERED: Final = 1024
#: The largest compression table that the peer may have us keep for it (RFC 7541 section 4.2).
_TABLE: Final = 4096


class _Connection(H2Connection):
    MAX_CLOSED_STREAMS = REMEMBERED


def start(*, client: bool, settings: dict[SettingCodes, int], head_limit: int, stream_window: int) -> H2Connection:
    """A connection with preface and SETTINGS in its output.

    The settings must be replaced before the preface is written: changed later they would be announced twice, and a
    client would first offer push. :mod:`.fields` checks header sections, so h2's own checks are off; the server still
    joins cookies (RFC 9113 section 8.2.3). A server counts its streams itself, so it can refuse one too many: h2 would
    end the connection.
    """
    conn = _Connection(
        H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=False,
            normalize_inbound_headers=not client,
        )
    )
    conn.local_settings = Settings(
        client=client,
        initial_values=settings
        | {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: stream_window,
            SettingCodes.MAX_HEADER_LIST_SIZE: head_limit,
        },
    )
    conn.decoder.max_header_list_size = head_limit
    conn.initiate_connection()
    if not client:
        # The limit of streams is announced in the output; from now on h2 itself enforces none.
        conn.local_settings = Settings(client=False)
    return conn


def reopen(conn: H2Connection) -> None:
    """Call it after the peer's GOAWAY: h2 would refuse every further frame, but streams in flight may finish (RFC 9113
    section 6.8)."""
    conn.state_machine.state = ConnectionState.CLIENT_OPEN if conn.config.client_side else ConnectionState.SERVER_OPEN


def close_quietly(conn: H2Connection, stream: int) -> None:
    """Close ``stream`` in h2 without sending anything. h2's output must be empty, as it is after every call."""
    conn.reset_stream(stream)
    conn.clear_outbound_data_buffer()


def forget_length(conn: H2Connection, stream: int) -> None:
    """Stop h2 from comparing the body of ``stream``, which it does not see, with the declared length."""
    conn.streams[stream]._expected_content_length = None


def bound_table(conn: H2Connection) -> None:
    """Call it after the peer's SETTINGS. The peer's table size is only an upper bound. Changes are announced with our
    next header section; the smallest and the last are enough (RFC 7541 section 4.2)."""
    encoder = conn.encoder
    if encoder.header_table_size > _TABLE:
        encoder.header_table_size = _TABLE
    changes = encoder.table_size_changes
    if len(changes) > 2:
        encoder.table_size_changes = [min(changes), changes[-1]]


def release(conn: H2Connection) -> None:
    """Call it last: h2's connection refers to its own methods, and its streams to it. Until the cycle collector comes
    it would keep what it has read, decoded and written."""
    conn._frame_dispatch_table.clear()
    conn.streams.clear()
