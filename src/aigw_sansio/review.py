"""The question about a response, and its answers: a host reviews what a provider says before a client sees it.

Decides: what a host is shown of a response, and what it may say about it. Must not know: when it is asked, and how a
changed text gets into a response. :class:`aigw_sansio.effects.Ask` carries the question.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from .events import ProviderEvent
from .faults import Fault, FaultKind, Side
from .secret import without_content


class ReviewWindow(NamedTuple):
    """How much is reviewed at a time: the host is asked as soon as one of these is reached. The names are those of the
    gateway's settings ``review_...``."""

    chunks: int = 1
    bytes: int = 16 * 1024
    wait_ms: int = 100


PassageKind: TypeAlias = Literal["text", "reasoning", "refusal", "transcript", "arguments"]


class Passage(msgspec.Struct, frozen=True):
    """What one part of a response says: all of one kind, for one choice, joined in the order in which it came.

    ``text`` is the response's own, ``reasoning`` the model's, ``refusal`` its words if it declines, ``transcript`` what
    is spoken in audio, ``arguments`` those of the tool call that ``call`` numbers. A passage goes on in the next part.
    """

    kind: PassageKind
    text: str
    choice: int = 0
    call: int | None = None

    __repr__ = without_content


class Review(msgspec.Struct, frozen=True):
    """May this part of a response be shown? Answered by :class:`Released` or :class:`Stopped`; default: it is stopped.

    Asked if ``ask`` of the gateway's settings names ``review``, for every response of a provider, errors included, and
    part by part, in order: of one response one part at a time, and nothing of it is shown before it is released.
    ``form``: a part of a ``stream``, a ``whole`` response, or ``messages`` of a realtime session, of which those pass
    without a review that are known to say nothing new. Words that belong to no passage are in ``data`` only: those of
    an error or of the user, and those of messages that nobody can read.

    ``passages`` are its texts; ``events`` all that it means; ``data`` what the client is shown of it as it is: chunks,
    messages, or one body; empty if the client is shown events alone. Images and sound are in ``data`` only. ``last``:
    it is known that nothing of this response follows; else its end may come alone, and is not asked about. ``status``
    and ``content_type`` are those of the response; ``log_id`` and ``step`` join it with the events of its exchange or
    session.
    """

    principal: str | None
    account: str
    gateway: str
    provider: str
    log_id: str
    form: Literal["stream", "whole", "messages"]
    passages: tuple[Passage, ...]
    events: tuple[ProviderEvent, ...] = ()
    data: tuple[bytes, ...] = ()
    step: int = 0
    last: bool = False
    status: int | None = None
    content_type: str | None = None

    def __repr__(self) -> str:  # the provider wrote the rest
        return (
            f"Review({self.principal!r}, {self.account!r}, {self.gateway!r}, {self.provider!r}, {self.form!r}, "
            f"{len(self.passages)} passages, step={self.step}, last={self.last})"
        )


class Released(msgspec.Struct, frozen=True):
    """An answer to :class:`Review`: the part is shown.

    ``texts``: one for each of its passages, in their order, to be shown in their place; ``None``: it is shown as it is.
    A text that cannot be put into the provider's own words (client protocol, section 3.7) stops the response.
    ``ValueError`` for half of a surrogate pair.
    """

    texts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for index, text in enumerate(self.texts or ()):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ValueError(f"released.texts[{index}] has half of a surrogate pair; allowed is text") from None

    __repr__ = without_content


#: What a client is told if the host says no more.
STOPPED: Final = Fault(FaultKind.RESPONSE_STOPPED, Side.GATEWAY, "the response was stopped by a review")


class Stopped(msgspec.Struct, frozen=True):
    """An answer to :class:`Review`: neither this part is shown nor anything that follows, and no other step is tried.
    The client is told ``fault``; its provider is cancelled."""

    fault: Fault = STOPPED
