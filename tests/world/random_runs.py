"""The command of a world: random ones, one after another, until the time is over."""

import argparse
import time
from collections.abc import Callable


def run_random(description: str, run: Callable[[int], object]) -> int:
    """Call ``run`` with one seed after another, at least once. What it raises is raised, and its seed printed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed = options.seed
    while seed == options.seed or time.monotonic() < until:
        try:
            run(seed)
        except BaseException:
            print(f"seed {seed}")
            raise
        seed += 1
    print(f"{seed - options.seed} worlds, nothing found")
    return 0
