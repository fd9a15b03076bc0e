"""Asks a provider to report the tokens of a stream, if a budget counts them and the client has not asked; and takes the
question back.

Decides: which requests can be asked, and how; which answer refuses the question, and what is remembered of that. Must
not know: budgets, attempts, and what is shown of an answer.

Streams of OpenAI's older formats report their tokens only if ``stream_options.include_usage`` says so: in one more
chunk at the end, and as ``null`` in the others. A provider that is known to refuse the member reports them anyway. A
server that does not know it may refuse the whole request: with 400, or 422 if it checks a schema. Its error then names
the member. The question is not the client's, so the request goes once more without it.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from .call import ProviderCall, with_body
from .named_model import named_model

#: Those that refused the question and answered without it, the oldest first: provider, address, path and model. Behind
#: one address one model may know the question and another one not.
UsageRefusals: TypeAlias = dict[tuple[str, str, str, str], None]

_FORMATS: Final = frozenset({"openai-chat", "openai-completions"})
#: Providers that refuse the member, or ignore it; they report the usage of every stream. As the quirks of translation.
TELL_ALWAYS: Final = frozenset({"perplexity-ai", "mistral", "workers-ai"})
#: The first version of Azure's API that knows the member; older ones refuse it. "Changes between 2024-09-01-preview and
#: 2024-08-01-preview", learn.microsoft.com/azure/ai-services/openai/api-version-deprecation. The specification of
#: 2024-08-01-preview has the schema only (azure-rest-api-specs issue 30810); whether a server takes it is not said.
_AZURE_KNOWS_IT: Final = b"2024-09-01"
_azure_version: Final = re.compile(rb"[?&]api-version=(\d{4}-\d\d-\d\d)").search
_TRUE: Final = b"true"
_QUESTION: Final = b',"stream_options":{"include_usage":true}}'  # at the end of an object that has other members
_NAMES: Final = (b"stream_options", b"include_usage")
_REFUSALS: Final = (400, 422)
#: Clients may name models and addresses: only so many are remembered, and no longer names.
MOST_REFUSALS: Final = 1000
_LONGEST: Final = 512
_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def asking_usage(provider: str, format: str, body: bytes, target: bytes) -> bytes | None:
    """``body``, a request for ``target`` to ``provider`` for a response in ``format``, with the question; ``None``: it
    asks already, cannot be asked, or is no stream."""
    if format not in _FORMATS or provider in TELL_ALWAYS or b"stream" not in body:
        return None
    if provider == "azure-openai" and (version := _azure_version(target)) and version[1] < _AZURE_KNOWS_IT:
        return None
    try:
        members = _read(body)
        if bytes(members.get("stream", b"")) != _TRUE:
            return None
        options = _options(members.get("stream_options"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # its provider says what is wrong with it
    if bytes(options.get("include_usage", b"")) == _TRUE:
        return None
    if "stream_options" not in members:
        return msgspec.json.encode(members)[:-1] + _QUESTION  # at the end, so that it can be taken back
    asked = {**options, "include_usage": msgspec.Raw(_TRUE)}
    return msgspec.json.encode({**members, "stream_options": asked})


def _options(told: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    return {} if told is None or bytes(told) == b"null" else _read(told)


def with_question(call: ProviderCall) -> ProviderCall:
    """``call``, into whose body the gateway has put the question. It can be taken back if it stands at the end, unless
    the body is signed."""
    if call.signed or not call.request.body.endswith(_QUESTION):
        return call
    return msgspec.structs.replace(call, usage_question="put")


def without_question(call: ProviderCall) -> ProviderCall:
    """``call`` of :func:`with_question` as its client wrote it."""
    plain = with_body(call, call.request.body.removesuffix(_QUESTION) + b"}")
    return msgspec.structs.replace(plain, usage_question="refused")


def refuses_question(call: ProviderCall, status: int, body: bytes) -> bool:
    """Whether an answer to ``call`` refuses a question that can be taken back."""
    return call.usage_question == "put" and status in _REFUSALS and any(name in body for name in _NAMES)


def note_refusal(refusals: UsageRefusals, call: ProviderCall) -> None:
    """``call`` of :func:`without_question` was answered well: who got it is not to be asked again."""
    asked = _asked(call)
    if sum(map(len, asked)) <= _LONGEST:
        refusals[asked] = None
        if len(refusals) > MOST_REFUSALS:
            del refusals[next(iter(refusals))]


def has_refused(refusals: UsageRefusals, call: ProviderCall) -> bool:
    """Whether who would get ``call`` is not to be asked again."""
    return bool(refusals) and _asked(call) in refusals


def _asked(call: ProviderCall) -> tuple[str, str, str, str]:
    target = call.request.target.decode("ascii")
    model = named_model(target, call.request.body)
    return call.provider, call.origin.authority, target.partition("?")[0], model or ""
