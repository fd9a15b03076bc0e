"""Google's format of a realtime session: Gemini Live, ``BidiGenerateContent``.

Decides: the JSON, the order of messages, and that they are JSON in binary messages. Must not know: frames, and when a
part is sent. Source: Gemini API reference, Live API. The client's keys may be in camel case or snake case.

A session with functions calls the first one before it speaks, and speaks when it has the result.
"""

import re
from typing import Final

import msgspec

from .options import Options
from .realtime import Action, End, RealtimeOptions, Say
from .text import Reply, arguments, compose, count_tokens
from .tone import RATE, speak

_SNAKE: Final = re.compile(r"_([a-z])")
_AUDIO_TOKENS_A_WORD: Final = 3
#: Inside these objects, the client chooses the names.
_NOT_OURS: Final = frozenset({"properties", "response", "args"})


class GeminiLive:
    """One session. Implements :class:`.RealtimeSession`."""

    def __init__(self, query: dict[str, str], options: RealtimeOptions) -> None:
        self._options = options
        self._setup: dict[str, object] | None = None
        self._audio = True
        self._function: dict[str, object] | None = None
        self._prompt: list[object] = []
        self._heard = 0  # characters of base64 since the last turn
        #: The running turn, and its words and calls so far.
        self._reply: Reply | None = None
        self._said = 0
        self._call_tokens = 0
        self._calls = 0
        self._to_call = False
        self._called: str | None = None  # the id of the call whose result we wait for

    @property
    def speaking(self) -> bool:
        return self._reply is not None and self._called is None

    def opened(self) -> list[Action]:
        return []

    def received(self, message: bytes, *, text: bool) -> list[Action]:
        try:
            value = _camel(msgspec.json.decode(message))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [End(1007, "Invalid JSON payload received.")]
        if not isinstance(value, dict):
            return [End(1007, "Invalid JSON payload received. A message is an object.")]
        if self._setup is None:
            return self._set_up(value)
        content, spoken = value.get("clientContent"), value.get("realtimeInput")
        if isinstance(content, dict):
            self._prompt.append(content.get("turns"))
            return self._begin() if content.get("turnComplete") else self._interrupt()
        if isinstance(spoken, dict):
            return self._listen(spoken)
        if isinstance(value.get("toolResponse"), dict):
            self._prompt.append(value["toolResponse"])
            return self._go_on() if self._called is not None else self._begin()
        return [End(1007, f"Unknown message: {', '.join(value) or 'empty'}")]

    def next(self) -> list[Action]:
        reply = self._reply
        if reply is None:
            return []
        if self._to_call:
            return [self._call(reply)]
        if self._said == len(reply.deltas):
            self._reply = None
            whole = self._content(generationComplete=True)
            end = _say({"serverContent": {"turnComplete": True}, "usageMetadata": self._usage(reply)})
            return [whole, end]
        word = reply.deltas[self._said]
        self._said += 1
        if not self._audio:
            return [self._content(modelTurn={"role": "model", "parts": [{"text": word}]})]
        inline = {"mimeType": f"audio/pcm;rate={RATE}", "data": speak(word)}
        steps: list[Action] = [self._content(modelTurn={"role": "model", "parts": [{"inlineData": inline}]})]
        if self._setup is not None and "outputAudioTranscription" in self._setup:
            steps.append(self._content(outputTranscription={"text": word}))
        return steps

    # -- inside -------------------------------------------------------------------------------------------------

    def _set_up(self, value: dict[str, object]) -> list[Action]:
        setup = value.get("setup")
        if not isinstance(setup, dict):
            return [End(1007, "The first message must be setup.")]
        self._setup = setup
        wanted = setup.get("generationConfig")
        modalities = wanted.get("responseModalities") if isinstance(wanted, dict) else None
        self._audio = modalities != ["TEXT"]
        self._function = _first_function(setup.get("tools"))
        self._prompt.append(setup.get("systemInstruction"))
        return [_say({"setupComplete": {"sessionId": "loopback"}})]

    def _listen(self, spoken: dict[str, object]) -> list[Action]:
        audio = spoken.get("audio")
        if isinstance(audio, dict) and isinstance(audio.get("data"), str):
            self._heard += len(audio["data"])
        if isinstance(spoken.get("text"), str):
            self._prompt.append(spoken["text"])
            return self._begin()
        if "activityStart" in spoken:
            return self._interrupt()
        if self._heard and ("activityEnd" in spoken or spoken.get("audioStreamEnd")):
            self._prompt.append(f"{self._heard} characters of audio")
            self._heard = 0
            return self._begin()
        return []

    def _interrupt(self) -> list[Action]:
        """The user speaks: the running turn ends here."""
        reply, self._reply = self._reply, None
        if reply is None:
            return []
        called, self._called = self._called, None
        cancelled = [] if called is None else [_say({"toolCallCancellation": {"ids": [called]}})]
        end = _say({"serverContent": {"turnComplete": True}, "usageMetadata": self._usage(reply)})
        return [*cancelled, self._content(interrupted=True), end]

    def _begin(self) -> list[Action]:
        steps = self._interrupt()
        self._call_tokens = 0
        self._go_on()
        self._to_call = self._function is not None
        return steps

    def _go_on(self) -> list[Action]:
        self._called = None
        self._reply = compose({"input": self._prompt}, Options(chunks=self._options.chunks))
        self._said = 0
        return []

    def _call(self, reply: Reply) -> Say:
        assert self._function is not None
        self._to_call = False
        self._calls += 1
        self._called = f"function-call-{self._calls}"
        schema = self._function.get("parameters", self._function.get("parametersJsonSchema"))
        call = {"name": self._function["name"], "args": arguments(schema, reply.seed)}
        self._call_tokens += count_tokens(call)
        return _say({"toolCall": {"functionCalls": [{**call, "id": self._called}]}})

    def _content(self, **fields: object) -> Say:
        return _say({"serverContent": fields})

    def _usage(self, reply: Reply) -> dict[str, object]:
        heard = reply.prompt_tokens
        spoken = self._said * _AUDIO_TOKENS_A_WORD if self._audio else 0
        written = self._call_tokens + (0 if self._audio else self._said)
        spent = {modality: count for modality, count in (("TEXT", written), ("AUDIO", spoken)) if count}
        return {
            "promptTokenCount": heard,
            "responseTokenCount": written + spoken,
            "totalTokenCount": heard + written + spoken,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": heard}],
            "responseTokensDetails": [{"modality": name, "tokenCount": count} for name, count in spent.items()],
        }


def _say(message: object) -> Say:
    return Say(msgspec.json.encode(message), text=False)


def _first_function(tools: object) -> dict[str, object] | None:
    for tool in tools if isinstance(tools, list) else []:
        functions = tool.get("functionDeclarations") if isinstance(tool, dict) else None
        for function in functions if isinstance(functions, list) else []:
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                return function
    return None


def _camel(value: object) -> object:
    """``value`` with the keys of its objects in camel case, except for names that the client chooses."""
    if isinstance(value, dict):
        return {
            (key := _SNAKE.sub(lambda found: found[1].upper(), name)): item if key in _NOT_OURS else _camel(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_camel(item) for item in value]
    return value
