"""What is made of a run of the workers: marks, tables, and their place in the page."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from benchmarks.results import save
from benchmarks.workers_text import main, section, worker_marks
from tests.benchmarks.runs import MACHINE, workers_run

if TYPE_CHECKING:
    from pathlib import Path


QUIET = dataclasses.replace(MACHINE, busy=0.05)


def found(name: str) -> tuple[str, bool]:
    run = dataclasses.replace(workers_run(), machine=QUIET)
    (mark,) = (mark for mark in worker_marks(run) if mark.name == name)
    return mark.found, mark.is_met


@pytest.mark.parametrize(
    ("name", "text", "is_met"),
    [
        ("requests a second, as they are", "1.67 x", False),
        ("requests a second, for what the generator left", "2.08 x", True),
        ("requests, 2 x a worker's second", "2.08 x", True),
        ("steps that are hits", "95.00% (99.00%)", False),
        ("memory, 0 of 46 MB", "220 MB", True),
        ("memory, 1 of 46 MB", "320 MB", True),
        ("46 MB first after a restart", "20 x (1,000 to 50.0 ms)", True),
    ],
)
def test_each_mark_is_held_against_what_was_found(name: str, text: str, is_met: bool) -> None:
    assert found(name) == (text, is_met)


def test_on_a_busy_machine_only_processor_time_is_judged() -> None:
    names = [mark.name for mark in worker_marks(workers_run()) if mark.name.startswith("requests")]
    assert names == ["requests, 2 x a worker's second"]


def test_what_was_not_run_has_neither_marks_nor_tables() -> None:
    run = dataclasses.replace(workers_run(), rows=[])
    assert list(worker_marks(run)) == []
    assert "| workers |" not in section(run)


def test_it_is_written_where_the_page_says_and_nowhere_else(tmp_path: Path) -> None:
    save(workers_run(), "workers", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- workers: begin -->\nof another run\n<!-- workers: end -->\nafter\n")
    main(["--folder", str(tmp_path), "--page", str(page)])
    text = page.read_text()
    assert text.startswith("before\n<!-- workers: begin -->\n")
    assert text.endswith("<!-- workers: end -->\nafter\n")
    assert "of another run" not in text
    assert "| 1 x 241, 8 at once, waiting | 1.00 | 9.00 |" in text
    assert "| 2 | 15,000 | 18,750 | 9,375 | 1.60 cores | 0.40 cores |" in text
