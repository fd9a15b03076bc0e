"""A realtime relay without I/O: one message through :class:`Gateway`, against a relay that decodes and encodes with
wsproto.

Run with ``python -m tests.benchmarks.relay_core``. Printed is the median time of one echo, that is, of a message from
the client to the provider and one of the same size back, in nanoseconds: with one message in each read, and with as
many as fill 64 KiB. The gateway's side includes the driver's calls: ``receive_data``, ``effects``, ``data_to_send``,
``data_sent``, and ``next_timeout``. ``tapped`` is with a host that listens to the provider's messages.
"""

from collections.abc import Callable

from tests.benchmarks._timing import compare, print_table
from tests.benchmarks.frames import frames
from tests.rigs.core_relay import CoreRelay
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message


class LibraryRelay:
    """The same with messages decoded and encoded again."""

    def __init__(self) -> None:
        self.client = Connection(ConnectionType.SERVER)
        self.provider = Connection(ConnectionType.CLIENT)

    def echo(self, up: bytes, down: bytes) -> None:
        self._pass(self.client, self.provider, up)
        self._pass(self.provider, self.client, down)

    def _pass(self, source: Connection, target: Connection, data: bytes) -> None:
        source.receive_data(data)
        b"".join([target.send(event) for event in source.events() if isinstance(event, Message)])


def main() -> None:
    """Measure and print."""
    for size in (200, 4096):
        for count in (1, 60000 // (size + 8)):
            up, down = frames(size, count, masked=True), frames(size, count, masked=False)
            candidates: dict[str, Callable[[], object]] = {}
            core, tapped, library = CoreRelay(listens=False), CoreRelay(listens=True), LibraryRelay()
            candidates["gateway"] = lambda core=core, up=up, down=down: core.echo(up, down)
            candidates["gateway, tapped"] = lambda core=tapped, up=up, down=down: core.echo(up, down)
            candidates["wsproto"] = lambda core=library, up=up, down=down: core.echo(up, down)
            title = f"echo of {size} bytes, {count} message{'s' if count > 1 else ''} a read"
            print_table(title, compare(candidates, per_call=count))


if __name__ == "__main__":
    main()
