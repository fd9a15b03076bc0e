"""Steps for the provider ``compat``: the client writes in its own format, and the model names the provider.

Decides: how such a step becomes one for that provider, and how its response is shown (client protocol, section 3.5).
Must not know: any format (a :class:`.Translator` does), and where providers are (:mod:`aigw_sansio.providers.compat`).

A step is translated once, when it is planned, however often it is tried. If the provider speaks the client's format
itself, only the model is replaced, and the response passes untouched.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from ..config import GatewaySettings, ProviderSettings
from ..dialects.commands import Step
from ..exchanges.ports import AnswerPlan
from ..faults import Fault, FaultKind, Problem, Side, WrongField
from ..formats.answers.base import AnswerContext, AnswerWriter
from ..formats.translation import LONGEST_MODEL, Note, Refused, WireRequest
from ..formats.values import parse, raw_members
from ..json_text import NOT_WRITABLE
from ..parts.translator import Translator
from ..prompt import Blob, Prompt
from ..providers.auth import take_key
from ..providers.compat import CLIENT_ENDPOINTS, COMPAT, ClientFormat, CompatTarget, find_target
from ..providers.headers import refuse
from ..providers.registry import NO_ROWS
from ..providers.row import Provider
from .given_media import GivenMedia, given_bytes

#: The client's endpoints, as errors name them, and where a provider that speaks the format takes it.
_OWN_PATHS: Final[dict[ClientFormat, str]] = {
    "openai-chat": "chat/completions",
    "openai-responses": "responses",
    "anthropic-messages": "v1/messages",
}
#: What a client of Anthropic's must say, and another one cannot know.
_NEEDED: Final = {"anthropic-messages": (("anthropic-version", "2023-06-01"),)}
#: How much more memory objects take than their JSON: measured with CPython 3.11 for the schemas of tools.
_OBJECTS: Final = 6
_MOST_NOTES: Final = 100
_NEEDS_MODEL: Final = "needed is an object with model: PROVIDER/MODEL"
_NO_TRANSLATOR: Final = (
    "this gateway translates nothing: its host made it without Parts(translator=aigw_sansio.translate)"
)
_VERSION: Final = re.compile(r"/*(?:v1/)?")
_decode: Final = msgspec.json.Decoder().decode


class CompatStep(NamedTuple):
    """``step`` for the provider itself, and what is needed to show its response in ``client_format``. ``context`` and
    ``translator`` are ``None`` if the client's own text is sent. ``media_bytes``: the size of the media in it that the
    host gave."""

    step: Step
    client_format: ClientFormat
    notes: tuple[Note, ...] = ()
    context: AnswerContext | None = None
    media_bytes: int = 0
    translator: Translator | None = None


class MediaWanted(NamedTuple):
    """The step needs the content of ``urls`` first: the provider takes no URLs of media. ``draft`` has something else
    in their place."""

    urls: tuple[str, ...]
    draft: CompatStep


def translate_step(
    step: Step,
    settings: Mapping[str, ProviderSettings],
    is_secret: Callable[[str], bool],
    given: GivenMedia | None = None,
    rows: Mapping[str, Provider] = NO_ROWS,
    translator: Translator | None = None,
    wanted: Sequence[str] | None = None,
) -> CompatStep | MediaWanted | Fault:
    """The step for the provider that the model of ``step`` names, or why there is none.

    ``settings`` of the providers, by slug. ``is_secret``: whether a text must not be quoted. ``given``: media that the
    host gave already; ``None`` if it is not to be asked. ``rows``: the host's own providers, by slug.
    ``translator``: without one only a provider that speaks the client's format can be asked. ``wanted``: the
    URLs of :class:`MediaWanted`, if it was said already for this step. Next, build its call, and then its
    :func:`answer_plan`; or have the media fetched, and call this again with them.
    """
    client_format = CLIENT_ENDPOINTS.get(_VERSION.sub("", step.endpoint, count=1))
    if client_format is None:
        allowed = ", ".join(_OWN_PATHS.values())
        return refuse("request.endpoint", f"is none of {COMPAT}; allowed are {allowed}, and models with GET")
    if step.method.upper() != "POST":
        return refuse("request.method", "is not allowed here; allowed is POST")
    text = step.body if step.query is None else step.query
    if text is None:
        return refuse("request.query", f"is missing; {_NEEDS_MODEL}")
    members = raw_members(text)
    if members is None:
        return refuse("request.query", f"is no JSON object; {_NEEDS_MODEL}")
    model = parse(members["model"]) if "model" in members else None
    if type(model) is not str:
        return refuse("request.query.model", "is missing or no text; needed is PROVIDER/MODEL")
    if len(model) > LONGEST_MODEL:
        return refuse("request.query.model", f"has more than {LONGEST_MODEL} characters")
    key = take_key({name.lower(): value for name, value in step.headers})
    target = find_target(model, client_format, settings, bearer=key, rows=rows, is_secret=is_secret)
    if isinstance(target, Fault):
        return target
    if target.passes:
        endpoint = target.endpoint or target.prefix + _OWN_PATHS[client_format]
        headers = _headers(step, target, _NEEDED.get(target.format, ()))
        query = msgspec.json.encode({**members, "model": target.model})
        planned = _for_provider(step, target, endpoint, headers, query)
        return CompatStep(planned, client_format)
    if translator is None:
        detail = f"{target.provider} does not speak {client_format}, and {_NO_TRANSLATOR}"
        return Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail)
    notes: tuple[Note, ...] = ()
    done = translator.translate_request(text, source=client_format, target=target.format, model=target.model)
    if not isinstance(done, Refused):
        prompt, written = done.settings, _Written(done.request, done.notes)
    else:  # it is no strict JSON, it cannot be read, or it can be written once media are fetched
        try:
            value = _decode(text)
        except NOT_WRITABLE:
            value = parse(text)
            notes = (Note("mapped", "query", "Halves of surrogate pairs are sent as other characters."),)
        read = translator.read_request(value, client_format)
        if isinstance(read, Refused):
            return _refused(read, read.field, read.problem or "value")
        prompt = msgspec.structs.replace(read[0], model=target.model)
        tried = _write(translator, prompt, target.format, given, wanted)
        if isinstance(tried, Refused):
            field = translator.client_field(tried.field, value, client_format, prompt)
            return _refused(tried, field, tried.problem or "unsupported", target.provider)
        written = tried._replace(notes=(*read[1], *tried.notes))
    request, losses, media_bytes, missing = written
    try:
        query = msgspec.json.encode(request.body)
    except NOT_WRITABLE:
        return refuse("request.query", "has a number or a nesting that cannot be written again")
    endpoint = target.endpoint or target.prefix + request.path.lstrip("/")
    headers = _headers(step, target, request.headers)
    context = translator.answer_context(prompt, target.format, id="", created=0, request=request)
    context = msgspec.structs.replace(context, prompt=_repeated(prompt, client_format))
    translated = CompatStep(
        _for_provider(step, target, endpoint, headers, query),
        client_format,
        notes=_few((*notes, *_lost_headers(step, target), *losses)),
        context=context,
        media_bytes=media_bytes,
        translator=translator,
    )
    return MediaWanted(missing, translated) if missing else translated


def _refused(refused: Refused, field: str, problem: Problem, provider: str = "") -> WrongField:
    """The fault of a request whose ``field``, in the client's words, cannot be read, or be asked of ``provider``."""
    why = f"cannot be asked of {provider}: {refused.why}" if provider else refused.why
    detail = f"request.query.{field}{' ' if provider else ': '}{why}"
    return WrongField(FaultKind.INVALID_REQUEST, Side.CLIENT, detail, field=field, problem=problem, why=why)


class _Written(NamedTuple):
    """``wanted``: the URLs of media for which something else stands in ``request``."""

    request: WireRequest
    notes: tuple[Note, ...]
    media_bytes: int = 0
    wanted: tuple[str, ...] = ()


def _write(
    translator: Translator, prompt: Prompt, target: str, given: GivenMedia | None, wanted: Sequence[str] | None
) -> _Written | Refused:
    """``prompt`` for a provider that speaks ``target``, with the media that it takes no URLs of. To find out which
    those are, each is tried, unless ``wanted`` tells it."""
    written = translator.write_request(prompt, target)
    if not isinstance(written, Refused):
        return _Written(*written)
    found: dict[str, Blob] = {}
    if given is not None and wanted is None:
        found = {**translator.stand_ins(prompt, target)}
        wanted = tuple(found)
    if given is None or not wanted:
        return written
    missing = tuple(url for url in wanted if url not in given)
    if not missing:
        for url in wanted:
            content = given[url]
            if not isinstance(content, Blob):
                return Refused(written.field, f"{written.why} {content}")
            found[url] = content
    filled = translator.put_media(prompt, found)
    if isinstance(filled, Refused):
        return filled
    again = translator.write_request(filled[0], target)
    if isinstance(again, Refused):
        return again
    notes = (*filled[1], *again[1])
    return _Written(again[0], notes, media_bytes=0 if missing else given_bytes(found), wanted=missing)


def answer_plan(compat: CompatStep, provider_format: str) -> AnswerPlan:
    """How the response, which the provider writes in ``provider_format``, is shown."""
    context, client_format, translator = compat.context, compat.client_format, compat.translator
    if context is None or translator is None or (provider_format == client_format and not _renames(context)):
        return AnswerPlan(compat.notes, memory=compat.media_bytes)
    # No function inside of this one: compiled, it would be part of a cycle.
    writer = partial(_writer, translator, context, client_format, provider_format)
    memory = _OBJECTS * len(msgspec.json.encode(context.prompt)) + compat.media_bytes
    return AnswerPlan(compat.notes, format=client_format, writer=writer, memory=memory)


def _writer(
    translator: Translator,
    context: AnswerContext,
    client_format: ClientFormat,
    provider_format: str,
    id: str,
    created: int,
) -> AnswerWriter:
    known = msgspec.structs.replace(context, id=id, created=created, source=provider_format)
    return translator.make_writer(client_format, known)


def _repeated(prompt: Prompt, client_format: ClientFormat) -> Prompt:
    """What a response may say again of its request: never the turns, which may be long."""
    if client_format == "openai-responses":
        return msgspec.structs.replace(prompt, turns=())
    return Prompt(model=prompt.model, logprobs=prompt.logprobs, maker=prompt.maker)


def _renames(context: AnswerContext) -> bool:
    """Whether something in the response stands for something else."""
    return bool(context.tool_names or context.custom_tools) or context.output_tool is not None


def list_models(
    steps: Sequence[Step], gateway: GatewaySettings, settings: Mapping[str, ProviderSettings]
) -> bytes | None:
    """The response to ``GET models``, as OpenAI writes it; ``None`` if the first of ``steps`` asks for something else.

    It names the models of the ``settings`` of providers that the ``gateway`` lets its clients use.
    """
    first = steps[0]
    if (
        first.provider != COMPAT
        or first.method.upper() != "GET"
        or _VERSION.sub("", first.endpoint, count=1) != "models"
    ):
        return None
    allowed = gateway.providers
    rows = [
        {"id": f"{slug}/{model}", "object": "model", "created": 0, "owned_by": slug}
        for slug, own in settings.items()
        for model in own.models
        if allowed is None or slug in allowed
    ]
    return msgspec.json.encode({"object": "list", "data": rows})


def _headers(step: Step, target: CompatTarget, needed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The client's headers and those that the format needs; the client's own value counts. What another vendor's SDK
    says to its vendor stays here."""
    kept = [field for field in step.headers if _is_for(field[0].lower(), target)]
    names = {name.lower() for name, _ in kept}
    return [*kept, *(field for field in needed if field[0].lower() not in names)]


def _lost_headers(step: Step, target: CompatTarget) -> list[Note]:
    """Notes of the betas that a client asked for and its provider does not have."""
    names = [name.lower() for name, _ in step.headers]
    lost = [name for name in names if name.endswith("-beta") and not _is_for(name, target)]
    return [Note("dropped", f"headers.{name}", "It is for another vendor.") for name in lost]


def _few(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """``notes`` as far as a message can hold them: a request of many parts may lose something of each."""
    if len(notes) <= _MOST_NOTES:
        return notes
    more = Note("dropped", "notes", f"{len(notes) - _MOST_NOTES} more of them are not shown.")
    return (*notes[:_MOST_NOTES], more)


def _is_for(name: str, target: CompatTarget) -> bool:
    if name.startswith("anthropic-"):
        return "anthropic" in target.format
    return not name.startswith("openai-") or "openai" in target.provider


def _for_provider(
    step: Step, target: CompatTarget, endpoint: str, headers: list[tuple[str, str]], query: bytes
) -> Step:
    """``step`` with all that its provider takes in place of what the client wrote."""
    return Step(
        provider=target.provider,
        endpoint=endpoint,
        method="POST",
        headers=headers,
        query=query,
        config=step.config,
    )
