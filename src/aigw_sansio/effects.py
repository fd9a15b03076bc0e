"""Effects: what the core tells its driver to do, and the questions it asks its host.

Data only. The closed list of effects, questions and their answers. Must not know: how any of them is carried out.

After every call into :class:`aigw_sansio.gateway.Gateway` the driver takes ``effects()`` and executes them in order.
Effects carry no bytes: :class:`Flush` says that there are some, and the driver pulls them.
"""

from typing import TypeAlias

import msgspec

from .events import Event
from .ids import AskId, ConnId
from .secret import Secret


class Tls(msgspec.Struct, frozen=True):
    """How to secure a dialled connection.

    ``server_hostname`` is sent as SNI and checked against the certificate. ``ca_file``, if a provider's setting names
    one, replaces the system's trust store.
    """

    server_hostname: str
    ca_file: str | None = None


class Connect(msgspec.Struct, frozen=True):
    """Dial ``host``:``port`` and report ``connected(conn, alpn)`` or ``connect_failed(conn, reason)``.

    ``tls`` is ``None`` for plain TCP. ``alpn``: the protocol ids to offer, best first; may be empty.
    """

    conn: ConnId
    host: str
    port: int
    tls: Tls | None
    alpn: tuple[str, ...]


class Flush(msgspec.Struct, frozen=True, gc=False):
    """``conn`` has bytes to send: pull them with ``data_to_send(conn)`` (duties 4 and 5 of a driver)."""

    conn: ConnId


class PauseReading(msgspec.Struct, frozen=True, gc=False):
    """Stop reading ``conn``. One read already under way may still be delivered."""

    conn: ConnId


class ResumeReading(msgspec.Struct, frozen=True, gc=False):
    """Read ``conn`` again."""

    conn: ConnId


class Close(msgspec.Struct, frozen=True, gc=False):
    """End ``conn``, then report ``closed(conn)``.

    Without ``abort``: send all bytes that can still be pulled, then close. With ``abort``: close now and drop unsent
    bytes. Both cancel a dial under way.
    """

    conn: ConnId
    abort: bool


class Continue(msgspec.Struct, frozen=True, gc=False):
    """Work is left, because one call does only so much. Serve each ready socket once, then call ``proceed(now)`` (duty
    10 of a driver). It comes again if work is left after that."""


class Authenticate(msgspec.Struct, frozen=True):
    """May the client that presents ``token`` use this gateway? Answered by :class:`Authenticated`; default: refused.

    Asked only if no token of the settings matches. ``token`` is ``None`` if the client presented none.
    """

    account: str
    gateway: str
    token: Secret | None


class Authenticated(msgspec.Struct, frozen=True):
    """The answer to :class:`Authenticate`. ``principal`` names the client in events; it is not secret."""

    allowed: bool
    principal: str | None = None


class ReadMetrics(msgspec.Struct, frozen=True):
    """What is the text of ``/metrics``? Answered by :class:`Metrics`; default: there is none (404)."""


class Metrics(msgspec.Struct, frozen=True):
    """The answer to :class:`ReadMetrics`: a body and its media type."""

    body: bytes
    content_type: str = "text/plain; version=0.0.4; charset=utf-8"


class Sign(msgspec.Struct, frozen=True):
    """What is the signature of ``message`` by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3)? Answered by
    :class:`Signed`; default: none, and the call that needs it fails.

    ``key`` is a private key in PEM (PKCS #8), from the settings or from a client, so its text is not trusted.
    """

    key: Secret
    message: bytes


class Signed(msgspec.Struct, frozen=True):
    """The answer to :class:`Sign`. Its ``repr`` hides the signature: together with the message it grants access to the
    account."""

    signature: bytes

    def __repr__(self) -> str:
        return f"Signed({len(self.signature)} bytes)"


class Unavailable(msgspec.Struct, frozen=True):
    """The host cannot answer, whatever the question: the core takes the question's default."""


Question: TypeAlias = Authenticate | ReadMetrics | Sign
Answer: TypeAlias = Authenticated | Metrics | Signed | Unavailable

#: The class of the answer to each question.
ANSWER_TYPE: dict[type[Question], type[Answer]] = {
    Authenticate: Authenticated,
    ReadMetrics: Metrics,
    Sign: Signed,
}


class Ask(msgspec.Struct, frozen=True):
    """Look up what the core cannot know, then call ``answer(id, value)``.

    Only the part of the core that asked waits. At ``deadline`` (monotonic seconds) the core takes the question's
    default and ignores a later answer.
    """

    id: AskId
    question: Question
    deadline: float


class Emit(msgspec.Struct, frozen=True):
    """An event for the host. It needs no action."""

    event: Event


Effect: TypeAlias = Connect | Flush | PauseReading | ResumeReading | Close | Ask | Emit | Continue
