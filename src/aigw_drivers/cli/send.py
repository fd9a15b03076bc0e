"""``aigw send``: messages as they are, over one socket.

Decides: how long to wait for what the gateway says. Must not know: options and exit status.
"""

from collections.abc import Sequence

import msgspec

from ..client import connect
from ..client.messages import read_message
from .output import Output


async def send_messages(url: str, texts: Sequence[str], token: str | None, output: Output) -> None:
    """Send ``texts`` and print each message that comes, until every exchange has ended. Raises what
    :func:`aigw_drivers.client.connect` raises, and :class:`aigw_drivers.client.WebSocketClosed` if the end comes first.
    """
    headers = [("cf-aig-authorization", f"Bearer {token}")] if token else []
    async with connect(url, headers=headers) as socket:
        for text in texts:
            await socket.send(text)
        open_ends = sum(not _is_cancel(text) for text in texts)
        while open_ends and not output.reader_gone:
            answer = str(await socket.receive())
            output.write_line(answer)
            message = read_message(answer)
            if message is not None and (message.ends or message.kind == "pong"):
                open_ends -= 1


def _is_cancel(text: str) -> bool:
    """Whether our message ends another exchange and has no end of its own."""
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(message, dict) and message.get("type") == "universal.cancel"
