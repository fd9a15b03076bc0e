"""What wires keep of the head of a request, for tests of both."""

from aigw_sansio.wires.head_memo import HeadMemo
from aigw_sansio.wires.http import Request


def memo_of(request: Request) -> HeadMemo:
    """For requests with the head of ``request``."""
    return HeadMemo(request.method, request.scheme, request.authority, request.target, request.headers)
