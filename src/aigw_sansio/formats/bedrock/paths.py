"""The paths of Bedrock's runtime.

Decides: how the id of a model stands in a path. Must not know: any format.
"""

from urllib.parse import quote

from ..by_name import by_name


@by_name
def _quoted(model: str) -> str:
    return quote(model, safe="")


def model_path(model: str, verb: str) -> str:
    """The path of ``verb`` (``converse``, ``invoke``) of a model. Its id may be an ARN, so all of it is encoded."""
    return f"model/{_quoted(model)}/{verb}"
