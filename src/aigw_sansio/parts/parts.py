"""Parts of the host's own, for one gateway: providers, readers, framings, transforms of requests, and the translator.

Decides: which parts can be used, and which of them a provider has. Must not know: how they are called, and what becomes
of one that raises (:mod:`aigw_sansio.exchanges.own_parts`, :mod:`aigw_sansio.sessions.transforms`).

A row names its formats and framings, as the built-in rows do. So parts are found by names, and a name that nobody
knows, or that is taken, is an error when it is given.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from typing import Final

from ..bodies.framing import Framing
from ..exchanges.own_parts import DecoderMaker, OwnFraming, OwnReading, ReaderMaker
from ..formats.reader import RealtimeReaderMaker
from ..formats.realtime import REALTIME_FORMATS
from ..formats.registry import FORMAT_ALIASES, FORMATS
from ..providers.registry import REGISTRY, is_custom
from ..providers.row import Provider
from ..providers.upgrade import UpgradeTransform
from .request import RequestTransform
from .rows import check_name, checked_row, in_words
from .translator import Translator

_READER: Final = ("markers", "terminated", "finish_seen", "complete", "read", "read_whole", "finish")
_TRANSLATOR: Final = (
    "translate_request", "read_request", "write_request", "stand_ins", "put_media", "answer_context", "make_writer",
)  # fmt: skip
_REALTIME: Final = ("response_id", "responding", "read_message")
_DECODER: Final = ("fault", "buffered", "unread", "feed", "finish")


class Parts:
    """What a host adds to one gateway. Give it to :class:`aigw_sansio.Gateway`; one object may serve several gateways.

    ``providers``: rows of its own, which clients name by their slugs. They are there without a line in the settings; a
    line can give them a key. ``readers``: what makes a reader for one response, by the name of its format.
    ``framings``: what makes a decoder for one body, by its name. ``transforms``: functions that change or refuse
    requests, by the slug of a provider, built-in or not; ``transform``: one for the requests to all providers, which is
    called first.

    A transform is called for each step when the request is planned, before any of it is sent: after the
    translation of ``compat``, before the key and the signature. It is a pure function: same request, same result, no
    I/O. It may not name another provider. What it returns is checked like a client's own request, and the settings of
    the gateway (``providers``, ``endpoints``, ``methods``) judge it.

    Realtime sessions have parts of their own. ``realtime_readers``: what makes a reader for the messages of one
    WebSocket, by the name of its format, which rows name in ``realtime``. ``upgrade_transforms`` and
    ``upgrade_transform``: as ``transforms`` and ``transform``, for upgrades.

    ``translator``: the module :mod:`aigw_sansio.translate`, which is loaded by who names it. With it the provider
    ``compat`` takes requests for providers of other formats than the client's. The servers, applications and clients of
    :mod:`aigw_drivers` put it into the parts that they are given.

    Raises ``ValueError`` or ``TypeError`` for parts that cannot be used; the text says which and what is allowed. Each
    maker is called once for that. A part that raises later fails the one attempt or upgrade that needs it, and the host
    gets a :class:`aigw_sansio.PartFailed`; a realtime session goes on without its reader.
    """

    __slots__ = (
        "_framings", "_readers", "_realtime_readers", "_transform", "_transforms", "_upgrade_transform",
        "_upgrade_transforms", "rows", "translator",
    )  # fmt: skip

    def __init__(
        self,
        *,
        providers: Iterable[Provider] = (),
        readers: Mapping[str, ReaderMaker] | None = None,
        framings: Mapping[str, DecoderMaker] | None = None,
        transforms: Mapping[str, RequestTransform] | None = None,
        transform: RequestTransform | None = None,
        realtime_readers: Mapping[str, RealtimeReaderMaker] | None = None,
        upgrade_transforms: Mapping[str, UpgradeTransform] | None = None,
        upgrade_transform: UpgradeTransform | None = None,
        translator: Translator | None = None,
    ) -> None:
        self._readers = dict(readers or {})
        makers = dict(framings or {})
        for name, reader in self._readers.items():
            _check_maker(f"parts.readers[{name!r}]", name, reader, {*FORMATS, *FORMAT_ALIASES}, _READER)
        for name, decoder in makers.items():
            _check_maker(f"parts.framings[{name!r}]", name, decoder, {*Framing}, _DECODER)
        self._realtime_readers = dict(realtime_readers or {})
        for name, listener in self._realtime_readers.items():
            _check_maker(f"parts.realtime_readers[{name!r}]", name, listener, {*REALTIME_FORMATS, "unknown"}, _REALTIME)
        rows: dict[str, Provider] = {}
        for row in providers:
            checked = checked_row(
                row,
                rows,
                formats={*FORMATS, *self._readers},
                framings={*Framing, *makers},
                realtime_formats=self._realtime_readers,
            )
            rows[checked.slug] = checked
        #: The providers by slug, as they were checked.
        self.rows: Mapping[str, Provider] = rows
        named = {name for row in rows.values() for name in (row.format, *(name for _, name in row.formats))}
        _check_used("readers", self._readers, named, "format or formats")
        routes = [row.realtime for row in rows.values() if row.realtime is not None]
        heard = {name for route in routes for name in (route.format, *(name for _, name in route.formats))}
        _check_used("realtime_readers", self._realtime_readers, heard, "realtime")
        _check_used("framings", makers, {name for row in rows.values() for _, name in row.framings}, "framings")
        self._framings: dict[str, dict[str, OwnFraming]] = {
            slug: {media_type: _framing(name, makers) for media_type, name in row.framings}
            for slug, row in rows.items()
        }
        self._transforms = dict(transforms or {})
        self._upgrade_transforms = dict(upgrade_transforms or {})
        for which, changes, kind in (
            ("transforms", self._transforms, "a ProviderRequest"),
            ("upgrade_transforms", self._upgrade_transforms, "an UpgradeRequest"),
        ):
            for slug, change in changes.items():
                _check_transform(f"parts.{which}[{slug!r}]", change, kind)
                if slug not in rows and slug not in REGISTRY and not is_custom(slug):
                    allowed = in_words([*rows, *REGISTRY])
                    raise ValueError(f"parts.{which}[{slug!r}] is for no provider; allowed are {allowed}")
        if transform is not None:
            _check_transform("parts.transform", transform, "a ProviderRequest")
        if upgrade_transform is not None:
            _check_transform("parts.upgrade_transform", upgrade_transform, "an UpgradeRequest")
        self._transform = transform
        self._upgrade_transform = upgrade_transform
        if translator is not None and (missing := [name for name in _TRANSLATOR if not hasattr(translator, name)]):
            raise TypeError(
                f"parts.translator has no {', '.join(missing)}; allowed is the module aigw_sansio.translate"
            )
        #: What translates steps for ``compat``, if it is there.
        self.translator = translator

    def with_translator(self, translator: Translator) -> "Parts":
        """The same parts with ``translator``, unless they have one."""
        if self.translator is not None:
            return self
        changed = copy(self)
        changed.translator = translator
        return changed

    def reading(self, slug: str, format: str) -> OwnReading | None:
        """How responses of the provider ``slug`` in ``format`` are read; ``None``: in the usual way."""
        reader = self._readers.get(format) if slug in self.rows else None
        framings = self._framings.get(slug, {})
        return OwnReading(framings, format, reader) if framings or reader is not None else None

    def transforms_for(self, slug: str) -> list[tuple[str, RequestTransform]]:
        """The transforms of a request for the provider ``slug``, in order, each with its name."""
        found: list[tuple[str, RequestTransform]] = []
        if self._transform is not None:
            found.append(("transform", self._transform))
        if slug in self._transforms:
            found.append((f"transform of {slug}", self._transforms[slug]))
        return found

    def realtime_reader(self, slug: str, format: str) -> RealtimeReaderMaker | None:
        """What reads the realtime messages of the provider ``slug`` in ``format``; ``None``: a built-in reader."""
        return self._realtime_readers.get(format) if slug in self.rows else None

    def upgrade_transforms_for(self, slug: str) -> list[tuple[str, UpgradeTransform]]:
        """The transforms of an upgrade to the provider ``slug``, in order, each with its name."""
        found: list[tuple[str, UpgradeTransform]] = []
        if self._upgrade_transform is not None:
            found.append(("upgrade transform", self._upgrade_transform))
        if slug in self._upgrade_transforms:
            found.append((f"upgrade transform of {slug}", self._upgrade_transforms[slug]))
        return found

    def __repr__(self) -> str:
        return (
            f"Parts(providers={list(self.rows)}, readers={list(self._readers)}, "
            f"transforms={[*self._transforms, *(['all'] if self._transform is not None else [])]})"
        )


def _check_maker(
    where: str, name: str, make: Callable[[], object], taken: Collection[str], members: tuple[str, ...]
) -> None:
    check_name(where, name)
    if name in taken:
        raise ValueError(f"{where} is taken by a built-in one; allowed is a name that is none of {in_words(taken)}")
    if not callable(make):
        raise TypeError(f"{where} is not callable; it makes one for each response, so a class will do")
    made = make()
    missing = [member for member in members if not hasattr(made, member)]
    if missing:
        raise TypeError(
            f"{where} makes a {type(made).__name__} without {', '.join(missing)}; needed are {', '.join(members)}"
        )


def _check_used(which: str, made: Iterable[str], named: Collection[str], fields: str) -> None:
    unused = [name for name in made if name not in named]
    if unused:
        raise ValueError(
            f"parts.{which} has {in_words(unused)}, which no provider of parts.providers names in its {fields}"
        )


def _check_transform(where: str, transform: object, kind: str) -> None:
    if not callable(transform):
        raise TypeError(f"{where} is not callable; it takes {kind} and returns one, or a Fault")


def _framing(name: str, makers: Mapping[str, DecoderMaker]) -> OwnFraming:
    return OwnFraming(None, name, makers[name]) if name in makers else OwnFraming(Framing(name))


#: No parts: what a gateway has that was given none.
NO_PARTS: Final = Parts()
