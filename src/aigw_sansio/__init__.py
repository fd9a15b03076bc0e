"""aigw_sansio: an AI gateway as a state machine, without I/O.

A host makes a :class:`Gateway` and hands it to a driver (:mod:`aigw_drivers`), or drives it itself. Bytes, ends of
connections, answers and the time go in; effects, bytes and a deadline come out. What this module exports is the public
API, together with :mod:`aigw_sansio.translate` and the values of :mod:`aigw_sansio.prompt`, :mod:`aigw_sansio.preload`
and :mod:`aigw_sansio.testing`. Everything else is private and may change.

What few programs need is loaded when it is first needed: the readers of formats, reviews, the cache's calls, the
recorder. A program that runs long imports :mod:`aigw_sansio.preload`, which loads it at once; the drivers here do.

What there is
-------------
* The engine: :class:`Gateway`; :class:`Engine`, its interface as a type; :data:`READ_SIZE`.
* Settings: :class:`Config` with :class:`Limits`, :class:`Timeouts`, :class:`Retry`, :class:`GatewaySettings`,
  :class:`ProviderSettings`, :class:`QuotaRule` with :class:`Selector`; :class:`Secret` for every value
  that nobody may see. :class:`ConfigError` is raised for
  values that are not allowed; each :class:`SettingError` in it says which, and what is.
* Effects, for the driver to execute: :class:`Connect` (with :class:`Tls`; with a :class:`Proxy`, for which there is
  :class:`Tunnel`), :class:`Flush`, :class:`PauseReading`, :class:`ResumeReading`, :class:`Close`, :class:`Ask`,
  :class:`Keep`, :class:`Emit`, :class:`Continue`; ``Effect`` is any of them.
* Clients without bytes, of a host that owns the WebSocket: :class:`MessageEngine` has their inputs, :class:`Message` is
  one message; their effects are :class:`Accept`, :class:`Refuse`, :class:`CloseMessages`.
* Clients in the process of the gateway, without a socket: :class:`LocalEngine` has their inputs. A request is a
  :class:`Create` of :class:`Step` objects, each with a :class:`StepConfig`. ``NativeEvent`` is any event that they
  take: :class:`NativeStarted`, :class:`NativeChunk`, :class:`NativeProviderEvent`, :class:`NativeResponse`,
  :class:`NativeDone`, :class:`NativeFailed`, :class:`NativeCancelled`, :class:`NativeGoingAway`. What is told of an
  exchange is its :class:`NativeMetadata`.
* Questions (``Question``) and their answers (``Answer``): :class:`Authenticate` and :class:`Authenticated` (with an
  :class:`Allowance`), :class:`Admit` and :class:`Admitted` or :class:`Denied`, :class:`FindKey` and :class:`Key`,
  :class:`ReadMetrics` and :class:`Metrics`, :class:`Sign` and :class:`Signed`, :class:`Count` (of each
  :class:`Counter`, and of :class:`Places`) and :class:`Counted`, :class:`FetchMedia` and :class:`FetchedMedia`,
  :class:`LookUp` and :class:`Hit` (with the :class:`KeptResponse` of a :class:`Keep`) or :class:`Miss`,
  :class:`Review` (of some :class:`Passage`) and :class:`Released` or :class:`Stopped`; :class:`Unavailable` answers
  each. :class:`HeaderFields` are header fields in them.
* Events for the host: ``Event`` is any lifecycle event, from :class:`SessionOpened` to :class:`ProviderEventRead`;
  ``ProviderEvent`` is any event of a provider's response, from :class:`ResponseStarted` to :class:`Unrecognised`.
* Parts of the host's own: :class:`Parts`, for a gateway. Rows of providers are :class:`Provider` with :class:`Route`,
  :class:`RealtimeRoute` and :class:`KeyLocation`. :class:`Reader` says what a reader of a format does, and
  :class:`BodyDecoder` what a framing does; :class:`Chunk` is what one hands the other. A transform of requests
  (``RequestTransform``) gets a :class:`ProviderRequest`. Realtime sockets have a :class:`RealtimeReader` and
  ``UpgradeTransform`` of a :class:`UpgradeRequest`. The provider ``compat`` needs a :class:`Translator`: the
  module :mod:`aigw_sansio.translate`, which is not loaded with this one. :class:`PartFailed` is the event of a bug in
  one of them.
* Errors: :class:`Fault` (with :class:`FaultKind` and :class:`Side`) is a value that says what went wrong;
  :class:`LocalProtocolError` is raised if a driver breaks the contract.
* Ids: :data:`ConnId` names a connection, :data:`AskId` a question.
* Recording: :class:`Recorder` writes down all inputs, :func:`replay` repeats them, :class:`ReplayDiffers` says where a
  replay differs.

The ten duties of a driver
--------------------------
1. Use one thread or event loop for each gateway. Two gateways share nothing.
2. ``now`` is monotonic seconds of one clock. It never goes back.
3. After every input call ``effects()`` and execute all effects in order, until there are none. Inputs may be called
   while effects run; the outermost loop then executes the effects that they add.
4. Have one writer for each connection. Pull with ``data_to_send``, hand the bytes to the transport, report them (5),
   and pull again, until a pull returns fewer bytes than asked for; then wait for ``Flush``.
5. Report ``data_sent`` when the transport has taken the bytes: ``send`` returned, or the transport's buffer is empty.
   Do not pull again before that. One pull may be reported in parts, never more than was pulled.
6. Read at most 128 KiB (``READ_SIZE``) at a time. After ``PauseReading`` one read that is already under way may still
   be delivered.
7. Report each end once: ``receive_eof``, ``connection_lost`` or ``connect_failed``. Then report ``closed``, once and
   last.
8. ``Close`` means: finish sending, then close. ``Close(abort)`` means: close now. Both cancel a dial; if its look-up
   of a name goes on in a thread, report ``closed`` when that has ended. After either one report only ``data_sent`` and
   ``closed`` for that connection.
9. Call ``handle_timeout`` at or after ``next_timeout()``.
10. After ``Continue`` serve each ready socket once, let everything else in the loop run that is ready, then call
    ``proceed(now)``; again for each ``Continue`` that comes. It is no deadline: ``next_timeout()`` does not know of it.

Proxies
-------
If a ``Connect`` has a ``proxy``, a driver dials that one, sends ``Tunnel(effect).request`` and feeds what comes to
``receive_data`` until it returns true. If there is a ``failure``, the dial has failed with these words; otherwise the
connection is now one to ``host``, and TLS begins in it. The dial lasts until TLS is done: ``Close`` cancels all of it.

Clients without bytes
---------------------
A host whose framework owns the WebSocket calls ``open_messages``. After ``Accept`` it passes each message with
``receive_message``; at ``Flush`` it pulls with ``messages_to_send`` and reports ``data_sent``, as in duties 4 and 5,
and with 0 for an empty message.
When the client closes it calls ``receive_close``, then ``closed``. It also calls ``closed`` when ``Refuse`` or
``CloseMessages`` is carried out, and after ``Close(abort)``. Pauses, losses and time are as for every connection.

A program that calls providers from its own process calls ``open_local``, then ``create``. At ``Flush`` it takes events
with ``take_events``, which needs no report. It calls ``closed`` when it leaves, at the latest after ``CloseMessages``.
"""

from typing import TYPE_CHECKING

from .bodies.chunk import BodyDecoder, Chunk
from .config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from .dialects.commands import Create, Step
from .dialects.events import (
    NativeCancelled,
    NativeChunk,
    NativeDone,
    NativeEvent,
    NativeFailed,
    NativeGoingAway,
    NativeMetadata,
    NativeProviderEvent,
    NativeResponse,
    NativeStarted,
)
from .effects import (
    Accept,
    Admit,
    Admitted,
    Allowance,
    Answer,
    Ask,
    Authenticate,
    Authenticated,
    Close,
    CloseMessages,
    Connect,
    Continue,
    Denied,
    Effect,
    Emit,
    FetchedMedia,
    FetchMedia,
    FindKey,
    Flush,
    Hit,
    Keep,
    KeptResponse,
    Key,
    LookUp,
    Message,
    Metrics,
    Miss,
    Page,
    PauseReading,
    Question,
    ReadMetrics,
    ReadPage,
    Refuse,
    ResumeReading,
    Sign,
    Signed,
    Tls,
    Unavailable,
)
from .engine_api import READ_SIZE, Engine, LocalEngine, MessageEngine
from .errors import ConfigError, LocalProtocolError, SettingError
from .events import (
    AttemptConnected,
    AttemptEnded,
    AttemptFirstByte,
    AttemptStarted,
    AudioDelta,
    Citation,
    ConnectionRefused,
    Event,
    ExchangeEnded,
    ImageDelta,
    LifecycleEvent,
    PartFailed,
    ProviderEvent,
    ProviderEventRead,
    ReasoningDelta,
    RefusalDelta,
    RequestAdmitted,
    RequestDenied,
    RequestWaiting,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    SessionDetached,
    SessionEnded,
    SessionOpened,
    SessionResumed,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UpgradeRefused,
    UsageReported,
)
from .exchanges.policy import StepConfig
from .faults import Fault, FaultKind, Side
from .formats.reader import Reader, RealtimeReader
from .gateway import Gateway
from .ids import AskId, ConnId, CustomCost, RecordOptions
from .origin import Proxy
from .parts.parts import Parts
from .parts.request import ProviderRequest, RequestTransform
from .parts.translator import Translator
from .providers.key_location import KeyLocation
from .providers.row import Provider, RealtimeRoute, Route
from .providers.upgrade import UpgradeRequest, UpgradeTransform
from .quota_rules import Count, Counted, Counter, Places, QuotaRule, Selector
from .review import Passage, Released, Review, Stopped
from .secret import HeaderFields, Secret
from .wires.tunnel import Tunnel

if TYPE_CHECKING:
    from .recorder import Recorder, ReplayDiffers, replay
del TYPE_CHECKING  # it is no export

#: The version of the package. A literal: the core may not ask ``importlib.metadata``.
__version__ = "0.2.0"

__all__ = [
    "READ_SIZE",
    "Accept",
    "Admit",
    "Admitted",
    "Allowance",
    "Answer",
    "Ask",
    "AskId",
    "AttemptConnected",
    "AttemptEnded",
    "AttemptFirstByte",
    "AttemptStarted",
    "AudioDelta",
    "Authenticate",
    "Authenticated",
    "BodyDecoder",
    "Chunk",
    "Citation",
    "Close",
    "CloseMessages",
    "Config",
    "ConfigError",
    "ConnId",
    "Connect",
    "ConnectionRefused",
    "Continue",
    "Count",
    "Counted",
    "Counter",
    "Create",
    "CustomCost",
    "Denied",
    "Effect",
    "Emit",
    "Engine",
    "Event",
    "ExchangeEnded",
    "Fault",
    "FaultKind",
    "FetchMedia",
    "FetchedMedia",
    "FindKey",
    "Flush",
    "Gateway",
    "GatewaySettings",
    "HeaderFields",
    "Hit",
    "ImageDelta",
    "Keep",
    "KeptResponse",
    "Key",
    "KeyLocation",
    "LifecycleEvent",
    "Limits",
    "LocalEngine",
    "LocalProtocolError",
    "LookUp",
    "Message",
    "MessageEngine",
    "Metrics",
    "Miss",
    "NativeCancelled",
    "NativeChunk",
    "NativeDone",
    "NativeEvent",
    "NativeFailed",
    "NativeGoingAway",
    "NativeMetadata",
    "NativeProviderEvent",
    "NativeResponse",
    "NativeStarted",
    "Page",
    "PartFailed",
    "Parts",
    "Passage",
    "PauseReading",
    "Places",
    "Provider",
    "ProviderEvent",
    "ProviderEventRead",
    "ProviderRequest",
    "ProviderSettings",
    "Proxy",
    "Question",
    "QuotaRule",
    "ReadMetrics",
    "ReadPage",
    "Reader",
    "RealtimeReader",
    "RealtimeRoute",
    "ReasoningDelta",
    "RecordOptions",
    "Recorder",
    "RefusalDelta",
    "Refuse",
    "Released",
    "ReplayDiffers",
    "RequestAdmitted",
    "RequestDenied",
    "RequestTransform",
    "RequestWaiting",
    "ResponseFailed",
    "ResponseFinished",
    "ResponseStarted",
    "ResumeReading",
    "Retry",
    "Review",
    "Route",
    "Secret",
    "Selector",
    "SessionDetached",
    "SessionEnded",
    "SessionOpened",
    "SessionResumed",
    "SettingError",
    "Side",
    "Sign",
    "Signed",
    "Step",
    "StepConfig",
    "Stopped",
    "TextDelta",
    "Timeouts",
    "Tls",
    "ToolCallDelta",
    "ToolCallStarted",
    "Translator",
    "Tunnel",
    "Unavailable",
    "Unrecognised",
    "UpgradeRefused",
    "UpgradeRequest",
    "UpgradeTransform",
    "UsageReported",
    "__version__",
    "replay",
]

_RECORDING = ("Recorder", "ReplayDiffers", "replay")


def __getattr__(name: str) -> object:
    """The names of the recorder: its module is loaded when somebody asks for one of them."""
    if name not in _RECORDING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import recorder

    globals().update({exported: getattr(recorder, exported) for exported in _RECORDING})
    found: object = globals()[name]
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_RECORDING})
