"""OpenAI Chat Completions, with the deviations of other providers.

Decides: what a ``chat.completion(.chunk)`` of OpenAI, Azure, Mistral, Groq, xAI, DeepSeek, Perplexity, OpenRouter,
Cerebras, Hugging Face, TGI, Ollama, Z.ai, Writer, Snowflake, Moonshot, Gemini's compatible path and similar providers
means. Must not know: the provider; each deviation is recognised by its content.

Source: OpenAI API reference, Chat Completions; recordings of each provider named. A finish is held back until the
transport ends, because usage may follow it, and some providers repeat it on chunks before the end.
"""

from typing import ClassVar, Final

from ...bodies.chunk import Chunk
from ...events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Unrecognised,
    UsageReported,
)
from ..base import BaseReader, ToolKind, choice_of
from ..errors import embedded_error
from ..values import JsonObject, arr, base64_size, count, obj, text, word
from .text_chunk import read_text_chunk

#: Members of a delta that are not content: they do not start a response.
_QUIET: Final = frozenset(
    {
        "role", "content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content", "name",
        "reasoning_details", "annotations", "audio", "images", "channel", "token_id", "prefix", "citations",
        "graph_data", "llm_data", "image_data", "translation_data", "web_search_data", "tool_call_id", "obfuscation",
        "provider_specific_fields", "reasoning_signature", "stop_reason", "padding", "p", "provider_metadata",
    }
)  # fmt: skip


#: Keys of whole responses without generated text: embeddings, files, batches, pages, rankings.
_OTHER_ANSWERS: Final = frozenset({"data", "object", "pages", "results", "embeddings"})


class OpenAIChatReader(BaseReader):
    """Reads Chat Completions, streamed and whole, and the older Completions (``choices[].text``): servers mix them."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"usage":{',
        b'"usage": {',
        b'"finish_reason":"',
        b'"finish_reason": "',
    )

    #: Whether the fast path for text chunks may be used. Formats that add their own members turn it off.
    FAST_TEXT_CHUNKS: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._cited = 0

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if self._started and self.FAST_TEXT_CHUNKS and not chunk.event and not chunk.failed:
            plain = read_text_chunk(chunk.data)
            if plain is not None:
                return [plain]
        return super().read(chunk)

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        choices = value.get("choices")
        if type(choices) is list and choices:
            if not self._started:
                self.start(value.get("id"), value.get("model"), out)
            for position, choice in enumerate(choices):
                self._read_choice(obj(choice), position, out)
        if "citations" in value:
            self._read_citations(arr(value["citations"]), out)
        usage = value.get("usage")
        if usage:
            self.report(openai_usage(obj(usage)), out)
        elif "x_groq" in value:
            usage = obj(value["x_groq"]).get("usage")
            if usage:
                self.report(openai_usage(obj(usage)), out)
        if "error" in value or "errors" in value:
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
        delta = choice.get("delta")
        if type(delta) is not dict:
            delta = choice.get("message")
        if type(delta) is dict:
            content = delta.get("content")
            if content and type(content) is str:
                out.append(TextDelta(content, index))
                if len(delta) > 1:
                    self._read_rest(delta, index, out)
            else:
                before = len(out)
                if content:
                    _read_parts(content, index, out)
                self._read_rest(delta, index, out)
                if len(out) == before:
                    odd = [key for key, part in delta.items() if part and key not in _QUIET]
                    if odd:
                        out.append(Unrecognised("delta with " + ", ".join(key[:40] for key in odd[:4])))
        elif type(choice.get("text")) is str:  # the older Completions
            piece = text(choice["text"])
            if piece:
                out.append(TextDelta(piece, index))
        reason = choice.get("finish_reason")
        if reason:
            self.end(index, word(reason))
        usage = choice.get("usage")
        if usage:  # Moonshot
            self.report(openai_usage(obj(usage)), out)

    def _read_rest(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and type(reasoning) is str:
            out.append(ReasoningDelta(reasoning, index))
        details = delta.get("reasoning_details")
        if details:
            _read_details(arr(details), index, out, with_text=not reasoning)
        calls = delta.get("tool_calls")
        if calls:
            for call in arr(calls):
                self._read_call(obj(call), index, out)
        legacy = delta.get("function_call")
        if legacy:
            named = obj(legacy)
            self.calls.fragment(
                choice=index, index=-1, id_=None, name=word(named.get("name")), args=named.get("arguments"), out=out
            )
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
                    out.append(Citation(word(cited.get("url")), word(cited.get("title")), choice=index))
        images = delta.get("images")
        if images:
            for image in arr(images):
                _read_image(obj(image), index, out)

    def _read_call(self, call: JsonObject, choice: int, out: list[ProviderEvent]) -> None:
        function = call.get("function")
        kind: ToolKind = "function"
        if "custom" in call:
            custom = obj(call["custom"])
            kind, name, args = "custom", custom.get("name"), custom.get("input")
        else:
            function = obj(function)
            name, args = function.get("name"), function.get("arguments")
        index = count(call.get("index"))
        # By position: keywords cost 120 ns more for each streamed fragment.
        self.calls.fragment(choice, index, word(call.get("id")), word(name), args, out, kind)

    def _read_citations(self, citations: list[object], out: list[ProviderEvent]) -> None:
        """Perplexity and xAI repeat the whole list: report only the new ones."""
        for cited in citations[self._cited :]:
            out.append(Citation(word(cited) or word(obj(cited).get("url")), word(obj(cited).get("title"))))
        self._cited = max(self._cited, len(citations))


def _read_parts(content: object, index: int, out: list[ProviderEvent]) -> None:
    """Read Mistral's content as a list: thinking, then text."""
    for part in arr(content):
        value = obj(part)
        kind = value.get("type")
        if kind == "text":
            if text(value.get("text")):
                out.append(TextDelta(text(value["text"]), index))
        elif kind == "thinking":
            thought = value.get("thinking")
            for piece in arr(thought) or [{"text": thought}]:
                if text(obj(piece).get("text")):
                    out.append(ReasoningDelta(text(obj(piece)["text"]), index))
        elif kind == "image_url":
            _read_image(value, index, out)
        elif kind == "refusal":
            if text(value.get("refusal")):
                out.append(RefusalDelta(text(value["refusal"]), index))
        elif kind == "reference":
            out.append(Citation(choice=index))
        else:
            out.append(Unrecognised(f"content part {text(kind)[:40]}"))


def _read_details(details: list[object], index: int, out: list[ProviderEvent], *, with_text: bool) -> None:
    """Read OpenRouter's ``reasoning_details``: their text is also in ``reasoning``, their signatures are only here."""
    for detail in details:
        value = obj(detail)
        piece = text(value.get("text")) or text(value.get("summary")) if with_text else ""
        sealed = word(value.get("data"))
        signature = word(value.get("signature")) or sealed
        if piece or signature:
            out.append(ReasoningDelta(piece, index, signature=signature, redacted=sealed is not None))


def _read_image(image: JsonObject, index: int, out: list[ProviderEvent]) -> None:
    url = image.get("image_url")
    address = text(url) or text(obj(url).get("url"))
    if address.startswith("data:"):
        media_type, _, data = address[5:].partition(";base64,")
        out.append(ImageDelta(base64_size(data), media_type[:100] or None, index))
    elif address:
        out.append(ImageDelta(0, None, index))


def openai_usage(usage: JsonObject) -> UsageReported:
    """Read ``usage`` with OpenAI's names: those of chat, Responses, audio and realtime.

    The input count includes cached tokens, the output count includes reasoning. xAI's chat does not include reasoning
    in the completion count; the total shows that.
    """
    read = obj(_first(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details"))
    written = obj(_first(usage, "completion_tokens_details", "output_tokens_details", "output_token_details"))
    cached = count(read.get("cached_tokens"))
    if cached is None:
        cached = count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    if cached is None:
        cached = count(usage.get("cached_tokens"))  # Moonshot
    created = count(read.get("cache_write_tokens"))
    if created is None:
        created = count(read.get("cache_creation_tokens"))
    prompt = count(usage.get("prompt_tokens"))
    completion = count(usage.get("completion_tokens"))
    reasoning = count(written.get("reasoning_tokens"))
    if reasoning is None:
        reasoning = count(usage.get("reasoning_tokens"))  # Perplexity
    if reasoning and count(usage.get("total_tokens")) == (prompt or 0) + (completion or 0) + reasoning:
        completion = (completion or 0) + reasoning
    return UsageReported(
        input_tokens=prompt if prompt is not None else count(usage.get("input_tokens")),
        output_tokens=completion if completion is not None else count(usage.get("output_tokens")),
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=created,
        reasoning_output_tokens=reasoning,
        input_audio_tokens=count(read.get("audio_tokens")),
        output_audio_tokens=count(written.get("audio_tokens")),
    )


def _first(holder: JsonObject, *names: str) -> object:
    for name in names:
        if name in holder:
            return holder[name]
    return None
