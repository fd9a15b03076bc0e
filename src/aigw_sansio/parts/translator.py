"""What a gateway needs to serve the provider ``compat``: requests and responses of one format in another.

Decides: which functions these are. Must not know: any format, and what a step is.

The module :mod:`aigw_sansio.translate` is one. A gateway does not load it by itself: it is a fifth of the core, and who
translates nothing need not pay for it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ..formats.translation import Note, Refused, WireRequest

if TYPE_CHECKING:
    from ..formats.answers.base import AnswerContext, AnswerWriter
    from ..prompt import Blob, Prompt


class TranslatedRequest(Protocol):
    """A request of one format in another, as :class:`aigw_sansio.translate.Translated` is one."""

    @property
    def request(self) -> WireRequest:
        """What to send."""

    @property
    def settings(self) -> "Prompt":
        """What it asks, without its turns."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was lost."""


class Translator(Protocol):
    """Give :class:`aigw_sansio.Parts` the module :mod:`aigw_sansio.translate`, which says what each of these does."""

    def translate_request(
        self, body: object, *, source: str, target: str, model: str | None = None
    ) -> TranslatedRequest | Refused:
        """The client's ``body``, which may be JSON as ``bytes``, for a provider that speaks ``target``."""

    def read_request(self, body: object, source: str) -> "tuple[Prompt, tuple[Note, ...]] | Refused":
        """The client's ``body`` as a prompt."""

    def write_request(self, prompt: "Prompt", target: str) -> tuple[WireRequest, tuple[Note, ...]] | Refused:
        """``prompt`` for a provider that speaks ``target``."""

    def client_field(self, field: str, body: object, source: str, prompt: "Prompt") -> str:
        """What the client calls the ``field`` of a :class:`Refused` that writing ``prompt`` gave."""

    def stand_ins(self, prompt: "Prompt", target: str) -> "Mapping[str, Blob]":
        """What may stand for media that must be fetched, by URL."""

    def put_media(self, prompt: "Prompt", fetched: "Mapping[str, Blob]") -> "tuple[Prompt, tuple[Note, ...]] | Refused":
        """``prompt`` with the media that were fetched."""

    def answer_context(
        self,
        prompt: "Prompt",
        target: str,
        *,
        id: str,
        created: int,
        model: str = "",
        request: WireRequest | None = None,
    ) -> "AnswerContext":
        """What the writer of a response has to know of its request."""

    def make_writer(self, target: str, context: "AnswerContext") -> "AnswerWriter":
        """A writer of one response in the client's format ``target``."""
