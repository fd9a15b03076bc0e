"""The wish of a client to have a session that can be resumed, or to resume one (client protocol, section 8).

Decides: where a client says so, what a token is made of, and which parts of an upgrade a session may be bound to. Must
not know: sessions, and which tokens there are.

A token names the process that has the session and the session, and ends with 192 random bits. So a process knows those
of others, and finds a session without comparing secrets.
"""

import re
from typing import Final, NamedTuple

from ..engine.seeded_random import SeededRandom
from ..faults import Fault, FaultKind, Side
from ..secret import Secret
from ..wires.heads import header_values
from .admission import AdmittedClient

RESUME_FIELD: Final = "cf-aig-resume"
#: The value with which a client asks for a session that can be resumed.
_NEW: Final = "1"
_TOKEN: Final = r"([0-9a-f]{8})-([0-9a-f]{1,16})-[0-9a-f]{48}"
_KEY_FIELDS: Final = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")
_PROCESS_BYTES, _SECRET_BYTES = 4, 24


class ResumeWish(NamedTuple):
    """What the client asks for. ``token``: of the session to be resumed; ``None``: it wants a new one."""

    token: Secret | None


def read_wish(admitted: AdmittedClient) -> ResumeWish | Fault | None:
    """The wish of ``admitted``: in the header, else in a subprotocol item. ``None``: it has none."""
    found = [
        value.decode("latin-1").strip() for value in header_values(admitted.request.headers, RESUME_FIELD.encode())
    ]
    found = found or [item.value for item in admitted.offer.items if item.name == RESUME_FIELD]
    found = [value for value in found if value]
    if not found:
        return None
    if any(value != found[0] for value in found):
        return Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, f"there are two different {RESUME_FIELD} in one place")
    return ResumeWish(None if found[0] == _NEW else Secret(found[0]))


def path_and_keys(admitted: AdmittedClient) -> str:
    """The path of an upgrade, and the keys in it that go to providers with each request of its session."""
    fields = [value for name in _KEY_FIELDS for value in header_values(admitted.request.headers, name)]
    return "\n".join((admitted.path, *(value.decode("latin-1") for value in fields), *admitted.offer.keys))


class ResumeTokens:
    """Makes the tokens of one process."""

    __slots__ = ("_process", "_random")

    def __init__(self, random: SeededRandom) -> None:
        self._random = random
        self._process = ""  # made with the first token: who has no use for it draws no random bytes

    def make(self, session: int) -> Secret:
        """A new token of ``session``."""
        if not self._process:
            self._process = self._random.bytes(_PROCESS_BYTES).hex()
        return Secret(f"{self._process}-{session:x}-{self._random.bytes(_SECRET_BYTES).hex()}")

    def session_of(self, token: Secret) -> int | None:
        """The session that ``token`` names, if it has the form of a token of this process. It may be wrong all the
        same."""
        found = re.fullmatch(_TOKEN, token.reveal())
        return None if found is None or found[1] != self._process else int(found[2], 16)

    def is_of_another(self, token: Secret) -> bool:
        """Whether ``token`` has the form of a token of another process."""
        found = re.fullmatch(_TOKEN, token.reveal())
        return found is not None and found[1] != self._process
