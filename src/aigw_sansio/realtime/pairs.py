"""The two sides of a relay, and the directions between them.

Decides: which wire reads each side, whether masks are passed on, and which sides a client without bytes has. Must not
know: what a side does.
"""

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

from ..downstream.messages import MessagesConnection
from ..downstream.ports import Responder
from ..engine.services import Services
from ..faults import Side
from ..origin import Origin
from ..upstream.websocket import UpstreamWebSocket
from ..wires.websocket.assembling import AssemblingRelay
from ..wires.websocket.frames import Role
from ..wires.websocket.relay import FrameRelay
from .direction import Direction
from .message_sides import MessageClientSide, MessageDirection, MessageProviderSide
from .observer import RealtimeObserver
from .session_review import SessionReview
from .side import RelaySide, RelaySideOwner


def open_sides(
    services: Services,
    responder: Responder,
    upstream: UpstreamWebSocket,
    *,
    owner: RelaySideOwner,
    observer: RealtimeObserver | None,
    now: float,
    review: SessionReview | None = None,
) -> tuple[RelaySide, RelaySide]:
    """The side of the client, who is not accepted yet, and that of the provider. ``observer`` reads the provider's
    messages, which are reviewed if there is a ``review``."""
    limits = services.config.limits
    limit, high_water = limits.message_bytes, limits.send_high_water_bytes
    mask_key = partial(services.random.bytes, 4)
    observe_bytes = None if observer is None else limits.tap_message_bytes
    up = Direction(responder.pipe, upstream, high_water=high_water, now=now)
    if isinstance(responder, MessagesConnection):
        to_client = MessageDirection(upstream, responder, high_water=high_water, now=now)
        return (
            MessageClientSide(
                services,
                responder,
                FrameRelay(Role.SERVER, message_limit=limit),  # its masks are ours, and new for each message
                mask_key=mask_key,
                owner=owner,
                inbound=up,
                outbound=to_client,
                now=now,
            ),
            _assembling_side(
                services, review, mask_key, owner=owner, inbound=to_client, outbound=up, observer=observer, now=now
            ),
        )
    from_client = FrameRelay(
        Role.SERVER,
        message_limit=limit,
        remask_key=None if hides_bytes(upstream.call.origin) else mask_key,
    )
    down = Direction(upstream, responder.pipe, high_water=high_water, now=now)
    client = RelaySide(
        services, Side.CLIENT, from_client, owner=owner, inbound=up, outbound=down, observer=None, now=now
    )
    if review is not None:
        return client, _assembling_side(
            services, review, mask_key, owner=owner, inbound=down, outbound=up, observer=observer, now=now
        )
    from_provider = FrameRelay(Role.CLIENT, message_limit=limit, mask_key=mask_key, observe_bytes=observe_bytes)
    return client, RelaySide(
        services, Side.PROVIDER, from_provider, owner=owner, inbound=down, outbound=up, observer=observer, now=now
    )


def _assembling_side(
    services: Services,
    review: SessionReview | None,
    mask_key: Callable[[], bytes],
    *,
    owner: RelaySideOwner,
    inbound: Direction,
    outbound: Direction,
    observer: RealtimeObserver | None,
    now: float,
) -> RelaySide:
    """The side of a provider whose frames are read as whole messages."""
    limits = services.config.limits
    observe_bytes = None if observer is None else limits.tap_message_bytes
    wire = AssemblingRelay(message_limit=limits.message_bytes, mask_key=mask_key, observe_bytes=observe_bytes)
    if review is not None:
        from .reviewed_side import ReviewedProviderSide

        return ReviewedProviderSide(
            services, wire, review, owner=owner, inbound=inbound, outbound=outbound, observer=observer, now=now
        )
    assert isinstance(inbound, MessageDirection)
    return MessageProviderSide(
        services, wire, owner=owner, inbound=inbound, outbound=outbound, observer=observer, now=now
    )


def hides_bytes(origin: Origin) -> bool:
    """Safety: whether the bytes to ``origin`` are encrypted or stay on this machine. Only then may the client's masks
    be passed on: in the clear, a client that knows its masks could attack a proxy on the way (RFC 6455 section
    10.3)."""
    if origin.scheme == "https" or origin.host == "localhost":
        return True
    try:
        return ip_address(origin.host).is_loopback
    except ValueError:
        return False
