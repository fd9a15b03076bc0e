"""The model that a request to a provider names.

Decides: where it stands: in the JSON body, the query or the path. Must not know: which models there are. It is told to
the host only, so a request without one is no error.
"""

import re
from typing import Final
from urllib.parse import unquote

import msgspec

#: In a path: of Workers AI, of Replicate and Hugging Face (two segments), of Google (before a colon), of Bedrock and
#: Azure.
_IN_PATH: Final = re.compile(
    r"/run/(@.+)|/models/([^/]+/[^/]+?)(?:/predictions)?\Z|/models/([^/:]+)|/(?:model|deployments)/([^/]+)"
)
#: A JSON object for somebody, also with a byte order mark or in UTF-16.
_OBJECT: Final = re.compile(rb"[\s\xef\xbb\xbf\xfe\xff\x00]*+\{")
_IN_QUERY: Final = r"(?:\A|&)model=([^&]+)"


class _Named(msgspec.Struct):
    model: str | None = None


_decode: Final = msgspec.json.Decoder(_Named).decode


def named_model(target: str, body: bytes = b"") -> str | None:
    """The model that a request for ``target`` (``PATH[?QUERY]``) with this ``body`` names, if it names one.

    If only the provider may be able to read the body, the query names none: the body's model would be another one.
    """
    path, _, query = target.partition("?")
    if _OBJECT.match(body):
        try:
            if (model := _decode(body).model) is not None:
                return model
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            query = ""
    found = re.search(_IN_QUERY, query) or _IN_PATH.search(path)
    return None if found is None else unquote(next(filter(None, found.groups())))
