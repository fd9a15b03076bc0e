"""Readers and writers of requests that find nothing plain or usual, and so go the general way.

Decides: where the short ways begin. Must not know: what is read or written.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from aigw_sansio.formats import anthropic_read, anthropic_request, usual
from aigw_sansio.formats.client_values import as_object
from aigw_sansio.formats.openai import chat_tools, responses_tools
from aigw_sansio.formats.openai.chat_messages import MessageReader
from aigw_sansio.formats.openai.chat_order import is_in_order
from aigw_sansio.formats.openai.responses_read import ItemReader
from aigw_sansio.formats.plain.reading import PlainReader
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import Turn


@contextmanager
def nothing_plain() -> Iterator[None]:
    """Readers find no plain conversation."""
    with (
        mock.patch.object(PlainReader, "read", _read_nothing),
        mock.patch.object(PlainReader, "read_text", _read_nothing),
    ):
        yield


def _read_nothing(reader: PlainReader, body: object, notes: list[Note]) -> None:
    return None


@contextmanager
def nothing_usual() -> Iterator[None]:
    """Readers and writers find no usual shape, and nothing plain."""
    with nothing_plain(), _no_shapes():
        yield


@contextmanager
def _no_shapes() -> Iterator[None]:
    shapes: dict[object, object] = {
        usual.look_at: _look_in_vain,
        is_in_order: lambda turns, looked: False,
        chat_tools.read_usual_tool: lambda tool: None,
        responses_tools.read_usual_tool: lambda tool: None,
        anthropic_request.read_usual_tool: lambda tool: None,
    }
    found = [
        (module, name, shapes[value])
        for label, module in sys.modules.items()
        if label.startswith("aigw_sansio.formats.")
        for name, value in vars(module).items()
        if callable(value) and value in shapes
    ]
    assert len(found) > 10
    changed = [mock.patch.object(module, name, value) for module, name, value in found]
    changed.append(mock.patch.object(anthropic_read, "_usual_turn", return_value=None))
    changed.append(mock.patch.object(MessageReader, "read_all", _read_each_message))
    changed.append(mock.patch.object(ItemReader, "read_all", _read_each_item))
    for one in changed:
        one.start()
    try:
        yield
    finally:
        for one in changed:
            one.stop()


def _look_in_vain(turns: Sequence[Turn]) -> usual.Looked:
    return usual.Looked([None] * len(turns), list(enumerate(turns)))


def _read_each_message(reader: MessageReader, messages: Sequence[object]) -> None:
    for at, message in enumerate(messages):
        reader.read(at, message, last=at == len(messages) - 1)


def _read_each_item(reader: ItemReader, items: Sequence[object]) -> None:
    for at, item in enumerate(items):
        reader.read(as_object(item, f"input[{at}]"), f"input[{at}].")
