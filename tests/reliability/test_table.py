from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.results import Machine
from tests.reliability import table
from tests.reliability.faults import FAULTS
from tests.reliability.figures import Figures
from tests.reliability.report import sections
from tests.reliability.results import Results, read, save
from tests.reliability.scenario import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW = Figures(
    fault="killed",
    upstreams=1,
    requests=800,
    failed={"502 unavailable": 12, "503 timeout": 1},
    longest_failure_s=1.25,
    median_before_s=0.0361,
    p99_before_s=0.045,
    p99_first_s=2.345,
    p99_after_s=0.09,
    healthy_after_s=None,
    warned=3,
    stale=2,
    holes=4,
    wrong=5,
    not_right_again=6,
)
WELL = dataclasses.replace(ROW, upstreams=3, failed={}, healthy_after_s=0.0, wrong=0, not_right_again=0)
MACHINE = Machine(2, 8.0, "Linux 6.1", 0.25, {"thanoxy": "1.2.3"})
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def results(rows: Sequence[Figures]) -> Results:
    return Results(MACHINE, took_s=61.0, per_s=40.0, rows=list(rows))


def test_a_row_says_what_clients_saw() -> None:
    line = sections(results([ROW]))["one upstream"].splitlines()[2]
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        "one killed, not started again",
        "12 of 502 unavailable, 1 of 503 timeout",
        "1.2 s",
        "36 ms, 45 ms",
        "2.3 s",
        "90 ms (2.0 times)",
        "not",
        "3",
        "4",
        "5",
        "6",
    ]


def test_with_three_upstreams_the_mark_is_judged() -> None:
    bad = dataclasses.replace(WELL, fault="paused", p99_after_s=0.136)
    rolling = dataclasses.replace(bad, fault="rolling")
    lines = sections(results([bad, WELL, rolling]))["three upstreams"].splitlines()[2:]
    assert [line.split("|")[-2].strip() for line in lines] == ["met", "", "**missed**"]


def test_rows_come_in_the_order_of_the_faults_and_every_line_is_as_long_as_the_head() -> None:
    rows = [dataclasses.replace(WELL, fault=fault.name) for fault in reversed(FAULTS)]
    lines = sections(results(rows))["three upstreams"].splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [fault.meaning for fault in FAULTS]
    assert {line.count("|") for line in lines} == {13}


def test_what_was_not_measured_is_said() -> None:
    assert sections(results([ROW]))["three upstreams"] == "This part was not run.\n"


def test_a_saved_run_is_read_as_it_was(tmp_path: Path) -> None:
    run = results([ROW, WELL])
    first, second = save(run, tmp_path), save(run, tmp_path)
    assert first != second
    assert read(first) == read(second) == run


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"rows": []}')
    with pytest.raises(SystemExit, match="is not a run of"):
        read(other)


def test_the_page_is_written_from_a_saved_run(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    page.write_text(PAGE.read_text("utf-8"), "utf-8")
    table.write(results([ROW, WELL]), page)
    text = page.read_text("utf-8")
    assert "12 of 502 unavailable" in text
    assert text.count("one killed, not started again") == 2
    table.write(results([ROW, WELL]), page)
    assert page.read_text("utf-8") == text


def test_faults_have_names_of_their_own_and_end_before_the_load_does() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    pace = Pace()
    assert all(pace.fault_s + fault.lasts_s < pace.end_s for fault in FAULTS)
