"""Media for Gemini: in the request, or a URL that it fetches.

Decides: which member says where media are, and which URLs a model fetches. Must not know: which part they are in.

Source: Gemini API reference, ``Blob`` and ``FileData``; "File input methods": since January 2026 Gemini 3 fetches
``https`` URLs at AI Studio; Vertex AI fetches public URLs for all models. YouTube and uploaded files go everywhere.
"""

import base64
import re
from typing import Final

from ...prompt import Blob, JsonObject, PlainText, Source, UploadedFile
from ..refusing import refusal
from ..request_tools import mapped
from ..translation import Note

_ALWAYS: Final = r"(?i)gs://|https?://(?:(?:www\.|m\.)?youtube\.com/|youtu\.be/|generativelanguage\.googleapis\.com/)"
_WEB: Final = r"(?i)https?://"
_TYPES: Final = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv",
    "html": "text/html", "json": "application/json", "mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac",
    "ogg": "audio/ogg", "m4a": "audio/mp4", "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm",
}  # fmt: skip


def media_part(source: Source | PlainText, usual: str, notes: list[Note], field: str, *, fetches: bool) -> JsonObject:
    """The part for ``source``. ``usual`` is the media type of a URL that tells none, which is noted. ``fetches``: the
    model takes any public URL. Refused: other URLs, and files that were uploaded to another vendor."""
    if isinstance(source, PlainText):
        content = base64.b64encode(source.text.encode("utf-8", "replace")).decode()
        return {"inlineData": {"mimeType": "text/plain", "data": content}}
    if isinstance(source, Blob):
        return {"inlineData": {"mimeType": source.mime_type or usual, "data": source.content}}
    if isinstance(source, UploadedFile):
        if source.maker != "google":
            raise refusal(f"{field}.source", "The file was uploaded to another vendor.")
        return _file(source.file_id, source.mime_type or _guess(usual, notes, field))
    if not re.match(_ALWAYS, source.uri):
        if not re.match(_WEB, source.uri):
            raise refusal(f"{field}.source", "Google fetches http, https and gs URLs only.")
        if not fetches:
            raise refusal(f"{field}.source", "This model fetches no URLs; the request must hold the media itself.")
    return _file(source.uri, source.mime_type or _type_of(source.uri) or _guess(usual, notes, field))


def _file(uri: str, kind: str) -> JsonObject:
    return {"fileData": {"fileUri": uri, "mimeType": kind}}


def _guess(usual: str, notes: list[Note], field: str) -> str:
    mapped(notes, f"{field}.source", "Gemini wants its media type, which nobody tells; the usual one is sent.")
    return usual


def _type_of(uri: str) -> str | None:
    """The media type that the ending of ``uri`` tells."""
    path = uri.partition("?")[0].partition("#")[0]
    return _TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower())
