"""OpenAI Chat Completions, with the deviations of other providers.

Decides: what a ``chat.completion(.chunk)`` of OpenAI, Azure, Mistral, Groq, xAI, DeepSeek, Perplexity, OpenRouter,
Cerebras, Hugging Face, TGI, Ollama, Z.ai, Writer, Snowflake, Moonshot, Gemini's compatible path and similar providers
means. Must not know: the provider; each deviation is recognised by its content.

Source: OpenAI API reference, Chat Completions; recordings of each provider named. A finish is held back until the
stream ends, because usage may follow it, and some providers repeat it on chunks before the end. The terminator is
``[DONE]``; Perplexity, Cerebras, Writer, GPUStack send none: there the finish of every choice is the end. A stream may
have a whole response for a chunk (``message`` in place of ``delta``).
"""

from typing import ClassVar, Final

import msgspec

from ...events import (
    AudioDelta,
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    TextDelta,
    Unrecognised,
)
from ..base import NO_CHOICES, BaseReader, ToolKind, choice_of
from ..errors import embedded_error
from ..values import JsonObject, arr, base64_size, count, obj, text, word
from .content_parts import place_in_text, read_image, read_parts, read_reasoning
from .text_chunk import read_text_chunk
from .usage_counts import openai_usage

#: Members of a delta that are not content: they do not start a response.
_QUIET: Final = frozenset(
    {
        "role", "content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content", "name",
        "reasoning_details", "annotations", "audio", "images", "channel", "token_id", "prefix", "citations",
        "graph_data", "llm_data", "image_data", "translation_data", "web_search_data", "tool_call_id", "obfuscation",
        "provider_specific_fields", "reasoning_signature", "stop_reason", "padding", "p", "provider_metadata",
        "reasoning_text", "reasoning_opaque", "thinking", "thinking_blocks", "extra_content",
    }
)  # fmt: skip


#: Keys of whole responses without generated text: embeddings, files, batches, pages, rankings.
_OTHER_ANSWERS: Final = frozenset({"data", "object", "pages", "results", "embeddings"})


class OpenAIChatReader(BaseReader):
    """Reads Chat Completions, streamed and whole, and the older Completions (``choices[].text``): servers mix them."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"usage":{',
        b'"finish_reason":"',
        b'"base_resp"',
        b'"detail":',
        b'"message":"',
        b'"name":"',  # the first fragment of a tool call: beside one, a stop is no stop
    )
    ALWAYS_ENDS: ClassVar[bool] = True

    #: Formats that add members of their own turn it off.
    HAS_PLAIN: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._cited = 0
        self._id: str | None = None
        self._model: str | None = None
        self._thought: dict[int, bool] = {}  # the choices with reasoning; whether it comes in ``reasoning_details``
        self._blank = NO_CHOICES  # the choices whose finish reason is ""

    def read_plain(self, data: bytes) -> list[ProviderEvent]:
        plain = read_text_chunk(data)
        if plain is None:
            return []
        self._choices[plain.choice] = True
        return [plain]

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        choices = value.get("choices")
        if type(choices) is list and choices:
            first = len(out)
            for position, choice in enumerate(choices):
                self._read_choice(obj(choice), position, out)
            if not self._started:
                self._read_start(value, first, out)
        if "citations" in value:
            self._read_citations(arr(value["citations"]), out)
        usage = value.get("usage")
        if not usage and "x_groq" in value:
            usage = obj(value["x_groq"]).get("usage")
        if usage:
            self._read_usage(obj(usage), out)
        if "error" in value or "errors" in value or "base_resp" in value:
            error = embedded_error(value)
            if error is not None:
                out.append(error)
                return
        if not out and type(choices) is not list and not usage and not text(value.get("object")).startswith("chat."):
            self._read_odd(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        known = "choices" in value or "usage" in value or value.get("object") == "error"
        if known or _OTHER_ANSWERS.isdisjoint(value):
            self.read_object(value, "", out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        told = self._whole or self.terminated
        if raw is None and told and choice in self._blank and self.calls.asked(choice):
            return ResponseFinished("tool_calls", raw, choice)  # Snowflake tells no reason
        return super().finished(choice, raw)

    def _read_start(self, value: JsonObject, first: int, out: list[ProviderEvent]) -> None:
        """Report the start before the first event of this chunk, once there is an id or anything to be said."""
        self._id = self._id or word(value.get("id"))
        self._model = self._model or word(value.get("model"))
        if len(out) > first or self._ends or self._id or self._whole:
            started: list[ProviderEvent] = []
            self.start(self._id, self._model, started)
            out[first:first] = started

    def _read_usage(self, usage: JsonObject, out: list[ProviderEvent]) -> None:
        """A running total, unless every choice has finished or the chunk is no part of one."""
        told = openai_usage(usage)
        if self._choices and not (self._ends or self._ended or self._whole or self.terminated):
            told = msgspec.structs.replace(told, quality="partial")
        self.report(told, out)

    def _read_odd(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        piece = value.get("value")
        if type(piece) is str and len(value) == 1:  # Writer's streamed completions
            self.start(None, None, out)
            if piece:
                out.append(TextDelta(piece))
        else:
            self.unknown(value, out)

    def _read_choice(self, choice: JsonObject, position: int, out: list[ProviderEvent]) -> None:
        index = choice_of(choice.get("index"), position)
        if index is None:
            out.append(Unrecognised("choice index out of range"))
            return
        if index not in self._choices:
            self._choices[index] = False
        before = len(out)
        reason = choice.get("finish_reason")
        delta = choice.get("delta")
        message = choice.get("message")
        if type(message) is dict and (type(delta) is not dict or self._is_whole(delta, index, reason)):
            delta = message
        if type(delta) is dict:
            self._read_delta(delta, index, out)
        elif type(choice.get("text")) is str:  # the older Completions
            piece = text(choice["text"])
            if piece:
                out.append(TextDelta(piece, index))
        if len(out) > before:
            self._choices[index] = True
        if reason:
            self.end(index, word(reason))
        elif reason == "":
            self._blank |= {index}
        if "error" in choice:
            error = embedded_error(choice)
            if error is not None:
                out.append(error)
        usage = choice.get("usage")
        if usage:  # Moonshot
            self._read_usage(obj(usage), out)

    def _is_whole(self, delta: JsonObject, index: int, reason: object) -> bool:
        """Whether ``message`` counts in place of ``delta``. Perplexity and Writer send both: in a whole response the
        delta is empty, in a stream the message repeats all that came before."""
        if self._whole:
            return True
        said = delta.get("content") or delta.get("tool_calls") or self._choices[index]
        return bool(reason) and not said

    def _read_delta(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        content = delta.get("content")
        if content and type(content) is str:
            if "extra_content" in delta and obj(obj(delta["extra_content"]).get("google")).get("thought") is True:
                out.append(ReasoningDelta(content, index))
            else:
                out.append(TextDelta(content, index))
            if len(delta) > 1:
                self._read_rest(delta, index, out)
        else:
            before = len(out)
            if content:
                read_parts(content, index, out)
            self._read_rest(delta, index, out)
            if len(out) == before:
                odd = [key for key, part in delta.items() if part and key not in _QUIET]
                if odd:
                    out.append(Unrecognised("delta with " + ", ".join(key[:40] for key in odd[:4])))

    def _read_rest(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        self._read_reasoning(delta, index, out)
        calls = delta.get("tool_calls")
        if calls:
            for call in arr(calls) or [calls]:
                self._read_call(obj(call), index, out)
        elif delta.get("function_call"):
            named = obj(delta["function_call"])
            name, args = word(named.get("name")), named.get("arguments")
            if name or args:
                self.calls.fragment(index, -1, None, name, args, out)
        refusal = delta.get("refusal")
        if refusal and type(refusal) is str:
            out.append(RefusalDelta(refusal, index))
        audio = delta.get("audio")
        if audio:
            spoken = obj(audio)
            size = base64_size(spoken.get("data"))
            transcript = word(spoken.get("transcript"))
            if size or transcript:
                out.append(AudioDelta(size, transcript, index))
        annotations = delta.get("annotations")
        if annotations:
            for annotation in arr(annotations):
                cited = obj(obj(annotation).get("url_citation"))
                if cited:
                    out.append(_citation(cited, index))
        images = delta.get("images")
        if images:
            for image in arr(images):
                read_image(obj(image), index, out)

    def _read_reasoning(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        """Reasoning, which servers mirror under several names: the first form that a choice uses counts for its text,
        signatures count wherever they stand."""
        plain = (
            delta.get("reasoning_content")
            or delta.get("reasoning")
            or delta.get("reasoning_text")
            or delta.get("thinking")
        )
        details = delta.get("reasoning_details") or delta.get("thinking_blocks")
        if plain or details:
            in_details = self._thought.get(index, not plain)
            before = len(out)
            if plain and not in_details:
                if type(plain) is str:
                    out.append(ReasoningDelta(plain, index))
                else:
                    read_reasoning(plain, index, out)
            for detail in arr(details):
                read_reasoning(detail, index, out, with_text=in_details)
            if index not in self._thought and any(type(one) is ReasoningDelta and one.text for one in out[before:]):
                self._thought[index] = in_details  # a signature alone does not tell where the text will be
        signature = word(delta.get("reasoning_signature")) or word(delta.get("reasoning_opaque"))
        if signature is None and "extra_content" in delta:
            signature = _google_signature(delta)
        if signature:
            out.append(ReasoningDelta("", index, signature))

    def _read_call(self, call: JsonObject, choice: int, out: list[ProviderEvent]) -> None:
        kind: ToolKind = "function"
        custom = call.get("custom")
        if custom and any(obj(custom).values()):  # Snowflake writes an empty one beside a function
            function = obj(custom)
            kind, args = "custom", function.get("input")
        else:
            function = obj(call.get("function")) or call
            args = function.get("arguments")
            if args is None:
                args = function.get("parameters")
        name = word(function.get("name"))
        index = count(call.get("index"))
        signature = _google_signature(call) if "extra_content" in call else None
        # By position: keywords cost 120 ns more for each streamed fragment.
        self.calls.fragment(choice, index, word(call.get("id")), name, args, out, kind, signature)

    def _read_citations(self, citations: list[object], out: list[ProviderEvent]) -> None:
        """Perplexity and xAI repeat the whole list: report only the new ones."""
        for cited in citations[self._cited :]:
            out.append(Citation(word(cited) or word(obj(cited).get("url")), word(obj(cited).get("title"))))
        self._cited = max(self._cited, len(citations))


def _citation(cited: JsonObject, choice: int) -> Citation:
    start, end = place_in_text(cited)
    return Citation(word(cited.get("url")), word(cited.get("title")), choice=choice, start=start, end=end)


def _google_signature(holder: JsonObject) -> str | None:
    """The signature that Gemini's compatible path writes beside a call or a text."""
    return word(obj(obj(holder.get("extra_content")).get("google")).get("thought_signature"))
