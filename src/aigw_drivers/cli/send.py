"""``aigw send``: messages as they are, over one socket.

Decides: how long to wait for what the gateway says. Must not know: options and exit status.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ..client import connect
from ..client.client import check_url
from ..client.messages import read_message
from .output import Output

#: How a response, or a message that begins none, ends in the dialect of Responses.
_RESPONSES_ENDS: Final = frozenset(
    (
        "error",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.steer.failed",
    )
)
#: Our messages that have no end of their own.
_WITHOUT_END: Final = ("universal.cancel", "response.processed")


async def send_messages(url: str, texts: Sequence[str], token: str | None, output: Output) -> None:
    """Send ``texts`` and print each message that comes, until every exchange has ended; also in the dialect of
    Responses, at its URL. Raises ``ValueError`` for another kind of URL, what :func:`aigw_drivers.client.connect`
    raises, and :class:`aigw_drivers.client.WebSocketClosed` if the end comes first.
    """
    check_url(url)
    headers = [("cf-aig-authorization", f"Bearer {token}")] if token else []
    async with connect(url, headers=headers) as socket:
        for text in texts:
            await socket.send(text)
        open_ends = sum(_has_end(text) for text in texts)
        while open_ends and not output.reader_gone:
            answer = str(await socket.receive())
            output.write_line(answer)
            open_ends -= _is_end(answer)


def _is_end(answer: str) -> bool:
    message = read_message(answer)
    if message is None:
        return _type_of(answer) in _RESPONSES_ENDS
    return message.ends or message.kind == "pong"


def _has_end(text: str) -> bool:
    """Whether an end of its own follows our message."""
    return _type_of(text) not in _WITHOUT_END


def _type_of(text: str) -> object:
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) else None
