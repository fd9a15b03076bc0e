"""Workarounds for h2: its configuration, and corrections of its state from outside.

Decides: nothing about the protocol. All code that depends on h2's internals is here, so there is one module to check
against a new version of h2 (``tests/unit/wires/http2/test_repairs.py`` has a test for each). Must not know: our streams
and events.
"""

from collections.abc import Iterable
from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.settings import SettingCodes, Settings
from hpack import Encoder

from ..head_memo import HeaderSection

#: How many ended streams h2 remembers. Its default of 65,536 takes 6 MB for each connection.
REMEMBERED: Final = 1024
#: The largest compression table that the peer may have us keep for it (RFC 7541 section 4.2).
_TABLE: Final = 4096
#: A length that is not put into the table, where it would drive out fields that come again (RFC 7541 section 6.2.2).
#: Its name is entry 28 of the static table.
_LENGTH: Final = b"\x0f\x0d"


class _Connection(H2Connection):
    MAX_CLOSED_STREAMS = REMEMBERED


class _Encoder(Encoder):
    """Compresses a section anew only if that may give something else than before, or must change the table: a section
    that has just put entries there is compressed once more, to references, on every connection."""

    def __init__(self) -> None:
        super().__init__()
        self.section: HeaderSection | None = None  #: in place of the fields that h2 hands over next
        self.length: bytes | None = None  #: the length of the body, behind them

    def encode(self, headers: Iterable[tuple[bytes, bytes]], *, huffman: bool = True) -> bytes:  # type: ignore[override]
        section, self.section = self.section, None
        if section is None:
            return super().encode(headers, huffman)
        table = self.header_table
        entries = table.dynamic_entries
        block = section.block
        if (
            block is None
            or table.resized
            or section.count != len(entries)
            or section.size != table.maxsize
            or (entries and section.first is not entries[0])
        ):
            first, count = entries[0] if entries else None, len(entries)
            section.first, section.count, section.size = first, count, table.maxsize
            announces = table.resized
            block = super().encode(section.fields, huffman)
            # Sent again without us, what adds an entry would add it to the peer's table only.
            adds = len(entries) != count or (entries and entries[0] is not first)
            section.block = None if announces or adds else block
        return block if self.length is None else b"%b%b%c%b" % (block, _LENGTH, len(self.length), self.length)


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
    conn.encoder = _Encoder()
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


def send_request(
    conn: H2Connection, stream: int, section: HeaderSection, length: bytes | None, *, end_stream: bool
) -> None:
    """Open ``stream`` with the fields of ``section`` and the ``length`` of the body, if it is to be told. h2 looks at
    few of the fields, and copies all that it gets several times: so it gets few."""
    encoder = conn.encoder
    assert isinstance(encoder, _Encoder)
    encoder.section, encoder.length = section, length
    try:
        conn.send_headers(stream, section.named, end_stream=end_stream)
    finally:
        encoder.section = None


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
    next header section; the smallest and the last are enough (RFC 7541 section 4.2). hpack forgets them if the peer
    names the same size again."""
    encoder = conn.encoder
    if encoder.header_table_size > _TABLE:
        encoder.header_table_size = _TABLE
    changes = encoder.table_size_changes
    encoder.header_table.resized = bool(changes)
    if len(changes) > 1:
        encoder.table_size_changes = [min(changes), changes[-1]]


def release(conn: H2Connection) -> None:
    """Call it last: h2's connection refers to its own methods, and its streams to it. Until the cycle collector comes
    it would keep what it has read, decoded and written."""
    conn._frame_dispatch_table.clear()
    conn.streams.clear()
