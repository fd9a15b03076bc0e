"""The parts of a message's content in Chat Completions, both ways.

Decides: what each type of part means, and how a target that lacks one is told. Must not know: messages and their order.

Source: OpenAI API reference, Chat Completions; Mistral's ``document_url`` and ``thinking``, OpenRouter's ``video_url``
and ``cache_control``, which clients write to a gateway too.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ...prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    JsonObject,
    Native,
    Part,
    PlainText,
    Reasoning,
    Refusal,
    Source,
    Text,
    UploadedFile,
    Uri,
    Video,
)
from ..client_values import as_object, as_text, get_object, get_text, need_text
from ..refusing import refusal
from ..request_tools import Placed, data_url, dropped, file_as_text, mapped, read_data_url
from ..translation import Note
from .like import Quirks

#: The format that defines what only OpenAI's Chat Completions have.
CHAT: Final = "openai-chat"
_MIME_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
#: The words of ``input_audio.format``, by the subtype of a media type.
_AUDIO_FORMATS: Final = {
    "wav": "wav", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "mpeg": "mp3", "mp3": "mp3", "flac": "flac",
    "ogg": "ogg", "aac": "aac", "mp4": "m4a", "m4a": "m4a", "aiff": "aiff", "l16": "pcm16",
}  # fmt: skip
#: What OpenAI itself takes of them.
_OPENAI_AUDIO: Final = frozenset({"wav", "mp3"})
_KNOWN: Final = {
    "text": frozenset({"text"}),
    "input_text": frozenset({"text"}),
    "output_text": frozenset({"text"}),
    "image_url": frozenset({"image_url"}),
    "input_audio": frozenset({"input_audio"}),
    "file": frozenset({"file"}),
    "document_url": frozenset({"document_url", "document_name"}),
    "video_url": frozenset({"video_url"}),
    "refusal": frozenset({"refusal"}),
    "thinking": frozenset({"thinking", "closed"}),
}
_TEXT_MEMBERS: Final = {"type", "text"}
_MARKS: Final = frozenset({"type", "cache_control", "prompt_cache_breakpoint"})


# -- reading ----------------------------------------------------------------------------------------------------------


def read_parts(content: object, field: str, notes: list[Note]) -> list[Part]:
    """The parts in ``content``: a string, an array of parts, or null. Empty texts are left out."""
    if content is None:
        return []
    if type(content) is str:
        return [Text(content)] if content else []
    if type(content) is not list:
        raise refusal(field, "It must be a string or an array of parts.", "type")
    parts: list[Part] = []
    for number, one in enumerate(content):
        at = f"{field}[{number}]"
        part = _read_part(as_object(one, at), at, notes) if type(one) is not str else Text(one) if one else None
        if part is not None:
            parts.append(part)
    return parts


def _read_part(value: JsonObject, field: str, notes: list[Note]) -> Part | None:
    at = field + "."
    kind = need_text(value, "type", at)
    known = _KNOWN.get(kind)
    if known is None:
        return Native("openai", value, CHAT)
    for name, told in value.items():
        if name not in known and name not in _MARKS and told is not None:
            dropped(notes, at + name[:60], "It is no member of such a part.")
    cache = read_cache_mark(value, at)
    if kind in ("text", "input_text", "output_text"):
        text = get_text(value, "text", at)
        return Text(text, cache) if text else None
    if kind == "image_url":
        return _read_image(value.get("image_url"), at, cache)
    if kind == "input_audio":
        return Audio(_read_audio(value.get("input_audio"), at), cache)
    if kind == "file":
        return _read_file(get_object(value, "file", at) or {}, at + "file.", cache)
    if kind == "document_url":
        return File(_read_url(value.get(kind), at + kind), get_text(value, "document_name", at), cache=cache)
    if kind == "video_url":
        return Video(_read_url(value.get(kind), at + kind), cache)
    if kind == "refusal":
        told = get_text(value, "refusal", at)
        return Refusal(told) if told else None
    return _read_thinking(value.get("thinking"), at + "thinking")


def read_cache_mark(value: JsonObject, at: str) -> CacheMark | None:
    """The mark that the prompt may be cached up to here: OpenAI's, or Anthropic's as OpenRouter takes it too."""
    for name in ("cache_control", "prompt_cache_breakpoint"):
        mark = get_object(value, name, at)
        if mark is not None:
            return CacheMark(get_text(mark, "ttl", f"{at}{name}."))
    return None


def _read_image(told: object, at: str, cache: CacheMark | None) -> Image:
    detail = None
    if type(told) is dict:
        detail = get_text(told, "detail", at + "image_url.")
    return Image(_read_url(told, at + "image_url"), detail, cache)


def _read_url(told: object, field: str) -> Blob | Uri:
    """Media by a URL: a string, or an object with one."""
    url = need_text(told, "url", field + ".") if type(told) is dict else as_text(told, field)
    if url[:5].lower() != "data:":
        if not url:
            raise refusal(field, "It must be a URL.")
        return Uri(url)
    blob = read_data_url(url)
    if blob is None:
        raise refusal(field, "It must be a URL, or a data URL with base64.")
    return blob


def _read_audio(told: object, at: str) -> Source:
    if type(told) is str and told:  # Mistral: base64 or a URL
        return Uri(told) if told.startswith(("https:", "http:")) else read_data_url(told) or Blob(told, "audio/mpeg")
    sound = as_object(told, at + "input_audio")
    content = need_text(sound, "data", at + "input_audio.")
    form = need_text(sound, "format", at + "input_audio.").lower()
    blob = read_data_url(content)
    return Blob(blob.content if blob else content, _MIME_TYPES.get(form, "audio/" + form))


def _read_file(file: JsonObject, at: str, cache: CacheMark | None) -> File:
    name = get_text(file, "filename", at) or None
    told = get_text(file, "file_data", at)
    if told:
        source: Source = Uri(told) if told.startswith(("https:", "http:")) else read_data_url(told) or _bare(told, name)
    else:
        source = UploadedFile(need_text(file, "file_id", at), "openai")
    return File(source, name, cache=cache)


def _bare(content: str, name: str | None) -> Blob:
    """Base64 without a data URL around it, which OpenAI takes for a PDF."""
    plain = name is not None and name.endswith((".txt", ".md"))
    return Blob(content, "text/plain" if plain else "application/pdf")


def _read_thinking(told: object, field: str) -> Reasoning | None:
    """Mistral's reasoning: texts in a list, or one."""
    if type(told) is str:
        return Reasoning(told) if told else None
    if type(told) is not list:
        raise refusal(field, "It must be a string or an array.", "type")
    text = "".join(get_text(as_object(one, field), "text", field + ".") or "" for one in told)
    return Reasoning(text) if text else None


# -- writing ----------------------------------------------------------------------------------------------------------


class PartWriter:
    """Writes parts for one target. One object for each request."""

    __slots__ = ("_marks", "_notes", "_quirks")

    def __init__(self, quirks: Quirks, notes: list[Note], marks: Callable[[CacheMark], JsonObject] | None) -> None:
        self._quirks = quirks
        self._notes = notes
        self._marks = marks

    def content(self, parts: Sequence[Placed]) -> str | list[JsonObject]:
        """The content of a message of ``parts``: a string if it may be one."""
        written = [self.write(placed) for placed in parts]
        plain = all(part.keys() == _TEXT_MEMBERS for part in written)
        if plain and (len(written) < 2 or not self._quirks.text_parts):
            return "\n".join(str(part["text"]) for part in written)
        return written

    def write(self, placed: Placed) -> JsonObject:
        """One part as an object."""
        part = self._bare_part(placed.field, placed.part)
        mark = self.mark(placed.field, getattr(placed.part, "cache", None))
        return {**part, **mark} if mark else part

    def sendable(self, parts: Sequence[Placed]) -> list[Placed]:
        """``parts`` without the blocks that only another vendor defines, which are noted."""
        kept: list[Placed] = []
        for placed in parts:
            part = placed.part
            if type(part) is Native and (part.maker != self._quirks.maker or part.format not in ("", CHAT)):
                dropped(self._notes, placed.field, f"{self._quirks.name} does not define this block.")
            else:
                kept.append(placed)
        return kept

    def is_text(self, part: Part) -> bool:
        """Whether ``part`` is written as text: also a file of text, if the target has none."""
        if type(part) is File and (type(part.source) is PlainText or not self._quirks.files):
            return file_as_text(part) is not None
        return type(part) is Text

    def mark(self, field: str, cache: CacheMark | None) -> JsonObject:
        """The member that marks what may be cached, if there is a mark and the target takes one."""
        if cache is None:
            return {}
        if self._marks is not None:
            return self._marks(cache)
        dropped(self._notes, field + ".cache", f"{self._quirks.name} is not told what to cache here.")
        return {}

    def _bare_part(self, field: str, part: Part) -> JsonObject:
        quirks = self._quirks
        if type(part) is Text:
            if part.opaque is not None and quirks.replay != "details":
                dropped(self._notes, field + ".opaque", f"{quirks.name} takes no signatures.")
            return {"type": "text", "text": part.text}
        if type(part) is Image and quirks.images:
            if type(part.source) is Uri and not quirks.image_urls:
                raise refusal(field + ".source", f"{quirks.name} does not fetch images; send their content.")
            image: JsonObject = {"url": self._url(field, part.source)}
            if part.detail is not None:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        if type(part) is Audio and quirks.audio:
            return {"type": "input_audio", "input_audio": self._audio(field, part.source)}
        if type(part) is File and (quirks.files or self.is_text(part)):
            return self._file(field, part)
        if type(part) is Video and quirks.video:
            return {"type": "video_url", "video_url": {"url": self._url(field, part.source)}}
        if type(part) is Refusal:
            if quirks.maker == "openai":
                return {"type": "refusal", "refusal": part.text}
            mapped(self._notes, field, f"{quirks.name} has no refusals; it is sent as text.")
            return {"type": "text", "text": part.text}
        if type(part) is Native:
            return part.value
        raise refusal(field, f"{quirks.name} takes no such content here: {type(part).__name__.lower()}.")

    def _url(self, field: str, source: Source) -> str:
        if type(source) is Blob:
            return data_url(source)
        if type(source) is Uri and source.uri.lower().startswith(("https:", "http:", "data:")):
            return source.uri
        raise refusal(field + ".source", f"{self._quirks.name} takes media in the request or by a web address only.")

    def _audio(self, field: str, source: Source) -> JsonObject:
        if type(source) is Blob:
            form = _AUDIO_FORMATS.get(source.mime_type.partition(";")[0].lower().removeprefix("audio/"))
            if form is not None and (form in _OPENAI_AUDIO or self._quirks.maker != "openai"):
                return {"data": source.content, "format": form}
        raise refusal(field + ".source", f"{self._quirks.name} takes sound in the request only, and as WAV or MP3.")

    def _file(self, field: str, file: File) -> JsonObject:
        name, source = self._quirks.name, file.source
        if file.citations:
            dropped(self._notes, field + ".citations", f"{name} does not quote documents.")
        if file.context is not None:
            dropped(self._notes, field + ".context", f"{name} has no place for it.")
        if isinstance(source, PlainText) or not self._quirks.files:
            mapped(self._notes, field, f"{name} has no files of text; it is sent as text.")
            text = file_as_text(file) or ""
            return {"type": "text", "text": f"{file.name}\n\n{text}" if file.name else text}
        if self._quirks.document_urls:
            return self._document(field, file.name, source)
        told: JsonObject
        if type(source) is UploadedFile and source.maker == self._quirks.maker:
            told = {"file_id": source.file_id}
            if file.name is not None:
                told["filename"] = file.name
            return {"type": "file", "file": told}
        if type(source) is Uri and not self._quirks.file_urls:
            raise refusal(field + ".source", f"{name} does not fetch files; send its content.")
        told = {"filename": file.name, "file_data": self._url(field, source)}
        if file.name is None:
            mapped(self._notes, field + ".name", f"{name} needs a name; it gets a general one.")
            told["filename"] = _general_name(source)
        return {"type": "file", "file": told}

    def _document(self, field: str, name: str | None, source: Source) -> JsonObject:
        """Mistral's forms."""
        if type(source) is UploadedFile and source.maker == self._quirks.maker:
            return {"type": "file", "file_id": source.file_id}
        told: JsonObject = {"type": "document_url", "document_url": self._url(field, source)}
        if name is not None:
            told["document_name"] = name
        return told


def _general_name(source: Source) -> str:
    kind = source.mime_type if type(source) is Blob else None
    return "document.txt" if kind is not None and kind.startswith("text/") else "document.pdf"
