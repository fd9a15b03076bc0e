"""Effects: what the core tells its driver to do, and the questions it asks its host.

Data only. The closed list of effects, questions and their answers. Must not know: how any of them is carried out.

After every call into :class:`aigw_sansio.gateway.Gateway` the driver takes ``effects()`` and executes them in order.
Effects carry no bytes of a connection: :class:`Flush` says that there are some, and the driver pulls them.
:class:`Accept` and :class:`Refuse` are for clients of ``open_messages`` alone, :class:`CloseMessages` for these and for
clients of ``open_local``.
"""

from typing import NamedTuple, TypeAlias

import msgspec

from .events import Event
from .ids import AskId, ConnId
from .secret import Secret, without_content


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
    """``conn`` has something to send: pull it with ``data_to_send(conn)`` (duties 4 and 5 of a driver), or with
    ``messages_to_send(conn)`` if it is a client of ``open_messages``, or with ``take_events(conn, limit)`` if it is one
    of ``open_local``."""

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


class Message(NamedTuple):
    """One message for a client of ``open_messages``. ``data`` is UTF-8 if ``text`` is true."""

    data: bytes
    text: bool


class Accept(msgspec.Struct, frozen=True):
    """Accept the WebSocket of ``conn``, a client of ``open_messages``, with this subprotocol; ``None``: without one.

    Then pass each message with ``receive_message``, and send what ``Flush`` announces.
    """

    conn: ConnId
    subprotocol: str | None

    def __repr__(self) -> str:  # a subprotocol may be a key
        return f"Accept({self.conn}, {'no' if self.subprotocol is None else 'a'} subprotocol)"


class Refuse(msgspec.Struct, frozen=True):
    """Refuse ``conn``, a client of ``open_messages``, with a plain HTTP response; then report ``closed(conn)``.

    A host that can only close sends no response. The names in ``headers`` are in lower case.
    """

    conn: ConnId
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Refuse({self.conn}, {self.status}, {len(self.body)} bytes)"


class CloseMessages(msgspec.Struct, frozen=True):
    """End ``conn``, an accepted client of ``open_messages`` or one of ``open_local``, then report ``closed(conn)``.

    Send all messages that can still be pulled, then close the WebSocket with ``code`` and ``reason``, which is at most
    123 bytes in UTF-8; 1000 without a reason also stands for a provider's close frame that has no code. A ``Close(conn,
    abort)`` may follow if that takes too long. A client of ``open_local`` has no WebSocket, and all the time it likes.
    """

    conn: ConnId
    code: int
    reason: str


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


class FetchMedia(msgspec.Struct, frozen=True):
    """What is at ``url``? A client wants it to be seen by a provider that takes content only. Answered by
    :class:`FetchedMedia`; default: nobody gives it, and the request is refused.

    Asked only if the gateway's setting ``fetch_media`` is on. ``url`` is ``http`` or ``https``, and *a client chose
    it*: the host decides where it may lead, redirects included, and sends none of its own credentials there. More than
    ``limit`` bytes are not taken.
    """

    account: str
    gateway: str
    principal: str | None
    url: str
    limit: int

    __repr__ = without_content  # a URL may hold a key


class FetchedMedia(msgspec.Struct, frozen=True):
    """The answer to :class:`FetchMedia`: the content and its media type. The ``repr`` shows their sizes."""

    content: bytes
    media_type: str

    __repr__ = without_content


class Unavailable(msgspec.Struct, frozen=True):
    """The host cannot answer, whatever the question: the core takes the question's default."""


Question: TypeAlias = Authenticate | ReadMetrics | Sign | FetchMedia
Answer: TypeAlias = Authenticated | Metrics | Signed | FetchedMedia | Unavailable

#: The class of the answer to each question.
ANSWER_TYPE: dict[type[Question], type[Answer]] = {
    Authenticate: Authenticated,
    ReadMetrics: Metrics,
    Sign: Signed,
    FetchMedia: FetchedMedia,
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


Effect: TypeAlias = (
    Connect | Flush | PauseReading | ResumeReading | Close | Accept | Refuse | CloseMessages | Ask | Emit | Continue
)
