"""What a host has given for the URLs of media in a request.

Decides: how much memory it takes. Must not know: why media are needed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from ..prompt import Blob

#: By URL: the content, or in one sentence why there is none.
GivenMedia: TypeAlias = Mapping[str, "Blob | str"]
NOTHING_GIVEN: Final[GivenMedia] = MappingProxyType({})


def given_bytes(given: GivenMedia) -> int:
    """How much content the host gave, in bytes of base64."""
    return sum(len(content.content) for content in given.values() if not isinstance(content, str))
