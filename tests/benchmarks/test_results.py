"""A run is read as it was saved."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from benchmarks.results import find, read_growth, read_peers, read_workers, save
from tests.benchmarks.runs import growth_run, peers_run, workers_run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_of_the_peers_is_read_as_it_was_saved(tmp_path: Path) -> None:
    run = peers_run()
    found = read_peers(save(run, "peers", tmp_path))
    assert repr(found) == repr(run)  # NaN is not equal to itself


def test_a_run_of_the_growth_is_read_as_it_was_saved(tmp_path: Path) -> None:
    assert read_growth(save(growth_run(), "growth", tmp_path)) == growth_run()


def test_a_run_of_the_workers_is_read_as_it_was_saved(tmp_path: Path) -> None:
    assert read_workers(save(workers_run(), "workers", tmp_path)) == workers_run()


def test_what_is_not_known_is_null_in_the_file_and_nan_afterwards(tmp_path: Path) -> None:
    path = save(peers_run(), "peers", tmp_path)
    assert json.loads(path.read_text())["rows"][-1]["cpu_ms"] is None
    assert math.isnan(read_peers(path).rows[-1].cpu_ms)


def test_runs_are_numbered_by_their_kind(tmp_path: Path) -> None:
    names = [save(peers_run(), "peers", tmp_path / "new").name for _ in range(11)]
    assert names[0] == "peers-1.json"
    assert names[-1] == "peers-11.json"
    assert save(growth_run(), "growth", tmp_path / "new").name == "growth-1.json"


def test_without_a_name_the_newest_run_is_found(tmp_path: Path) -> None:
    for _ in range(10):
        save(peers_run(), "peers", tmp_path)
    assert find("", "peers", tmp_path).name == "peers-10.json"
    assert find("2", "peers", tmp_path).name == "peers-2.json"
    assert find(str(tmp_path / "peers-3.json"), "peers", tmp_path).name == "peers-3.json"


def test_a_run_that_is_not_there_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no growth run at all in .*: make bench-growth makes one"):
        find("", "growth", tmp_path)
    with pytest.raises(SystemExit, match="no peers run 7 in"):
        find("7", "peers", tmp_path)


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", "{}", '{"version": 1}', '{"version": 2, "rows": []}']
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "peers-1.json"
    path.write_text(text)
    for read in (read_peers, read_growth):
        with pytest.raises(SystemExit, match=r"peers-1\.json"):
            read(path)
