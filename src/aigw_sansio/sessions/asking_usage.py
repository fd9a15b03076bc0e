"""Asks a provider to report the tokens of a stream, if a budget counts them and the client has not asked.

Decides: which requests can be asked, and how. Must not know: budgets, and what is shown of the answer.

Streams of OpenAI's older formats report their tokens only if ``stream_options.include_usage`` says so: in one more
chunk at the end, and as ``null`` in the others. A provider that is known to refuse the member reports them anyway.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

_FORMATS: Final = frozenset({"openai-chat", "openai-completions"})
#: Providers that refuse the member, or ignore it; they report the usage of every stream. As the quirks of translation.
TELL_ALWAYS: Final = frozenset({"perplexity-ai", "mistral", "workers-ai"})
#: The first version of Azure's API that knows the member; older ones refuse it.
_AZURE_KNOWS_IT: Final = b"2024-09-01"
_azure_version: Final = re.compile(rb"[?&]api-version=(\d{4}-\d\d-\d\d)").search
_TRUE: Final = b"true"
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
    asked = {**options, "include_usage": msgspec.Raw(_TRUE)}
    return msgspec.json.encode({**members, "stream_options": asked})


def _options(told: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    return {} if told is None or bytes(told) == b"null" else _read(told)
