"""The output of a response in an OpenAI realtime session: a message, spoken or written, or a call of a function.

Decides: the JSON of both, piece by piece, and when a function is called. Must not know: the session, other events, and
when a piece is sent. Source: OpenAI API reference, Realtime server events.
"""

from typing import Final, Protocol, TypeAlias

from .openai import tool_pieces
from .options import Options
from .text import Reply
from .tone import speak

#: The audio of one word counts as so many tokens.
_AUDIO_TOKENS_A_WORD: Final = 2

#: The type of an event, and its fields beside those that every event of an item has.
EventFields: TypeAlias = tuple[str, dict[str, object]]


class Output(Protocol):
    """One item, growing piece by piece."""

    @property
    def done(self) -> bool:
        """Whether it is complete."""

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens of text and of audio so far."""

    @property
    def where(self) -> dict[str, object]:
        """The fields of each event of its content, beside the ids of response and item."""

    def item(self, status: str) -> dict[str, object]:
        """The item so far, without its id."""

    def begin(self) -> list[EventFields]:
        """The events after the item was added."""

    def next(self) -> list[EventFields]:
        """The next piece."""

    def end(self) -> list[EventFields]:
        """The events that end it."""


class Message:
    """A text, word by word; with ``audio`` it is spoken. Implements :class:`Output`."""

    def __init__(self, reply: Reply, *, audio: bool) -> None:
        self._words = reply.deltas
        self._audio = audio
        self._said = 0

    @property
    def done(self) -> bool:
        return self._said == len(self._words)

    @property
    def tokens(self) -> tuple[int, int]:
        return self._said, self._said * _AUDIO_TOKENS_A_WORD if self._audio else 0

    @property
    def where(self) -> dict[str, object]:
        return {"output_index": 0, "content_index": 0}

    def item(self, status: str) -> dict[str, object]:
        content: list[object] = []
        if status != "in_progress":
            kind, name = ("output_audio", "transcript") if self._audio else ("output_text", "text")
            content = [{"type": kind, name: self._text}]
        return {"type": "message", "status": status, "role": "assistant", "content": content}

    def begin(self) -> list[EventFields]:
        return [("response.content_part.added", {"part": self._part("")})]

    def next(self) -> list[EventFields]:
        word = self._words[self._said]
        self._said += 1
        if not self._audio:
            return [("response.output_text.delta", {"delta": word})]
        return [
            ("response.output_audio_transcript.delta", {"delta": word}),
            ("response.output_audio.delta", {"delta": speak(word)}),
        ]

    def end(self) -> list[EventFields]:
        text = self._text
        part: EventFields = ("response.content_part.done", {"part": self._part(text)})
        if not self._audio:
            return [("response.output_text.done", {"text": text}), part]
        transcript: EventFields = ("response.output_audio_transcript.done", {"transcript": text})
        return [("response.output_audio.done", {}), transcript, part]

    @property
    def _text(self) -> str:
        return "".join(self._words[: self._said])

    def _part(self, text: str) -> dict[str, object]:
        return {"type": "audio", "transcript": text} if self._audio else {"type": "text", "text": text}


class FunctionCall:
    """A call, its arguments in pieces. Implements :class:`Output`."""

    def __init__(self, call_id: str, name: str, parameters: object, seed: int, chunks: int | None) -> None:
        self._call: dict[str, object] = {"name": name, "call_id": call_id}
        self._pieces = tool_pieces(parameters, seed, Options(chunks=chunks))
        self._said = 0

    @property
    def done(self) -> bool:
        return self._said == len(self._pieces)

    @property
    def tokens(self) -> tuple[int, int]:
        return self._said, 0

    @property
    def where(self) -> dict[str, object]:
        return {"output_index": 0, "call_id": self._call["call_id"]}

    def item(self, status: str) -> dict[str, object]:
        whole = "" if status == "in_progress" else self._arguments
        return {"type": "function_call", "status": status, **self._call, "arguments": whole}

    def begin(self) -> list[EventFields]:
        return []

    def next(self) -> list[EventFields]:
        piece = self._pieces[self._said]
        self._said += 1
        return [("response.function_call_arguments.delta", {"delta": piece})]

    def end(self) -> list[EventFields]:
        told = {"name": self._call["name"], "arguments": self._arguments}
        return [("response.function_call_arguments.done", told)]

    @property
    def _arguments(self) -> str:
        return "".join(self._pieces[: self._said])


def function_to_call(tools: object, choice: object, *, answered: bool) -> tuple[str, object] | None:
    """Name and parameters of the function that a response calls, or ``None`` if it speaks.

    With the choice ``auto`` it calls the first function, unless the last item is the result of a call (``answered``).
    ``required`` always calls it, a name calls the function of that name, ``none`` calls none.
    """
    functions = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    functions = [tool for tool in functions if tool.get("type") == "function" and isinstance(tool.get("name"), str)]
    if isinstance(choice, dict):
        functions = [tool for tool in functions if tool["name"] == choice.get("name")]
    elif choice != "required" and (choice == "none" or answered):
        return None
    return (functions[0]["name"], functions[0].get("parameters")) if functions else None
