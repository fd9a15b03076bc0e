"""What a program sees of one exchange of its own, whichever way it waits.

Decides: what an exchange shows before, during and at its end. Must not know: sockets, tasks and threads.
"""

from .protocol import Exchange
from .values import Content, Metadata


class ExchangeView:
    """The part of a stream that is alike in all clients."""

    def __init__(self, event_id: str, *, gives_body: bool) -> None:
        self._exchange: Exchange | None = None  # once the stream is entered
        self._gives_body = gives_body
        #: The name of the exchange.
        self.event_id = event_id

    @property
    def metadata(self) -> Metadata:
        """What the gateway told last: from the first item on of the response, at the end with its usage."""
        return self._begun.metadata

    @property
    def response(self) -> Content | None:
        """The provider's whole response if it did not stream, from the end on. If chunks were asked for, iteration
        gives it too."""
        return self._begun.response

    @property
    def is_cancelled(self) -> bool:
        """Whether the exchange ended because of ``cancel``."""
        return self._begun.cancelled

    @property
    def _begun(self) -> Exchange:
        if self._exchange is None:
            raise RuntimeError("enter the stream first: (async) with client.stream(...) as stream")
        return self._exchange

    def _end(self, exchange: Exchange) -> list[Content]:
        """What iteration gives behind the last item: a whole response, once. Raises what the exchange failed with."""
        failure = exchange.failure()
        if failure is not None:
            raise failure
        if self._gives_body and exchange.response is not None:
            self._gives_body = False
            return [exchange.response]
        return []
