"""The formats of requests: who reads them, who writes them.

Decides: which module speaks a format, and by which name a format is known. Must not know: what any format says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..bodies.framing import Framing
from ..errors import LocalProtocolError
from ..formats import anthropic_request, cohere_request, mistral, ollama_request, workers_ai_request
from ..formats.bedrock import converse_request
from ..formats.gemini import request as gemini_request
from ..formats.mistral import MISTRAL
from ..formats.openai import chat_request, responses_request
from ..formats.openai.like import Quirks
from ..formats.openai.quirks import LOOK_ALIKES, OPENAI, WRITERS
from ..formats.plain.reading import PlainReader
from ..formats.request_functions import ReadRequest, WriteRequest
from ..formats.request_tools import ANTHROPIC_NAMES, GEMINI_NAMES, OPENAI_NAMES, Alphabet
from ..formats.workers_ai_request import WORKERS_AI


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``answers`` is the name under which :mod:`aigw_sansio.formats.registry` reads its responses.

    ``names`` is the rule for names of tools, if there is one: other names are replaced. ``custom_tools``: whether it
    has tools with free text; elsewhere functions stand for them. ``maker`` is the vendor of the models; it is empty if
    the model tells. ``framing`` is that of streamed responses.
    """

    write: WriteRequest
    answers: str
    names: Alphabet | None
    maker: str = ""
    custom_tools: bool = False
    framing: Framing = Framing.SSE


_AWS: Final = Framing.AWS_EVENT_STREAM
_MESSAGES: Final = "anthropic-messages"


def _like(quirks: Quirks, write: WriteRequest) -> Format:
    return Format(
        write=write, answers="openai-chat", names=quirks.names, maker=quirks.maker, custom_tools=quirks.custom_tools
    )


def _own(
    write: WriteRequest, answers: str, names: Alphabet | None, *, maker: str = "", framing: Framing = Framing.SSE
) -> Format:
    return Format(write=write, answers=answers, names=names, maker=maker, framing=framing)


_FORMATS: Final[Mapping[str, Format]] = {
    "openai-chat": _like(OPENAI, chat_request.write_request),
    "openai-responses": Format(
        write=responses_request.write_request,
        answers="openai-responses",
        names=OPENAI_NAMES,
        maker="openai",
        custom_tools=True,
    ),
    _MESSAGES: _own(anthropic_request.write_request, _MESSAGES, ANTHROPIC_NAMES, maker="anthropic"),
    "gemini": _own(gemini_request.write_request, "gemini", GEMINI_NAMES, maker="google"),
    "vertex-gemini": _own(gemini_request.write_vertex_request, "gemini", GEMINI_NAMES, maker="google"),
    "bedrock-converse": _own(converse_request.write_request, "bedrock-converse", OPENAI_NAMES, framing=_AWS),
    "vertex-anthropic": _own(anthropic_request.write_vertex_request, _MESSAGES, ANTHROPIC_NAMES, maker="anthropic"),
    "bedrock-anthropic": _own(
        anthropic_request.write_bedrock_request, "bedrock-invoke", ANTHROPIC_NAMES, maker="anthropic", framing=_AWS
    ),
    "cohere-v2": _own(cohere_request.write_request, "cohere-v2", None, maker="cohere"),
    "ollama-chat": _own(ollama_request.write_request, "ollama", None, maker="ollama", framing=Framing.NDJSON),
    "mistral": _like(MISTRAL, mistral.write_request),
    "workers-ai": _like(WORKERS_AI, workers_ai_request.write_request),
    **{name: _like(quirks, WRITERS[name]) for name, quirks in LOOK_ALIKES.items()},
}
_READERS: Final[Mapping[str, tuple[ReadRequest, PlainReader]]] = {
    "openai-chat": (chat_request.read_request, chat_request.PLAIN),
    "openai-responses": (responses_request.read_request, responses_request.PLAIN),
    _MESSAGES: (anthropic_request.read_request, anthropic_request.PLAIN),
}

#: The formats in which a provider can be asked.
REQUEST_FORMATS: Final[tuple[str, ...]] = tuple(_FORMATS)
#: The formats in which a client can ask, and be answered.
CLIENT_FORMATS: Final[tuple[str, ...]] = tuple(_READERS)


def find_format(target: str) -> Format:
    """The format of this name; raises :class:`~aigw_sansio.errors.LocalProtocolError` if there is none."""
    found = _FORMATS.get(target)
    if found is None:
        raise LocalProtocolError(unknown_format(target, REQUEST_FORMATS))
    return found


def find_reader(source: str) -> tuple[ReadRequest, PlainReader]:
    """What reads a client's request in this format, any and plain ones; raises
    :class:`~aigw_sansio.errors.LocalProtocolError` if nothing does."""
    found = _READERS.get(source)
    if found is None:
        raise LocalProtocolError(unknown_format(source, CLIENT_FORMATS))
    return found


def unknown_format(name: str, allowed: Iterable[str]) -> str:
    """What is wrong with ``name``, and what is allowed."""
    return f"{name[:60]!r} is no format here; allowed are {', '.join(allowed)}"
