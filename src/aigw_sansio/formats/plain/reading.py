"""Reads requests with a plain conversation, from JSON or from its values.

Decides: the order of the steps: the conversation first, then the settings around it. Must not know: any format.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from ...json_text import UNREADABLE
from ...prompt import JsonObject, Prompt
from ..refusing import RequestRefused
from ..translation import Note, Refused
from .conversation import Plain
from .messages import RequestText

#: A prompt without turns, and its conversation.
ReadPlain: TypeAlias = tuple[Prompt, Plain]


class PlainReader:
    """Reads one format. Its methods return ``None`` for a request that is not plain, and then note nothing."""

    __slots__ = (
        "_decode",
        "_members",
        "_of_messages",
        "_of_value",
        "_place",
        "_read",
        "member",
    )

    def __init__(
        self,
        text: type[RequestText],
        member: str,
        *,
        of_value: Callable[[object], Plain | None],
        of_messages: Callable[[Any], Plain | None],
        read: Callable[[JsonObject, list[Note], Plain], Prompt],
    ) -> None:
        """``text`` is the form of the JSON, and ``member`` where it has its conversation: ``of_messages`` reads that
        once it is decoded, ``of_value`` a JSON value. ``read`` reads the settings around it."""
        self._decode = msgspec.json.Decoder(text).decode
        #: How ``msgspec`` names the place of a message.
        self._place = f"`$.{member}["
        self.member = member
        self._members = text.__struct_fields__
        self._of_value = of_value
        self._of_messages = of_messages
        self._read = read

    def read(self, body: JsonObject, notes: list[Note]) -> ReadPlain | Refused | None:
        """The prompt in ``body``."""
        return self._around(body, notes, self._of_value(body.get(self.member)))

    def read_text(self, text: bytes, notes: list[Note]) -> ReadPlain | Refused | Literal[False] | None:
        """The prompt in JSON. ``None``, too, if there are members beside that few requests have: next, :meth:`read` its
        value. ``False`` if that would find the conversation not plain."""
        try:
            found = self._decode(text)
        except msgspec.ValidationError as error:
            return False if self._place in str(error) else None
        except UNREADABLE:
            return None
        values = msgspec.structs.astuple(found)
        body = {name: value for name, value in zip(self._members, values, strict=True) if value is not UNSET}
        return self._around(body, notes, self._of_messages(body.pop(self.member))) or False

    def _around(self, body: JsonObject, notes: list[Note], plain: Plain | None) -> ReadPlain | Refused | None:
        if plain is None:
            return None
        try:
            return self._read(body, notes, plain), plain
        except RequestRefused as failure:
            return failure.refused
