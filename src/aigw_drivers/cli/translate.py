"""``aigw translate FILE``: a request, or with ``--answer`` a response, in another provider's format.

Decides: how the file is read, and how the result is printed. Must not know: any format;
:mod:`aigw_sansio.translate` does the work.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio.formats.values import BROKEN, parse
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    AnswerTranslator,
    Note,
    Prompt,
    Refused,
    answer_context,
    translate_answer,
    translate_request,
)

from .given import WrongOption

_ID: Final = "translated"
_STREAMS: Final = (".sse", ".ndjson", ".eventstream")


class TranslateError(ValueError):
    """The file holds no JSON object."""


def translate_file(path: str, *, source: str, target: str, stream: bool) -> tuple[bytes, bool]:
    """The request in ``path`` (``-``: standard input), translated: one JSON object, and whether it was refused. The
    object has ``method``, ``path``, ``headers``, ``body`` and ``notes``, or only ``refused``.

    ``stream``: ask for a stream, whatever the request says. Raises :class:`.WrongOption`, :class:`TranslateError`;
    ``OSError`` if the file cannot be read.
    """
    _check("--from", source, CLIENT_FORMATS)
    _check("--to", target, REQUEST_FORMATS)
    body = parse(_read(path))
    if body is BROKEN:
        raise TranslateError("it is no JSON; needed is the body of a request, a JSON object")
    result = translate_request(body, source=source, target=target, stream=stream or None)
    if isinstance(result, Refused):
        return msgspec.json.encode({"refused": result}), True
    request = result.request
    return msgspec.json.encode(
        {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body,
            "notes": result.notes,
        }
    ), False


def translate_answer_file(
    path: str, *, source: str, target: str, status: int, stream: bool
) -> Iterator[bytes | tuple[Note, ...]]:
    """The response in ``path`` for a client that speaks ``target``, in pieces, each without its last line end; then
    the notes.

    A whole response gives one JSON document, a stream (by the file's name, or ``stream``) server-sent events. Raises as
    :func:`translate_file`.
    """
    _check("--from", source, REQUEST_FORMATS)
    _check("--to", target, CLIENT_FORMATS)
    data = _read(path)
    now = int(time.time())
    context = answer_context(Prompt(include_usage=True), source, id=_ID, created=now)
    if not stream and not path.endswith(_STREAMS):
        answer = translate_answer(data, target=target, context=context, status=status, completed=now)
        yield answer.body
        yield answer.notes
        return
    translator = AnswerTranslator(target=target, context=context, provider=source)
    for piece in (translator.feed(data), translator.finish(completed=now)):
        if piece:
            yield piece.removesuffix(b"\n")
    yield translator.notes


def _check(option: str, name: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        raise WrongOption(f"{option} {name!r} is no format here; allowed are {', '.join(allowed)}")


def _read(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
