"""Translates requests and responses between the formats of AI providers. Pure calls; nothing is sent.

A client writes in one of :data:`CLIENT_FORMATS`; a provider is asked in one of :data:`REQUEST_FORMATS`::

    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}
    result = translate_request(body, source="openai-chat", target="anthropic-messages", model="claude-sonnet-4-5")
    if isinstance(result, Refused):
        ...  # 400: result.field, result.why; client_field() names a writer's field in the client's words
    else:
        ...  # send result.request; tell the client result.notes

:class:`~aigw_sansio.prompt.Prompt` is the form between the two. :func:`read_request` and :func:`write_request` are the
halves. The response goes back likewise::

    context = answer_context(
        result.settings, "anthropic-messages", id="1", created=1_700_000_000, request=result.request
    )
    answer = translate_answer(body, target="openai-chat", context=context, status=200)

For a stream, :class:`AnswerTranslator` takes the bytes of the body as they come.

A provider that takes the content of media only is not asked for a request with their URLs, unless somebody fetches
them::

    prompt, notes = read_request(body, "openai-chat")
    urls = wanted_media(prompt, "bedrock-converse")
    prompt, more = put_media(prompt, {url: Blob(base64_of(url), "image/png") for url in urls})
    request, losses = write_request(prompt, "bedrock-converse")

:func:`stand_ins` has something else for those URLs, with which the request can be written before they are fetched.

A gateway translates steps for the provider ``compat`` if it is given this module:
``Gateway(..., parts=Parts(translator=aigw_sansio.translate))``. Whatever :mod:`aigw_drivers` starts is given it.

No body raises: one that cannot be read or said is :class:`Refused`, a value. An unknown name of a format is a mistake
of the caller, and raises :class:`~aigw_sansio.errors.LocalProtocolError`.
"""

from ..formats.answers.base import AnswerContext
from ..formats.translation import Note, Refused, WireRequest
from ..prompt import Blob, JsonObject, Prompt
from .answers import Answer, AnswerTranslator, answer_context, make_writer, translate_answer
from .fields import client_field
from .media import put_media, stand_ins, wanted_media
from .registry import CLIENT_FORMATS, REQUEST_FORMATS
from .requests import Translated, read_request, translate_request, write_request

__all__ = [
    "CLIENT_FORMATS",
    "REQUEST_FORMATS",
    "Answer",
    "AnswerContext",
    "AnswerTranslator",
    "Blob",
    "JsonObject",
    "Note",
    "Prompt",
    "Refused",
    "Translated",
    "WireRequest",
    "answer_context",
    "client_field",
    "make_writer",
    "put_media",
    "read_request",
    "stand_ins",
    "translate_answer",
    "translate_request",
    "wanted_media",
    "write_request",
]
