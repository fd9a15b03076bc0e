"""Effects: what the core tells its driver to do, and the questions it asks its host.

Decides: the closed list of effects, questions and their answers, and what each of them shows of itself. Must not know:
how any of them is carried out.

After every call into :class:`aigw_sansio.gateway.Gateway` the driver takes ``effects()`` and executes them in order.
Effects carry no bytes of a connection: :class:`Flush` says that there are some, and the driver pulls them.
:class:`Accept` and :class:`Refuse` are for clients of ``open_messages`` alone, :class:`CloseMessages` for these and for
clients of ``open_local``.
"""

import re
from math import inf
from typing import Final, NamedTuple, TypeAlias

import msgspec

from .events import Event
from .ids import AskId, ConnId, MetadataValue
from .origin import Proxy
from .quota_rules import Count, Counted
from .review import Released, Review, Stopped
from .secret import HeaderFields, Secret, without_content

_FIELD_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD_VALUE: Final = r"[ -~\t\x80-\xff]*"


class Tls(msgspec.Struct, frozen=True):
    """How to secure a dialled connection.

    ``server_hostname`` is sent as SNI and checked against the certificate. ``ca_file``, if a provider's setting names
    one, replaces the system's trust store.
    """

    server_hostname: str
    ca_file: str | None = None


class Connect(msgspec.Struct, frozen=True):
    """Dial ``host``:``port`` and report ``connected(conn, alpn)`` or ``connect_failed(conn, reason)``.

    ``tls`` is ``None`` for plain TCP. ``alpn``: the protocol ids to offer, best first; may be empty. With a ``proxy``
    dial that one instead, open a :class:`~aigw_sansio.Tunnel` through it, and begin TLS in the tunnel. ``host`` is then
    not looked up; the proxy does that.
    """

    conn: ConnId
    host: str
    port: int
    tls: Tls | None
    alpn: tuple[str, ...]
    proxy: Proxy | None = None


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

    Asked only if no token of the settings matches. ``token`` is ``None`` if the client presented none. ``peer`` is its
    address; ``path`` the path that it asks for, without its query; ``origin`` the web page's, if it is one;
    ``headers`` are those of its request for a WebSocket, or of the step that holds a token of its own.
    """

    account: str
    gateway: str
    token: Secret | None
    peer: str = ""
    path: str = ""
    origin: str | None = None
    headers: HeaderFields = HeaderFields()

    def __repr__(self) -> str:  # a path may hold anything
        return (
            f"Authenticate({self.account!r}, {self.gateway!r}, {self.token!r}, peer={self.peer!r}, "
            f"origin={self.origin!r}, headers={self.headers!r})"
        )


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may have, if that is less than the settings say. ``None``: what they say.

    ``exchanges``: how many may run at a time on its WebSocket. ``session_s``: the longest life of this WebSocket, in
    seconds. ``ValueError`` for a number that is not above 0.
    """

    exchanges: int | None = None
    session_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"allowance.{name} is {value}; allowed is any number above 0")


class Authenticated(msgspec.Struct, frozen=True):
    """The answer to :class:`Authenticate`. ``principal`` names the client in events and later questions; it is not
    secret. ``limits`` are for the WebSocket that the client asks for; a token of a step has none."""

    allowed: bool
    principal: str | None = None
    limits: Allowance = Allowance()


class Admit(msgspec.Struct, frozen=True):
    """May this request go to this provider? Answered by :class:`Admitted` or :class:`Denied`; default: admitted.

    Asked if ``ask`` of the gateway's settings names ``admit``: for every step of a request, before anything of it is
    sent, so that no step can be reached by the failure of another; and for every realtime session before its provider
    is dialled. ``provider`` is the slug, ``endpoint`` the path that the client asked for, ``model`` the model that the
    request names, if any; ``bytes`` the size of its body, without media that are fetched for it: :class:`FetchMedia`
    comes later, so that a request which is denied costs no fetch. ``metadata`` is what the client says in
    ``cf-aig-metadata``. ``log_id`` joins it with the events of the exchange, and is empty for a realtime session.
    ``step`` counts from 0.
    """

    principal: str | None
    account: str
    gateway: str
    provider: str
    endpoint: str
    model: str | None
    bytes: int
    metadata: dict[str, MetadataValue]
    log_id: str = ""
    step: int = 0

    def __repr__(self) -> str:  # the client wrote the rest, and may have put anything there
        return f"Admit({self.principal!r}, {self.account!r}, {self.gateway!r}, {self.provider!r}, step={self.step})"


class Admitted(msgspec.Struct, frozen=True):
    """An answer to :class:`Admit`: the request may go on."""


class Denied(msgspec.Struct, frozen=True):
    """An answer to :class:`Admit`: the request is refused, with the HTTP ``status`` (400 to 599) and ``message``.

    ``code`` is that of the error envelope; ``None``: the one that the gateway itself uses with this status.
    ``retry_after_s``: the client is told to wait so long, and that the same request may succeed then. ``ValueError``
    for another status or a negative wait.
    """

    status: int
    code: int | None = None
    message: str = "this request is not allowed"
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ValueError(f"denied.status is {self.status}; allowed is 400 to 599")
        if self.retry_after_s is not None and not 0 <= self.retry_after_s < inf:
            raise ValueError(f"denied.retry_after_s is {self.retry_after_s}; allowed is any number of 0 or more")


class FindKey(msgspec.Struct, frozen=True):
    """Which key goes to ``provider`` for this client? Answered by :class:`Key`; default: the key of the settings, if
    they have one.

    Asked if ``ask`` of the gateway's settings names ``find_key``, for a request or a realtime session whose client
    brings no key of its own, and never with ``byok_only``. ``alias`` is what the client says in ``cf-aig-byok-alias``.
    """

    principal: str | None
    account: str
    gateway: str
    provider: str
    alias: str = "default"

    def __repr__(self) -> str:  # the client wrote the alias
        return f"FindKey({self.principal!r}, {self.account!r}, {self.gateway!r}, {self.provider!r})"


class Key(msgspec.Struct, frozen=True):
    """The answer to :class:`FindKey`. It is used as the settings' ``api_key`` and ``headers`` of this provider are, in
    their place, for this request alone. ``key`` is ``None`` if there is none: then the settings' key goes.

    ``key`` has the form of ``api_key``; ``headers`` are added to those of the settings, and replace the same names.
    ``ValueError`` for a header that cannot be sent.
    """

    key: Secret | None
    headers: HeaderFields = HeaderFields()

    def __post_init__(self) -> None:
        for name, value in self.headers.items:
            if not re.fullmatch(_FIELD_NAME, name) or not re.fullmatch(_FIELD_VALUE, value):
                raise ValueError("key.headers has a field that cannot be sent; allowed are the characters of RFC 9110")


class ReadMetrics(msgspec.Struct, frozen=True):
    """What is the text of ``/metrics``? Answered by :class:`Metrics`; default: there is none (404)."""


class Metrics(msgspec.Struct, frozen=True):
    """The answer to :class:`ReadMetrics`: a body and its media type."""

    body: bytes
    content_type: str = "text/plain; version=0.0.4; charset=utf-8"


class ReadPage(msgspec.Struct, frozen=True):
    """What is at ``name`` of the operator's page, its address below ``/page/``? Answered by :class:`Page`; default:
    nothing (404). The page itself has an empty ``name``; ``events``, asked each second, is what it shows, as JSON."""

    name: str


class Page(msgspec.Struct, frozen=True):
    """The answer to :class:`ReadPage`: a body and its media type."""

    body: bytes
    content_type: str

    __repr__ = without_content


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

    Asked only if the gateway's setting ``fetch_media`` is on, and last: nothing else keeps the request from its
    provider. ``url`` is ``http`` or ``https``, and *a client chose it*: the host decides where it may lead, redirects
    included, and sends none of its own credentials there. More than ``limit`` bytes are not taken.
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


class KeptResponse(msgspec.Struct, frozen=True):
    """A response of status 200: some fields of its head, names in lower case, and its body; no key of the gateway."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    __repr__ = without_content


class LookUp(msgspec.Struct, frozen=True):
    """Is a response kept under ``key``? Answered by :class:`Hit` or :class:`Miss`; default: there is none.

    Asked for a request that may be answered from the cache (client protocol, section 3.6), behind :class:`Admit`,
    within ``look_up_s``; and for a response that a client of Responses goes on from, within ``store_s``. ``key`` is a
    hash, in hexadecimal digits, of all that matters for the answer, the gateway included.
    """

    account: str
    gateway: str
    key: str


class Hit(msgspec.Struct, frozen=True):
    """An answer to :class:`LookUp`: what came with :class:`Keep`, if its time is not over."""

    response: KeptResponse


class Miss(msgspec.Struct, frozen=True):
    """An answer to :class:`LookUp`: nothing is kept under this key."""


class Keep(msgspec.Struct, frozen=True):
    """Keep ``response`` for ``ttl_s`` seconds, for a later :class:`LookUp`. A host that keeps nothing drops it."""

    account: str
    gateway: str
    key: str
    ttl_s: int
    response: KeptResponse


class Unavailable(msgspec.Struct, frozen=True):
    """The host cannot answer, whatever the question: the core takes the question's default."""


Question: TypeAlias = (
    Authenticate | Admit | FindKey | Count | ReadMetrics | ReadPage | Sign | FetchMedia | LookUp | Review
)
Answer: TypeAlias = (
    Authenticated | Admitted | Denied | Key | Counted | Metrics | Page | Signed | FetchedMedia | Hit | Miss | Released
    | Stopped | Unavailable
)  # fmt: skip

#: The classes of the answers to each question; :class:`Unavailable` answers all.
ANSWER_TYPES: dict[type[Question], tuple[type[Answer], ...]] = {
    Authenticate: (Authenticated,),
    Admit: (Admitted, Denied),
    FindKey: (Key,),
    Count: (Counted,),
    ReadMetrics: (Metrics,),
    ReadPage: (Page,),
    Sign: (Signed,),
    FetchMedia: (FetchedMedia,),
    LookUp: (Hit, Miss),
    Review: (Released, Stopped),
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
    Connect
    | Flush
    | PauseReading
    | ResumeReading
    | Close
    | Accept
    | Refuse
    | CloseMessages
    | Ask
    | Keep
    | Emit
    | Continue
)
