"""Media by URL, for targets that take their content only: which URLs must be fetched, and the prompt with what was.

Decides: that the target's own writer tells what it takes by URL, and that media of a wrong kind are refused. Must not
know: any format, and who fetches.

Somebody else fetches: pure code cannot, and a URL that a client chose may point into the network of whoever follows it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

import msgspec

from ..formats.translation import LONGEST_MODEL, Note, Refused
from ..prompt import (
    Audio,
    Blob,
    File,
    FunctionTool,
    Image,
    Prompt,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    Uri,
    Video,
)
from .registry import find_format

Media: TypeAlias = Image | Audio | Video | File
_MEDIA: Final = (Image, Audio, Video, File)
_WEB: Final = ("http:", "https:")
#: So many different URLs of one request are looked at.
MOST_URLS: Final = 1000
_HELLO: Final = "aGVsbG8="
#: Content of each kind, of the types that most targets take.
_SAMPLES: Final[dict[type[Media], tuple[Blob, ...]]] = {
    Image: (Blob(_HELLO, "image/png"),),
    Audio: (Blob(_HELLO, "audio/wav"),),
    Video: (Blob(_HELLO, "video/mp4"),),
    File: (Blob(_HELLO, "application/pdf"), Blob(_HELLO, "text/plain")),
}
#: How the media types of each kind begin; those of files are any.
_KINDS: Final[dict[type[Media], tuple[str, str]]] = {
    Image: ("image/", "image"),
    Audio: ("audio/", "sound"),
    Video: ("video/", "film"),
    File: ("", "file"),
}
_UNKNOWN: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def wanted_media(prompt: Prompt, target: str) -> tuple[str, ...]:
    """The ``http`` and ``https`` URLs in ``prompt`` that a provider which speaks ``target`` does not fetch, if it takes
    their content; each once, in their order. Empty if none is needed, if the request would be refused all the same, or
    if it has more than :data:`MOST_URLS` of them: each is tried by itself.

    Next, fetch them, and call :func:`put_media`. Raises :class:`~aigw_sansio.errors.LocalProtocolError` for an unknown
    format.
    """
    return tuple(stand_ins(prompt, target))


def stand_ins(prompt: Prompt, target: str) -> dict[str, Blob]:
    """What may stand for the media of :func:`wanted_media` before they are fetched, by URL: with them, the request can
    be written, to see where it would go."""
    write = find_format(target).write
    found: dict[str, tuple[Media, bool]] = {}
    for part, is_inside in _by_url(prompt):
        assert type(part.source) is Uri
        found.setdefault(part.source.uri, (part, is_inside))
    wanted: dict[str, Blob] = {}
    few = len(found) <= MOST_URLS and len(prompt.model) <= LONGEST_MODEL  # each probe writes the model
    for url, (part, is_inside) in found.items() if few else ():
        if isinstance(write(_probe(prompt, part, inside=is_inside), []), Refused):
            for sample in _samples(part):
                filled = msgspec.structs.replace(part, source=sample)
                if not isinstance(write(_probe(prompt, filled, inside=is_inside), []), Refused):
                    wanted[url] = sample
                    break
    if not wanted:
        return {}
    filled_in = _filled(prompt, partial(_from, wanted))
    return {} if isinstance(write(filled_in, []), Refused) else wanted


def put_media(prompt: Prompt, fetched: Mapping[str, Blob]) -> tuple[Prompt, tuple[Note, ...]] | Refused:
    """``prompt`` with the content of the media whose URLs are in ``fetched``, and notes that say so. Refused if what is
    at the URL of an image is no image, and likewise for sounds and films.

    Next, :func:`~aigw_sansio.translate.write_request`. A media type may have parameters, which are left out; if it is
    unknown, the one that the request tells stands for it.
    """
    notes: list[Note] = []
    wrong: list[Refused] = []
    filled = _filled(prompt, partial(_checked, fetched, notes, wrong))
    return wrong[0] if wrong else (filled, tuple(notes))


def _from(known: Mapping[str, Blob], part: Media, field: str) -> Blob | None:
    """The content of ``part``, if it is ``known``."""
    return known.get(part.source.uri) if type(part.source) is Uri else None


def _checked(
    fetched: Mapping[str, Blob], notes: list[Note], wrong: list[Refused], part: Media, field: str
) -> Blob | None:
    """The content of ``part``, if it was ``fetched``, with a note; and what is ``wrong`` with it."""
    blob = _from(fetched, part, field)
    if blob is None:
        return None
    kind = blob.mime_type.partition(";")[0].strip().lower()
    if kind in _UNKNOWN and type(part.source) is Uri:
        kind = part.source.mime_type or kind
    start, name = _KINDS[type(part)]
    if not kind.startswith(start):
        wrong.append(Refused(f"{field}.source", f"What is at its URL is no {name}, by its media type."))
    notes.append(Note("mapped", f"{field}.source", "It was fetched here, because the target takes content only."))
    return Blob(blob.content, kind)


def _by_url(prompt: Prompt) -> Iterator[tuple[Media, bool]]:
    """The media by web URLs, and whether they are in the response of a tool."""
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, _MEDIA):
                if _is_web(part):
                    yield part, False
            elif isinstance(part, ToolCallResponse):
                for inner in part.response:
                    if isinstance(inner, _MEDIA) and _is_web(inner):
                        yield inner, True


def _samples(part: Media) -> tuple[Blob, ...]:
    """What ``part`` may be. A file that says to be a PDF is no text."""
    assert type(part.source) is Uri
    path = part.source.uri.partition("?")[0].partition("#")[0]
    is_pdf = type(part) is File and (part.source.mime_type == "application/pdf" or path.lower().endswith(".pdf"))
    return _SAMPLES[type(part)][:1] if is_pdf else _SAMPLES[type(part)]


def _is_web(part: Media) -> bool:
    return type(part.source) is Uri and part.source.uri[:6].lower().startswith(_WEB)


def _probe(prompt: Prompt, part: Media, *, inside: bool) -> Prompt:
    """The smallest request with ``part`` to the same model."""
    turns: tuple[Turn, ...] = (Turn("user", (Text("Look."), part)),)
    tools: tuple[FunctionTool, ...] = ()
    if inside:
        call, response = ToolCall("call_1", "look", "{}"), ToolCallResponse("call_1", (part,), "look")
        turns = (Turn("user", (Text("Look."),)), Turn("assistant", (call,)), Turn("tool", (response,)))
        tools = (FunctionTool("look"),)
    return Prompt(model=prompt.model, maker=prompt.maker, turns=turns, tools=tools, max_tokens=64)


def _filled(prompt: Prompt, content: Callable[[Media, str], Blob | None]) -> Prompt:
    """``prompt`` with ``content(part, field)`` for the source of each of the media that it has one for."""
    turns = tuple(
        msgspec.structs.replace(
            turn,
            parts=tuple(
                _filled_part(part, f"turns[{at}].parts[{number}]", content) for number, part in enumerate(turn.parts)
            ),
        )
        for at, turn in enumerate(prompt.turns)
    )
    return msgspec.structs.replace(prompt, turns=turns)


# No function inside of the one above: one that calls itself is part of a cycle, which holds the media until the garbage
# collector comes.
def _filled_part(part: object, field: str, content: Callable[[Media, str], Blob | None]) -> object:
    if isinstance(part, _MEDIA):
        blob = content(part, field)
        return part if blob is None else msgspec.structs.replace(part, source=blob)
    if isinstance(part, ToolCallResponse):
        inner = tuple(_filled_part(one, f"{field}.response[{at}]", content) for at, one in enumerate(part.response))
        return msgspec.structs.replace(part, response=inner)
    return part
