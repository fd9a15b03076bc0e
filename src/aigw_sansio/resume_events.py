"""What happens to a session that outlives its connections (client protocol, section 8). Data only."""

import msgspec

from .ids import ConnId


class SessionDetached(msgspec.Struct, frozen=True, tag_field="type", tag="session.detached"):
    """The connection of a session that can be resumed was lost; the session goes on without one, and its exchanges run.
    :class:`SessionResumed` or :class:`~.events.SessionEnded` follows. ``unacknowledged``: messages that are kept for
    the client so far.
    """

    session: int
    conn: ConnId
    reason: str
    unacknowledged: int


class SessionResumed(msgspec.Struct, frozen=True, tag_field="type", tag="session.resumed"):
    """The client of a session came back on the connection ``conn``, from ``peer``.

    ``away_s``: how long there was no connection; 0 if the old one had not been lost yet, which is closed then.
    ``again``: how many messages are sent to the client again, or for the first time.
    """

    session: int
    conn: ConnId
    peer: str
    away_s: float
    again: int
