"""One turn of the loop: whose output waits for other reads of the turn, and for how long.

Decides: which reads of a turn will probably add to the output of which connection. Must not know: engines, bytes, how
readiness is found out.

A *turn of the loop* is the time in which everything is served that became ready at once. If fifty providers answer one
client in one turn, one write is far cheaper than fifty, so that client's output waits for all fifty. Whoever hears one
of them alone gains nothing from that: its first byte would wait for the work of all the others. So each link remembers
to whom its last read wrote, and its next read is expected to do the same. If it does not, there is one write more, or
a wait until the end of the turn. In a turn of one read nothing waits at all.
"""

from collections.abc import Iterable
from typing import Final

from .link import Link

#: Output that waits for no read in particular is written at the end of the turn, but before the next read if it has
#: waited for so many seconds. So some short reads are followed by some writes: in turn, they would cost a third more.
PATIENCE_S: Final = 100e-6
#: A turn that has read so many bytes writes everything before it reads again. Even a small read takes time: each read
#: counts as so many bytes more.
TURN_BYTES: Final = 65536
READ_COST_BYTES: Final = 600


class Turn:
    """The current turn of one loop."""

    __slots__ = ("_shared", "alone", "awaited")

    def __init__(self) -> None:
        self._shared = 0  # links with several writers
        #: There is one read in this turn, and no other will follow: nothing waits.
        self.alone = False
        #: Links for which reads of this turn are still to come, and the last source of these.
        self.awaited: dict[Link, Link] = {}

    def begin(self, sources: Iterable[Link]) -> None:
        """``sources`` will be read in this order, and then the turn ends. Without this call nobody is awaited."""
        if self._shared:
            self.awaited = {link.writes_to: link for link in sources if link.writes_to is not None}

    def end(self) -> None:
        """Nobody is awaited any longer."""
        self.alone, self.awaited = False, {}

    def serve(self, source: Link) -> None:
        """``source`` is about to be read: nobody waits for it any longer."""
        link = source.writes_to
        if link is not None and self.awaited.get(link) is source:
            del self.awaited[link]

    def learn(self, source: Link, link: Link) -> None:
        """A read of ``source`` has written to ``link``. What it writes to itself is no reason to wait for it: whoever
        answers its own pings or gets its upgrade does not add to what others write."""
        if link is source or source.socket is None:
            return
        self.forget(source)
        source.writes_to = link
        link.writers += 1
        self._shared += link.writers == 2

    def forget(self, source: Link) -> None:
        """``source`` is read no more, or writes to another."""
        before = source.writes_to
        if before is not None:
            before.writers -= 1
            self._shared -= before.writers == 1
            source.writes_to = None
