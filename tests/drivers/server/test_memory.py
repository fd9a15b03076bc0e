"""How much memory there is: the smallest of what the system says."""

from pathlib import Path

import pytest

from aigw_drivers.server import memory
from aigw_drivers.server.memory import most_memory, with_memory
from aigw_sansio import Config, Limits

GIB = 1 << 30


def test_half_of_it_divided_by_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "most_memory", lambda: GIB)
    assert with_memory(Config()).limits.memory_bytes == GIB // 2
    assert with_memory(Config(), 4).limits.memory_bytes == GIB // 8
    assert with_memory(Config(limits=Limits(memory_bytes=7))).limits.memory_bytes == 7
    monkeypatch.setattr(memory, "most_memory", lambda: None)
    assert with_memory(Config()).limits.memory_bytes is None


def test_the_smallest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for physical, space, groups, most in [
        (4, None, [], 4), (4, 3, [], 3), (4, 3, [9, 2], 2), (None, None, [], None), (4, 5, [6], 4),
    ]:  # fmt: skip
        monkeypatch.setattr(memory, "_physical", lambda value=physical: value)
        monkeypatch.setattr(memory, "_address_space", lambda value=space: value)
        monkeypatch.setattr(memory, "_of_cgroups", lambda *_, value=groups: value)
        assert most_memory() == most


def test_this_machine_says_something() -> None:
    found = most_memory()
    assert found is None or found > 1 << 20


def test_groups_and_those_above_them(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text(f"{GIB}\n")
    (tmp_path / "a" / "b" / "memory.max").write_text(f"{2 * GIB}\n")
    assert memory._of_cgroups(tmp_path, "0::/a/b\n") == [2 * GIB, GIB]
    assert memory._of_cgroups(tmp_path, "0::/../elsewhere\n") == []
    assert memory._of_cgroups(tmp_path, "") == []
    first = tmp_path / "memory" / "docker"
    first.mkdir(parents=True)
    (first / "memory.limit_in_bytes").write_text(f"{3 * GIB}\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{(1 << 63) - 4096}\n")
    assert memory._of_cgroups(tmp_path, "5:cpu,memory:/docker\n3:cpu:/a\n") == [3 * GIB]
