"""Calls readers of realtime messages and transforms of upgrades of the host's own, so that a bug costs little.

Decides: what a transform sees of an upgrade, what is checked of what it and a reader return, and what happens when one
raises: a reader is not asked again and the session goes on; an upgrade is refused. Must not know: which parts there are
(:mod:`aigw_sansio.parts`), how an upgrade is built, and the relay.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ..engine.services import Services
from ..events import PartFailed, ProviderEvent
from ..faults import Fault
from ..formats.promises import BrokenPromise, checked, checked_events, event_of, fault_of
from ..formats.reader import RealtimeReader, RealtimeReaderMaker
from ..formats.realtime import make_realtime_reader
from ..formats.unknown import OPAQUE
from ..providers.headers import forwarded_upgrade
from ..providers.own_tokens import OwnTokens, drop_own_fields, drop_own_parameters
from ..providers.registry import ALIASES, NO_ROWS
from ..providers.row import Provider
from ..providers.upgrade import UpgradeRequest, UpgradeTransform
from ..wires.http import Headers


class RealtimeParts(Protocol):
    """The host's own parts, as realtime sessions see them."""

    @property
    def rows(self) -> Mapping[str, Provider]:
        """Its providers, by slug."""

    def realtime_reader(self, slug: str, format: str) -> RealtimeReaderMaker | None:
        """What reads messages of the provider ``slug`` in ``format``; ``None``: a built-in reader."""

    def upgrade_transforms_for(self, slug: str) -> Sequence[tuple[str, UpgradeTransform]]:
        """The transforms of an upgrade to the provider ``slug``, in order, each with its name."""


class NoParts:
    """There are none. Implements ``RealtimeParts``."""

    __slots__ = ()

    @property
    def rows(self) -> Mapping[str, Provider]:
        return NO_ROWS

    def realtime_reader(self, slug: str, format: str) -> RealtimeReaderMaker | None:
        return None

    def upgrade_transforms_for(self, slug: str) -> Sequence[tuple[str, UpgradeTransform]]:
        return ()


NO_PARTS: Final = NoParts()


def transform_upgrade(
    services: Services, parts: RealtimeParts, path: str, headers: Headers, own_tokens: OwnTokens
) -> tuple[str, Headers] | Fault:
    """``path`` (``PROVIDER[/PATH][?QUERY]``) and ``headers`` of an upgrade as the host's transforms change them, or why
    it is refused."""
    where, mark, query = path.partition("?")
    slug, _, rest = where.partition("/")
    provider = ALIASES.get(slug, slug)
    transforms = parts.upgrade_transforms_for(provider)
    if not transforms:
        return path, headers
    query = drop_own_parameters(query, own_tokens)
    fields = forwarded_upgrade(headers, pass_origin=True)
    drop_own_fields(fields, own_tokens)
    upgrade = UpgradeRequest(
        provider=provider, endpoint=rest + (mark and query and mark + query), headers=tuple(fields.items())
    )
    for name, transform in transforms:
        try:
            result = _checked(transform(upgrade), upgrade)
        except Exception as error:
            services.emit(event_of("", name, error))
            return fault_of(name)
        if isinstance(result, Fault):
            return result
        upgrade = result
    endpoint = upgrade.endpoint.removeprefix("/")
    joint = "" if not endpoint or endpoint.startswith("?") else "/"
    return f"{slug}{joint}{endpoint}", _encoded(upgrade)


def _checked(result: object, upgrade: UpgradeRequest) -> UpgradeRequest | Fault:
    """``result`` of the transform of ``upgrade``, if it can be used."""
    if isinstance(result, Fault):
        return checked(result, "the fault")
    if not isinstance(result, UpgradeRequest):
        raise BrokenPromise("it returned neither an UpgradeRequest nor a Fault")
    found = checked(result, "its upgrade")
    if found.provider != upgrade.provider:
        raise BrokenPromise("it named another provider")
    try:
        _encoded(found)
    except UnicodeError:
        raise BrokenPromise("a header of its upgrade is no latin-1") from None
    return found


def _encoded(upgrade: UpgradeRequest) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in upgrade.headers]


class _UncheckedReader(Protocol):
    """A reader of which nothing is believed."""

    @property
    def response_id(self) -> object: ...
    @property
    def responding(self) -> object: ...
    def read_message(self, data: bytes, *, is_text: bool) -> object: ...


class GuardedRealtimeReader:
    """A :class:`~aigw_sansio.formats.reader.RealtimeReader` that calls one of the host's own. After a failure it says
    of each message that nobody can read it."""

    __slots__ = ("_emit", "_inner", "_log_id", "_part", "responding", "response_id")

    def __init__(self, format: str, make: RealtimeReaderMaker, log_id: str, emit: Callable[[PartFailed], None]) -> None:
        """It is a reader of ``format`` for the session ``log_id``; ``emit`` tells the host of its failure."""
        self._part = f"realtime reader of {format}"
        self._log_id = log_id
        self._emit = emit
        #: See :class:`~aigw_sansio.formats.reader.RealtimeReader`.
        self.response_id = ""
        self.responding = False
        self._inner: _UncheckedReader | None = None
        try:
            self._inner = make()
        except Exception as error:
            self._fail(error)

    def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
        inner = self._inner
        if inner is None:
            return [OPAQUE]
        try:
            events = checked_events(inner.read_message(data, is_text=is_text))
            response_id = inner.response_id
            if type(response_id) is not str:
                raise BrokenPromise("response_id is no str")
            self.response_id, self.responding = response_id, bool(inner.responding)
        except Exception as error:
            self._fail(error)
            return [OPAQUE]
        return events

    def _fail(self, error: Exception) -> None:
        self._inner = None
        self.responding = False
        self._emit(event_of(self._log_id, self._part, error))


def session_reader(
    format: str, own: RealtimeReaderMaker | None, log_id: str, emit: Callable[[PartFailed], None]
) -> RealtimeReader:
    """A new reader of the messages in ``format`` of the session ``log_id``: one of the host's ``own``, or, if that is
    ``None``, a built-in one. ``emit`` tells the host of a failure of its own."""
    return make_realtime_reader(format) if own is None else GuardedRealtimeReader(format, own, log_id, emit)
