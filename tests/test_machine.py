"""What a machine or a container allows, and what of it goes where."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest

from proxy.machine import MemoryShares, cores, memory_bytes, share_memory, workers_for

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20
MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def put(root: Path, file: str, text: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    def getrlimit(kind: int) -> tuple[int, int]:
        for name, limit in limits.items():
            if kind == getattr(resource, name):
                return limit, limit
        return resource.RLIM_INFINITY, resource.RLIM_INFINITY

    monkeypatch.setattr(resource, "getrlimit", getrlimit)


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch)


def test_without_any_limit_it_is_the_machines(tmp_path: Path) -> None:
    assert memory_bytes(str(tmp_path)) == MACHINE


@pytest.mark.parametrize(
    "file", ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"]
)
def test_in_a_container_it_is_the_cgroups(tmp_path: Path, file: str) -> None:
    put(tmp_path, file, f"{300 * MB}\n")
    assert memory_bytes(str(tmp_path)) == 300 * MB


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712\n", "", "odd\n"])
def test_a_cgroup_without_a_limit_does_not_count(tmp_path: Path, text: str) -> None:
    put(tmp_path, "sys/fs/cgroup/memory.max", text)
    assert memory_bytes(str(tmp_path)) == MACHINE


def test_the_smallest_of_all_groups_above_counts(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "0::/system.slice/thanoxy.service\n")
    put(tmp_path, "sys/fs/cgroup/memory.max", "max")
    put(tmp_path, "sys/fs/cgroup/system.slice/memory.max", f"{400 * MB}")
    put(tmp_path, "sys/fs/cgroup/system.slice/thanoxy.service/memory.max", f"{500 * MB}")
    assert memory_bytes(str(tmp_path)) == 400 * MB
    put(tmp_path, "sys/fs/cgroup/system.slice/thanoxy.service/memory.max", f"{200 * MB}")
    assert memory_bytes(str(tmp_path)) == 200 * MB


def test_the_older_kind_of_cgroup_is_found_under_its_controller(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "5:cpu,cpuacct:/other\n4:memory:/a/b\n0::/\n")
    put(tmp_path, "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", f"{123 * MB}")
    assert memory_bytes(str(tmp_path)) == 123 * MB


def test_a_bound_on_the_address_space_is_less_than_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is mapped and never used counts against it."""
    limited(monkeypatch, RLIMIT_AS=1024 * MB)
    assert memory_bytes(str(tmp_path)) == (1024 - 80) * MB
    pages = MB // os.sysconf("SC_PAGE_SIZE")
    put(tmp_path, "proc/self/statm", f"{290 * pages} {70 * pages} 1 1 0 1 0\n")
    assert memory_bytes(str(tmp_path)) == (1024 - 80 - 220) * MB


def test_a_bound_on_data_counts_and_one_that_is_absurd_stays_positive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, RLIMIT_DATA=700 * MB)
    assert memory_bytes(str(tmp_path)) == 700 * MB
    limited(monkeypatch, RLIMIT_AS=1 * MB)
    assert memory_bytes(str(tmp_path)) == 1


@pytest.mark.parametrize(
    ("configured", "shares"),
    [
        ((1024 * MB, None, 128 * MB, 0), (256, 64, 240)),
        ((24_000 * MB, None, 128 * MB, 0), (512, 128, 11_536)),
        ((1024 * MB, 0, 0, 0), (0, 0, 432)),
        ((1024 * MB, 2048 * MB, 0, 0), (2048, 0, 64)),
        ((1024 * MB, None, 128 * MB, 300 * MB), (256, 64, 300)),
        ((128 * MB, None, 128 * MB, 0), (32, 8, 64)),
    ],
    ids=str,
)
def test_memory_is_divided(
    configured: tuple[int, int | None, int, int], shares: tuple[int, int, int]
) -> None:
    assert share_memory(*configured) == MemoryShares(*(size * MB for size in shares))


@pytest.fixture
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("_eight")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("50000 100000\n", 1),
        ("200000 100000\n", 2),
        ("250000 100000\n", 3),
        ("1600000 100000\n", 8),
        ("max 100000\n", 8),
        ("100000 0\n", 8),
        ("odd\n", 8),
    ],
)
def test_cores_are_those_of_the_affinity_and_the_quota(tmp_path: Path, text: str, found: int) -> None:
    assert cores(str(tmp_path)) == 8
    put(tmp_path, "sys/fs/cgroup/cpu.max", text)
    assert cores(str(tmp_path)) == found


@pytest.mark.usefixtures("_eight")
def test_the_smallest_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "0::/pods/one\n")
    put(tmp_path, "sys/fs/cgroup/pods/cpu.max", "300000 100000\n")
    put(tmp_path, "sys/fs/cgroup/pods/one/cpu.max", "max 100000\n")
    assert cores(str(tmp_path)) == 3


@pytest.mark.usefixtures("_eight")
@pytest.mark.parametrize(("quota", "found"), [("150000\n", 2), ("-1\n", 8)])
def test_the_older_kind_of_cgroup_has_its_period_in_a_file(
    tmp_path: Path, quota: str, found: int
) -> None:
    put(tmp_path, "proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/\n")
    put(tmp_path, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", quota)
    put(tmp_path, "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n")
    assert cores(str(tmp_path)) == found


@pytest.mark.parametrize(
    ("allowed", "total_mb", "found"),
    [(1, 8192, 1), (2, 8192, 2), (64, 8192, 4), (4, 1536, 3), (4, 200, 1)],
)
def test_by_default_there_is_a_worker_for_each_core_and_memory_for_it(
    allowed: int, total_mb: int, found: int
) -> None:
    assert workers_for(allowed, total_mb * MB) == found
