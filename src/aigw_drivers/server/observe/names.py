"""Names of providers and models as metrics may have them: so many, and no more.

Decides: which name has series of its own, and which are told together as ``other``. Must not know: what is measured.

A client writes any model into its request, and each name would be kept for ever. So a model gets a name only by an
answer of a provider that was no failure, and the first ones keep theirs.
"""

from typing import Final

OTHER: Final = "other"
#: Names that have series of their own.
MOST_PROVIDERS: Final = 100
MOST_MODELS: Final = 200


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
