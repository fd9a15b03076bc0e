"""Whether a lost request may be sent again without counting: only if the provider cannot have begun it.

Decides: just that, from facts (client protocol, section 3.3; RFC 9110 section 9.2.2, RFC 9113 section 8.7). Each
request may cost money, so doubt means no. Must not know: connections, and how often a request was sent again.
"""

from ..faults import FaultKind
from ..wires.http import StreamFailed


def cannot_have_begun(
    failed: StreamFailed, *, answered: bool, sent_since_s: float | None, kept: bool, handshake_s: float, stalled: bool
) -> bool:
    """``answered``: a byte of a response came. ``sent_since_s``: for how long the transport has had all bytes of the
    request; ``None`` if it has not. ``kept``: the connection had been kept idle; ``handshake_s``: how long its
    handshake took. ``stalled``: it took no bytes for too long.

    1. Never after a byte of a response.
    2. The provider says so: REFUSED_STREAM, an id above GOAWAY's last, or a demand for HTTP/1.1.
    3. It says the opposite (GOAWAY covers the stream), or the fault is not the loss of the connection: no.
    4. The transport had not taken all bytes: a part of a request is not begun. Of a connection that stalls the next one
       would stall too.
    5. A kept connection whose end came no later than the first byte of an answer could have: its close crossed the
       request. One that carried other requests was not closed for being idle.
    """
    if answered:
        return False
    if failed.unprocessed or failed.needs_http1:
        return True
    if failed.processed or failed.fault.kind is not FaultKind.CONNECTION_LOST:
        return False
    if sent_since_s is None:
        return not stalled
    return kept and sent_since_s <= handshake_s
