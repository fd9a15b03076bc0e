"""The world with little memory, few connections and few look-ups: what is shared out runs short all the time.

The laws stay; besides, what is held stays near the limit, and a socket that is closed for it is told so.
``python -m tests.world.crowded --seconds 60 [--seed 7]`` runs random worlds.
"""

import argparse
import time
from collections.abc import Sequence

import msgspec
from tests.peers.reference_driver import Core, LawBroken
from tests.rigs.held import held as held_by
from tests.world.world import CONFIG, KERNEL_BYTES, MESSAGE, Move, World, make_core, random_moves
from tests.world.world import run as run_world

from aigw_sansio.config import Config
from aigw_sansio.events import SessionEnded
from aigw_sansio.gateway import Gateway

MEMORY = 300_000
#: One read may come behind the last count of all memory, and it may be held twice: as it came and as it goes on.
SLACK = MEMORY // 8 + 2 * 65_536 + 4 * MESSAGE + KERNEL_BYTES


def with_little(config: Config) -> Config:
    limits = msgspec.structs.replace(
        config.limits, memory_bytes=MEMORY, lookups_at_once_per_client=1, upstream_connections_per_origin=2
    )
    return msgspec.structs.replace(config, limits=limits)


def make_crowded(config: Config) -> Core:
    return make_core(with_little(config))


class CrowdedWorld(World):
    """A world in which memory may be short."""

    closed_for_memory = 0
    most_held = 0

    def adapted(self, config: Config) -> Config:
        return with_little(config)

    def other_reason_to_pause(self) -> bool:
        return self._gateway._services.short_of_memory

    def check(self) -> None:
        super().check()
        held = held_by(self._gateway)
        self.most_held = max(self.most_held, held)
        connections = self._gateway.snapshot()["connections"]
        if held > MEMORY + SLACK + connections * 32 * 1024:
            raise LawBroken(f"{held} bytes are held, {MEMORY} are allowed")

    def _event(self, event: object) -> None:
        super()._event(event)
        if isinstance(event, SessionEnded) and event.code == 1013:
            if "memory_bytes" not in event.reason:
                raise LawBroken(f"{event}: the reason is not told")
            self.closed_for_memory += 1

    @property
    def _gateway(self) -> Gateway:
        assert isinstance(self.core, Gateway)
        return self.core


def run(moves: Sequence[Move]) -> CrowdedWorld:
    """A whole world."""
    world = run_world(moves, make=make_crowded, kind=CrowdedWorld)
    assert isinstance(world, CrowdedWorld)
    return world


def main() -> int:
    assert CONFIG.limits.memory_bytes is None
    parser = argparse.ArgumentParser(description="random worlds in which everything is scarce")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed = options.seed
    closed = 0
    while seed == options.seed or time.monotonic() < until:
        try:
            closed += run(random_moves(seed)).closed_for_memory
        except Exception:
            print(f"seed {seed}")
            raise
        seed += 1
    print(f"{seed - options.seed} worlds, {closed} sockets closed for memory, nothing found")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
