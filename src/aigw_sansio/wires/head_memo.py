"""What wires have made of the head of a request, for others that differ from it in their bodies only.

Decides: of which head it is, so that nothing made of another one is sent. Must not know: what the wires make, and when
a compressed section stays what it is (:mod:`.http2.repairs`).
"""


class HeaderSection:
    """The fields of one head for HTTP/2, without the length of its body. ``block``: what they were compressed to when
    the table began with the entry ``first``, had ``count`` entries and a bound of ``size`` bytes."""

    __slots__ = ("block", "count", "fields", "first", "named", "size")

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.fields = fields
        #: Those that h2 itself reads.
        self.named = [field for field in fields if field[0] in (b":method", b":authority")]
        self.block: bytes | None = None
        self.first: object = None
        self.count = self.size = 0


class HeadMemo:
    """What wires have made of one head. Who makes requests with this head keeps it, and no connection does: a head may
    hold a client's key."""

    __slots__ = ("_authority", "_headers", "_method", "_scheme", "_target", "http1", "http2")

    def __init__(
        self, method: bytes, scheme: bytes, authority: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self._method = method
        self._scheme = scheme
        self._authority = authority
        self._target = target
        self._headers = headers
        #: Of HTTP/1.1: all lines before the length of the body.
        self.http1: bytes | None = None
        #: Of HTTP/2: the section without the length of the body.
        self.http2: HeaderSection | None = None

    def is_of(
        self, method: bytes, scheme: bytes, authority: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
    ) -> bool:
        """Whether it is of this head: of these very objects."""
        return (
            headers is self._headers
            and target is self._target
            and authority is self._authority
            and method is self._method
            and scheme is self._scheme
        )
