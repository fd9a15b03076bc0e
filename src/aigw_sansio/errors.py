"""The exceptions of the core: misuse of its own interface.

Data only. A mistake of our caller is an exception; a mistake of a peer is a :class:`aigw_sansio.faults.Fault`, never an
exception.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .quoting import Place, place_text


class LocalProtocolError(Exception):
    """The caller broke the contract between core and driver.

    Raised, for example, for an identifier that was never issued, an answer of the wrong type, a confirmation of more
    bytes than were pulled, or time that runs backwards. The state is as it was before the call. It is a bug of the
    caller: do not catch it and go on, fix the call.
    """


class SettingError(NamedTuple):
    """One thing that is wrong: its place, and the rest of the sentence, with what is allowed."""

    place: Place
    why: str


class ConfigError(ValueError):
    """Settings that cannot be used: a line for each error, with its place and what is allowed there.

    ``errors`` has the same as values; their places are below ``owner``. No line holds a secret.
    """

    def __init__(self, owner: str, errors: Sequence[SettingError]) -> None:
        super().__init__("\n".join(f"{place_text((owner, *error.place))} {error.why}" for error in errors))
        self.owner = owner
        self.errors = tuple(errors)
