"""A tunnel through an HTTP proxy: the CONNECT request and its response (RFC 9110 section 9.3.6).

Decides: what is sent to the proxy, which response opens the tunnel, and the words for all others. Must not know:
sockets, TLS, and what goes through the tunnel.

A driver uses it between the dial and TLS. The names of providers go to the proxy, which looks them up; the proxy's
credentials go to nobody else.
"""

from typing import Final

from ..effects import Connect
from ..faults import Fault
from .heads import HeadGate, parse_status_head

#: The largest response head of a proxy.
_HEAD_BYTES: Final = 16 * 1024
#: So many interim responses are read.
_MOST_INTERIM: Final = 8
#: What an operator can do about it.
_MEANING: Final = {
    403: "it does not allow this host",
    407: "it wants other credentials than those in the settings",
    502: "it cannot reach this host",
    503: "it cannot reach this host",
    504: "it cannot reach this host in time",
}


class Tunnel:
    """The exchange with the proxy of one ``Connect``. Send :attr:`request`, then feed :meth:`receive_data`."""

    __slots__ = ("_gate", "_interim", "failure", "request")

    def __init__(self, effect: Connect) -> None:
        """``effect`` has a ``proxy``."""
        proxy = effect.proxy
        assert proxy is not None
        host = f"[{effect.host}]" if ":" in effect.host else effect.host
        target = f"{host}:{effect.port}"
        fields = f"Host: {target}\r\n"
        if proxy.authorization is not None:
            fields += f"Proxy-Authorization: {proxy.authorization.reveal()}\r\n"
        #: The bytes to send first. They may hold the proxy's credentials.
        self.request = f"CONNECT {target} HTTP/1.1\r\n{fields}\r\n".encode("ascii")
        #: Why there is no tunnel, in a few words without secrets, once :meth:`receive_data` has returned true.
        self.failure: str | None = None
        self._gate = HeadGate(_HEAD_BYTES)
        self._interim = 0

    def receive_data(self, data: bytes) -> bool:
        """Bytes of the proxy; empty at its end. True when it is decided: the tunnel is open, unless :attr:`failure`
        says why not. Then begin TLS, if there is any, or close the socket."""
        if not data:
            return self._fail("the proxy closed the connection before it answered")
        while True:
            found = self._gate.feed(data)
            if found is None:
                return False
            if isinstance(found, int):
                return self._fail(f"the head of the proxy's response has more than {_HEAD_BYTES} bytes")
            head, data = found
            response = parse_status_head(head)
            if isinstance(response, Fault):
                return self._fail("the proxy does not speak HTTP/1.1")
            status = response.status
            if 200 <= status < 300:
                # Nobody behind the tunnel has been asked anything yet: these bytes would be the proxy's own.
                return self._fail("the proxy sent more than its answer") if data else True
            if status >= 200 or status == 101:
                meaning = _MEANING.get(status)
                return self._fail(f"the proxy answered {status}" + (f": {meaning}" if meaning else ""))
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                return self._fail(f"the proxy sent more than {_MOST_INTERIM} interim responses")
            if not data:
                return False

    def _fail(self, why: str) -> bool:
        self.failure = why
        return True
