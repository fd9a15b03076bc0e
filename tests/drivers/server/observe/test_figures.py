"""Figures: additions of one process, and in a file what a worker that was killed had counted."""

import os
import signal
from pathlib import Path

import pytest

from aigw_drivers.server.observe import figures as module
from aigw_drivers.server.observe.figures import Figures, FiguresFile, total

HERE = Path("/proc/self/task").exists()


def test_figures_of_one_process() -> None:
    figures = Figures()
    figures.add(("a", "x"))
    figures.add(("a", "x"), 0.5)
    at = figures.place(("b",), 3)
    figures.numbers[at + 2] += 7
    assert (figures.place(("b",), 3), set(figures.names())) == (at, {("a", "x"), ("b",)})
    assert figures.each() == [{("a", "x"): [1.5], ("b",): [0, 0, 7]}]
    assert total(figures.each(), {"b"}) == {("b",): [0, 0, 7]}


def test_names_are_any_text() -> None:
    file = FiguresFile(1)
    names = [("a", "\0"), ("a", "ü\ud800"), ("a", '"],['), ("",), ("a", "x" * 5000)]
    for number, name in enumerate(names):
        file.region(0).add(name, number + 1)
    assert {name: [*numbers] for name, numbers in file.read(0).items()} == {
        name: [number + 1] for number, name in enumerate(names)
    }


def test_a_region_grows_and_places_stay() -> None:
    file = FiguresFile(2)
    figures = file.region(1)
    first = figures.place(("first",))
    for number in range(5000):
        figures.add(("many", str(number)), number)
        figures.numbers[first] += 1
    assert [*file.read(1)["first",]] == [5000]
    assert file.read(0) == {}
    later = file.region(1)
    assert later.place(("first",)) == first
    assert later.numbers[first] == 5000
    later.add(("many", "4999"))
    assert total(later.each(), {"many"})["many", "4999"] == [5000]


def test_regions_are_summed() -> None:
    file = FiguresFile(3)
    for number in range(3):
        figures = file.region(number)
        figures.add(("both",), 1)
        figures.add(("own", str(number)), number)
    assert total(file.region(1).each(), {"both", "own"}) == {
        ("both",): [3], ("own", "0"): [0], ("own", "1"): [1], ("own", "2"): [2],
    }  # fmt: skip


def test_a_record_that_was_not_written_to_its_end_is_none() -> None:
    file = FiguresFile(1)
    figures = file.region(0)
    figures.add(("a",))
    before = bytes(figures._bytes[:8])
    figures.add(("b", "a longer name"), 5)
    figures._bytes[:8] = before  # as if it had been killed before it said that there are more
    later = file.region(0)
    assert set(later.names()) == {("a",)}
    assert later.numbers[later.place(("c",), 9)] == 0
    assert {name: [*numbers] for name, numbers in file.read(0).items()} == {("a",): [1], ("c",): [0] * 9}


@pytest.mark.skipif(not HERE, reason="it forks")
def test_a_worker_that_is_killed_takes_nothing_along() -> None:
    file = FiguresFile(2)
    ready, told = os.pipe()
    if (pid := os.fork()) == 0:
        figures = file.region(1)
        for number in range(3000):
            figures.add(("a", str(number % 1500)))
        os.write(told, b".")
        while True:
            signal.pause()
    os.read(ready, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(ready)
    os.close(told)
    assert total([file.read(1)], {"a"}) == {("a", str(number)): [2] for number in range(1500)}
    later = file.region(1)
    later.add(("a", "7"))
    assert [*file.read(1)["a", "7"]] == [3]


def test_a_region_that_is_full_leaves_out_what_is_new_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_REGION", 1 << 18)
    file = FiguresFile(2)
    other = file.region(1)
    other.add(("other",), 7)
    figures = file.region(0)
    for number in range(9000):
        figures.add(("many", str(number)), number)
    kept = file.read(0)
    assert 3000 < len(kept) < 9000
    assert all([*numbers] == [float(name[1])] for name, numbers in kept.items())
    assert {name: [*numbers] for name, numbers in file.read(1).items()} == {("other",): [7]}
    assert [record.message for record in caplog.records] == [
        "worker 0 has no room for more figures: metrics and the page leave new ones out"
    ]
    figures.add(("many", "1"))
    assert [*file.read(0)["many", "1"]] == [2]
    later = file.region(0)
    later.add(("late", "x" * 100))
    assert set(file.read(0)) == set(kept)
    with pytest.raises(ValueError, match="allowed are 8192"):
        later.place(("far too many",), 30_000)


def test_regions_are_small_enough_for_a_limit_of_the_size_of_files() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, before[1]))
    try:
        FiguresFile(8).close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_record_that_is_not_seen_yet_is_read_later() -> None:
    file = FiguresFile(1)
    figures = file.region(0)
    figures.add(("a",))
    at = figures._used
    figures.add(("b",), 5)
    hidden = bytes(figures._bytes[at : figures._used])
    figures._bytes[at : figures._used] = bytes(len(hidden))  # as a processor may show it for a moment
    assert set(file.read(0)) == {("a",)}
    figures._bytes[at : figures._used] = hidden
    assert {name: [*numbers] for name, numbers in file.read(0).items()} == {("a",): [1], ("b",): [5]}
