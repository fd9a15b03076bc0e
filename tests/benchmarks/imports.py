"""What importing the core costs: CPU, memory, and the modules that cost most.

``python -m tests.benchmarks.imports`` starts a new interpreter for each measurement, in turns, and prints the middle of
user and system time and the highest resident memory, beside an interpreter that imports nothing. Then the modules that
take most time of their own, without those that they import: the least of several runs with ``-X importtime``.
``--beside PYTHON`` measures the interpreter of an environment with the compiled core in the same turns.

Run it with the interpreter of an environment that has the package and nothing else: others' libraries cost, too.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

import aigw_sansio

TURNS = 21
RUNS = 7
SHOWN = 25
GATEWAY = "import aigw_sansio; aigw_sansio.Gateway(aigw_sansio.Config(), bytes(16), 0.0)"
PROGRAMS = {
    "nothing": "pass",
    "aigw_sansio, and a gateway": GATEWAY,
    "the same, and aigw_sansio.preload": f"{GATEWAY}; import aigw_sansio.preload",
    "the same, and aigw_sansio.translate": f"{GATEWAY}; import aigw_sansio.preload, aigw_sansio.translate",
    "aigw_drivers": "import aigw_drivers",
    "h2, h11, wsproto, msgspec alone": "import h2.connection, h11, wsproto, msgspec.json",
}
#: Of the program alone: what the kernel tells its parent counts the parent's memory until the program is loaded.
PEAK = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"


def measured(python: str, program: str, path: str | None) -> tuple[float, float]:
    """Milliseconds of CPU and MiB of memory of a new interpreter that runs ``program``."""
    environ = {**os.environ, **({} if path is None else {"PYTHONPATH": path})}
    process = subprocess.Popen([python, "-c", program + PEAK], env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, program
    return (used.ru_utime + used.ru_stime) * 1000, int(told) / 1024


def own_times(program: str, path: str) -> list[tuple[float, str]]:
    """The milliseconds that each module of ``program`` takes of its own, most first."""
    command, environ = [sys.executable, "-X", "importtime", "-c", program], {**os.environ, "PYTHONPATH": path}
    least: dict[str, float] = {}
    for _ in range(RUNS):
        ran = subprocess.run(command, env=environ, stderr=subprocess.PIPE, text=True, check=True)
        for line in ran.stderr.splitlines():
            own, _, name = line.removeprefix("import time:").split("|")
            if own.strip().isdigit():
                least[name.strip()] = min(least.get(name.strip(), 1e9), int(own) / 1000)
    return sorted([(own, name) for name, own in least.items()], reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with the compiled core")
    beside = parser.parse_args().beside
    here = str(Path(aigw_sansio.__file__).parents[1])
    interpreters: dict[str, tuple[str, str | None]] = {"": (sys.executable, here)}
    if beside is not None:
        interpreters["compiled: "] = (beside, None)
    taken: dict[str, list[tuple[float, float]]] = {}
    for turn in range(TURNS + 1):
        for label, (python, path) in interpreters.items():
            for name, program in PROGRAMS.items():
                figures = measured(python, program, path)
                if turn:  # the first one writes the compiled files
                    taken.setdefault(label + name, []).append(figures)
    print("CPU, ms   memory, MiB   import")
    for name, samples in taken.items():
        cpu, memory = (statistics.median(column) for column in zip(*samples, strict=True))
        print(f"{cpu:7.0f}   {memory:11.1f}   {name}")
    times = own_times(GATEWAY, here)
    print(f"\n{len(times)} modules, ms of their own under -X importtime")
    for top in ("aigw_sansio", "h2", "h11", "wsproto", "hpack", "hyperframe", "msgspec"):
        group = [own for own, name in times if name.partition(".")[0] == top]
        print(f"{sum(group):7.1f}   {len(group):3} modules of {top}")
    print()
    for own, name in times[:SHOWN]:
        print(f"{own:7.2f}   {name}")


if __name__ == "__main__":
    main()
