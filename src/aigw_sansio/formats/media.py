"""Audio and images of a response, beside the events that tell their sizes.

Decides: where in a provider's chunk the content of an :class:`~aigw_sansio.events.AudioDelta` or
:class:`~aigw_sansio.events.ImageDelta` stands. Must not know: any single format.

Events hold no content, because a client of the provider's own format has it in the provider's chunk. Only a translation
needs it. It calls :func:`find_media` with the chunk whose events hold media, so nobody else pays for it. The strings of
a chunk are taken in the order of the document; one is the content of an event if it has the size that the event tells.
Only members that hold media in some format are looked at.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..events import AudioDelta, ImageDelta, ProviderEvent
from .values import base64_size, obj, parse, text, unbase64

#: The members that hold base64, a ``data:`` URL, or a URL.
_MEMBERS: Final = frozenset(
    {
        "audio", "b64_json", "bytes", "data", "delta", "fileUri", "file_uri", "image", "image_url", "images",
        "partial_image_b64", "result", "uri", "url",
    }
)  # fmt: skip
_PREVIEWS: Final = frozenset({"partial_image_b64"})
_URLS: Final = ("http:", "https:", "gs:", "s3:")
#: How the base64 of common images begins.
_SHAPES: Final = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lG", "image/gif"),
    ("UklGR", "image/webp"),
)
#: Levels of a chunk that are looked at.
_DEPTH: Final = 32


class Media(NamedTuple):
    """The content of one audio or image event: base64 in ``content``, or where it is in ``uri``. Both are empty if it
    was not found. ``preview``: a later image replaces it. ``mime_type`` is empty if nobody tells it."""

    content: str = ""
    uri: str = ""
    mime_type: str = ""
    preview: bool = False

    @property
    def url(self) -> str:
        """The URL that it is at, or a ``data:`` URL with all of it (RFC 2397). Empty if it was not found."""
        if not self.content:
            return self.uri
        return f"data:{self.mime_type or 'application/octet-stream'};base64,{self.content}"


def find_media(data: bytes, events: Sequence[ProviderEvent]) -> tuple[Media, ...]:
    """The content of each audio and image event in ``events``, in their order. ``data`` is the chunk, or the whole
    body, in which a reader found them. Never raises; linear in the size of ``data``."""
    wanted = [event for event in events if type(event) is AudioDelta or type(event) is ImageDelta]
    if not wanted:
        return ()
    by_size: dict[int, list[Media]] = {}
    for name, string in _strings(_unwrapped(parse(data)), 0):
        media = _media(name, string)
        if media is not None:
            by_size.setdefault(base64_size(media.content), []).append(media)
    for found in by_size.values():
        found.reverse()
    return tuple(_typed(event, by_size[event.size].pop() if by_size.get(event.size) else Media()) for event in wanted)


def _unwrapped(value: object) -> object:
    """Bedrock's InvokeModel puts the vendor's chunk into base64."""
    wrapped = obj(value).get("bytes", obj(obj(value).get("chunk")).get("bytes"))
    data = unbase64(wrapped) if type(value) is dict and len(value) <= 2 else None
    return value if data is None else parse(data)


def _strings(value: object, depth: int, name: str = "") -> Iterator[tuple[str, str]]:
    """The strings below members that can hold media, in the order of the document."""
    if type(value) is str:
        if name in _MEMBERS:
            yield name, value
    elif depth == _DEPTH:
        return
    elif type(value) is dict:
        for key, member in value.items():
            yield from _strings(member, depth + 1, key)
    elif type(value) is list:
        for item in value:
            yield from _strings(item, depth + 1, name)


def _media(name: str, string: str) -> Media | None:
    if string.startswith("data:"):
        kind, found, content = string[5:].partition(";base64,")
        return Media(content, mime_type=kind[:100]) if found else None
    if string.startswith(_URLS):
        return Media(uri=string)
    if not string or " " in string[:64] or "\n" in string[:64]:
        return None
    return Media(string, preview=name in _PREVIEWS)


def _typed(event: AudioDelta | ImageDelta, media: Media) -> Media:
    """``media`` with its type: its own, the event's (OpenAI says only ``png``), or that of its first bytes."""
    kind = media.mime_type or text(getattr(event, "media_type", None))
    if kind and "/" not in kind:
        kind = f"image/{kind}"
    if not kind and type(event) is ImageDelta:
        kind = next((name for start, name in _SHAPES if media.content.startswith(start)), "")
    return Media(media.content, media.uri, mime_type=kind, preview=media.preview)
