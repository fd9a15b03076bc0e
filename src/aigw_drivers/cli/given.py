"""What a person gave to a command, and what is wrong with it, in words for that person.

Decides: how a file that cannot be read is told, and that texts are UTF-8. Must not know: commands.
"""

import sys
from getpass import getpass


class WrongOption(ValueError):
    """An option or an argument cannot be used. The text says which, and what is allowed."""


def unreadable(name: object, error: OSError) -> str:
    """Why the file ``name`` cannot be read."""
    return f"{name}: cannot be read: {error.strerror or error}"


def checked_texts(**texts: str | None) -> None:
    """Raise :class:`WrongOption` if one of ``texts``, by what it is called, is not UTF-8. (Python passes other bytes
    of a command line on as half characters, which nothing can send.)"""
    for name, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise WrongOption(f"{name} is not UTF-8") from None


def standard_input() -> str:
    """All of it. Raises :class:`WrongOption` if it is not UTF-8."""
    data = sys.stdin.buffer.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise WrongOption(f"standard input is not UTF-8: byte {error.start} is wrong") from None


def given_key() -> str:
    """The first line of standard input; a person at a terminal is asked for it, and does not see it."""
    return (getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
