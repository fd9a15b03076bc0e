"""Signatures for access tokens: few at a time, in turn by client (client protocol, section 3.4).

Decides: which question for a signature is asked next, and how many may wait. Must not know: accounts and tokens.

A signature costs much time, and clients may bring keys of their own. So few are made at once; those with stored keys
come first, because their keys are few; then clients take turns, and none of them may have many waiting. The host cannot
stop one that it makes: if nobody needs the answer any more, the question still counts until it comes.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from ..effects import Answer, Sign
from ..engine.client import Client
from ..engine.services import Services

#: Questions of one client that wait for their turn.
WAITING_OF_CLIENT: Final = 16

Answered: TypeAlias = Callable[[Answer, float], None]


def _ignore(answer: Answer, now: float) -> None:
    """The answer of a withdrawn question."""


class Signing:
    """One question, from :meth:`Signings.ask` to its answer."""

    __slots__ = ("answered", "asked", "client", "question")

    def __init__(self, question: Sign, answered: Answered, client: Client | None) -> None:
        self.question = question
        self.answered = answered
        self.client = client
        #: The host has it.
        self.asked = False


class Signings:
    """The questions of one gateway."""

    __slots__ = ("_asked", "_services", "_waiting")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked: dict[Signing, None] = {}
        self._waiting: dict[Client | None, dict[Signing, None]] = {}  # in turn; none of them is empty

    def ask(self, question: Sign, answered: Answered, client: Client | None, now: float) -> Signing | None:
        """Have ``question`` answered, now or later. ``client``: who brought the key; ``None``: it is a stored one.
        ``answered`` is called once, unless the question is withdrawn. ``None``: too many of the client wait already."""
        waiting = self._waiting.setdefault(client, {})
        if client is not None and len(waiting) >= WAITING_OF_CLIENT:
            return None
        signing = Signing(question, answered, client)
        waiting[signing] = None
        self._go_on(now)
        return signing

    def withdraw(self, signing: Signing) -> None:
        """The answer is no longer needed. A question that is asked keeps its place until its answer or its deadline:
        the host goes on with it."""
        signing.answered = _ignore
        if signing.asked:
            return
        waiting = self._waiting.get(signing.client)
        if waiting is not None:
            waiting.pop(signing, None)
            if not waiting:
                del self._waiting[signing.client]

    def _go_on(self, now: float) -> None:
        """Ask what may be asked."""
        limit = self._services.config.limits.signings_at_once
        while self._waiting and len(self._asked) < limit:
            client = None if None in self._waiting else next(iter(self._waiting))
            waiting = self._waiting.pop(client)
            signing = next(iter(waiting))
            del waiting[signing]
            if waiting:
                self._waiting[client] = waiting  # at the end of the line
            self._asked[signing] = None
            signing.asked = True
            self._services.ask(signing.question, self._told(signing), now)

    def _told(self, signing: Signing) -> Answered:
        def told(answer: Answer, now: float) -> None:
            self._asked.pop(signing, None)
            signing.answered(answer, now)
            self._go_on(now)

        return told
