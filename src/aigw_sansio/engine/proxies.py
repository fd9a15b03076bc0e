"""Which proxy a connection to a provider goes through.

Decides: that a provider's own setting counts before that of all, and that ``no_proxy`` is for the latter. Must not
know: how a tunnel is opened.
"""

import msgspec

from ..config import Config
from ..origin import Origin, Proxy, goes_direct, read_proxy


class Proxies:
    """The proxies of one gateway process."""

    __slots__ = ("_no_proxy", "_of_all", "_url")

    def __init__(self, config: Config) -> None:
        self._url = config.proxy
        self._of_all = None if config.proxy is None else read_proxy(config.proxy)
        self._no_proxy = config.no_proxy

    def of(self, origin: Origin) -> Proxy | None:
        """The proxy to ``origin``; ``None``: it is dialled itself."""
        if origin.proxy is not None:
            return read_proxy(origin.proxy)
        if self._of_all is None or goes_direct(origin.host, origin.port, self._no_proxy):
            return None
        return self._of_all

    def in_full(self, origin: Origin) -> Origin:
        """``origin`` with the proxy that counts now. So connections that go through different proxies are never shared,
        whatever the settings become."""
        if self._of_all is None or origin.proxy is not None or self.of(origin) is None:
            return origin
        return msgspec.structs.replace(origin, proxy=self._url)
