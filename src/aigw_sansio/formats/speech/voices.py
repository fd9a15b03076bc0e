"""Text to speech and voice agents over WebSockets: Rime, Hume.

Decides: what the server's messages mean; a binary message is audio. Must not know: the relay, or the client's messages.

Source: Rime API reference, "Websockets JSON"; Hume "EVI Chat" reference. Neither reports usage.
"""

from typing import Final

from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta, ToolKind
from ..base import BaseReader
from ..errors import response_failed
from ..values import JsonObject, base64_size, obj, text, word


class RimeReader(BaseReader):
    """Reads the messages of all contexts of a connection."""

    response_id = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        self.response_id = text(value.get("contextId"))[:256]
        if kind == "chunk":
            size = base64_size(value.get("data"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind == "done":
            self._started = False
            out.append(ResponseFinished("stop", kind))
        elif kind != "timestamps":
            self.unknown(value, out)


_HUME_QUIET: Final = frozenset(
    {
        "chat_metadata", "user_message", "user_interruption", "assistant_prosody", "tool_response", "tool_error",
        "session_settings",
    }
)  # fmt: skip


class HumeReader(BaseReader):
    """Reads a conversation with EVI. The text of an assistant message is what is spoken."""

    response_id = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if kind == "audio_output":
            size = base64_size(value.get("data"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind == "assistant_message":
            said = text(obj(value.get("message")).get("content"))
            if said:
                self.start(None, None, out)
                out.append(TextDelta(said))
        elif kind == "tool_call":
            run_by: ToolKind = "provider" if value.get("tool_type") == "builtin" else "function"
            self.start(None, None, out)
            self.calls.whole(
                word(value.get("tool_call_id")), word(value.get("name")), value.get("parameters"), out, kind=run_by
            )
        elif kind == "assistant_end":
            self._started = False
            out.append(ResponseFinished("stop", kind))
        elif kind == "error":
            out.append(response_failed(text(value.get("message")), word(value.get("slug")), word(value.get("code"))))
        elif kind not in _HUME_QUIET:
            self.unknown(value, out)
