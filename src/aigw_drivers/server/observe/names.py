"""Names of providers, models and close codes as metrics may have them: so many, and no more.

Decides: which name has series of its own, and which are told together as ``other``. Must not know: what is measured.

A client writes any model into its request, and each name would be kept for ever. So a model gets a name only by an
answer of a provider that was no failure, and the first ones keep theirs. Nor does a client choose among 2,000 close
codes: those have names that IANA registered, which are also all that the gateway sends by itself.
"""

from typing import Final

from aigw_sansio import ExchangeEnded, SessionEnded, UsageReported

OTHER: Final = "other"
#: Names that have series of their own.
MOST_PROVIDERS: Final = 100
MOST_MODELS: Final = 200
#: IANA's WebSocket Close Code Number Registry.
_CLOSE_CODES: Final = frozenset((*range(1000, 1016), 3000, 3003, 3008))
#: Of messages that could not be read.
_NO_COUNT: Final = UsageReported(quality="partial")


def close_code(code: int) -> str:
    """The name of a close code."""
    return str(code) if code in _CLOSE_CODES else OTHER


def is_answered(event: ExchangeEnded | SessionEnded) -> bool:
    """Whether the provider has shown that it knows the model of ``event``. A realtime session that ended at once shows
    nothing: many providers refuse a model only after their 101."""
    if isinstance(event, ExchangeEnded):
        return event.fault is None
    return event.first_content_s is not None or event.usage not in (None, _NO_COUNT)


class Names:
    """The names that metrics have so far."""

    def __init__(self, providers: int = MOST_PROVIDERS, models: int = MOST_MODELS) -> None:
        self._most = providers, models
        self._providers: set[str] = set()
        self._models: set[tuple[str, str]] = set()

    def provider(self, name: str | None) -> str:
        """The name of a provider. Clients cannot make them up: a request for another one has none."""
        if name is None:
            return ""
        if name in self._providers:
            return name
        if len(self._providers) >= self._most[0]:
            return OTHER
        self._providers.add(name)
        return name

    def model(self, provider: str, name: str | None, *, answered: bool) -> str:
        """The name of a model of ``provider``. ``answered``: the provider knows it."""
        if name is None:
            return ""
        key = provider, name
        if key in self._models:
            return name
        if not answered or len(self._models) >= self._most[1]:
            return OTHER
        self._models.add(key)
        return name
