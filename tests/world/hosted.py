"""The worlds with clients without bytes: a host owns each WebSocket, universal and realtime."""

from tests.rigs.message_host import MessageHost
from tests.rigs.parts import TRANSLATES
from tests.world.relay import RelayWorld

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway


class HostedRelayWorld(RelayWorld):
    """A host that hears the end of a client's bytes gives the client up: nobody reads on."""

    def _slow_drain(self, who: int, much: int) -> str | None:
        return super()._slow_drain(who, much - much % 2)


def hosted(config: Config) -> MessageHost:
    """A gateway for the worlds, and a host in front of it."""
    return MessageHost(Gateway(config, b"a seed for worlds", 1_700_000_000.0, TRANSLATES))
