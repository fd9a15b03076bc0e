"""h2 as the link needs it: how it is configured, and where its state is put right from outside.

Decides: nothing about the protocol; it holds every place that leans on how h2 is built inside, so that a new version
of h2 has one module to be checked against (``tests/test_h2_repairs.py`` pins each). Must not know: our streams and
events.
"""

from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.settings import SettingCodes, Settings

#: Streams whose end h2 remembers (its own 65,536 are 6 MB a connection).
REMEMBERED: Final = 1024
#: The most we let the peer make of the compression table we keep for it (RFC 7541 section 4.2).
_TABLE: Final = 4096


class _Connection(H2Connection):
    MAX_CLOSED_STREAMS = REMEMBERED


def start(*, client: bool, settings: dict[SettingCodes, int], head_limit: int, stream_window: int) -> H2Connection:
    """A connection whose preface and SETTINGS wait in its output.

    The settings are replaced before the preface: changed later they would be announced twice, and a client would
    offer push at first. Header sections are checked by :mod:`.h2_fields`, so h2's own checks are off; the server
    still joins cookies (RFC 9113 section 8.2.3). A server counts its streams itself, to refuse one too many: h2 would
    end the connection over it.
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
        # What was announced stands in the output; what h2 enforces from now on has no limit of streams.
        conn.local_settings = Settings(client=False)
    return conn


def reopen(conn: H2Connection) -> None:
    """After the peer's GOAWAY: h2 refuses every further frame, but streams in flight may finish (RFC 9113 section
    6.8)."""
    conn.state_machine.state = ConnectionState.CLIENT_OPEN if conn.config.client_side else ConnectionState.SERVER_OPEN


def close_quietly(conn: H2Connection, stream: int) -> None:
    """Close ``stream`` for h2 alone. Its output must be empty, as it is after every call."""
    conn.reset_stream(stream)
    conn.clear_outbound_data_buffer()


def forget_length(conn: H2Connection, stream: int) -> None:
    """h2 sees none of the body of ``stream``, so it must not compare its length with the declared one."""
    conn.streams[stream]._expected_content_length = None


def bound_table(conn: H2Connection) -> None:
    """After the peer's SETTINGS: its table size is a permission, not a duty, and changes of it are announced with
    our next header section, where the smallest and the last are enough (RFC 7541 section 4.2)."""
    encoder = conn.encoder
    if encoder.header_table_size > _TABLE:
        encoder.header_table_size = _TABLE
    changes = encoder.table_size_changes
    if len(changes) > 2:
        encoder.table_size_changes = [min(changes), changes[-1]]
