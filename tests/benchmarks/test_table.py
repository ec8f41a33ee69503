"""The table of micro-benchmarks divides what pytest-benchmark saved."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.table import Size, find_run, main, read_run, report

if TYPE_CHECKING:
    from pathlib import Path


def stage(name: str, seconds: float, *work: int) -> dict[str, Any]:
    """One benchmark as it is saved; `work` is series, steps and points, or nothing."""
    noted = {"stage": name, **dict(zip(("series", "steps", "points"), work, strict=bool(work)))}
    return {"extra_info": noted, "stats": {"min": seconds, "median": 2 * seconds, "mean": 3 * seconds}}


def saved(folder: Path, number: int, *benchmarks: dict[str, Any], age_s: int = 0) -> Path:
    """A saved run, as many seconds old."""
    path = folder / "Linux-CPython-3.11-64bit" / f"{number:04d}_abcdef_20260101_000000.json"
    path.parent.mkdir(exist_ok=True)
    machine = {"cpu": {"count": 2, "brand_raw": "Chip"}, "python_version": "3.11.7"}
    path.write_text(json.dumps({"machine_info": machine, "benchmarks": benchmarks}))
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of the tables with this title, heads left out; stages here are single words."""
    found: list[list[str]] = []
    for table in text.split("\n\n"):
        lines = table.splitlines()
        if lines[0].startswith(title):
            found += [line.split() for line in lines[2:]]
    return found


def test_time_is_divided_by_points_and_by_series(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, stage("scan", 0.002, 10, 200, 2_000))
    text = report(read_run(path))
    assert rows(text, "ns a point") == [["scan", "1,000"]]
    assert rows(text, "ns a series") == [["scan", "200,000"]]


def test_points_that_are_missing_do_not_count(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, stage("gaps", 0.002, 10, 200, 1_000))
    assert rows(report(read_run(path)), "ns a point") == [["gaps", "2,000"]]


def test_sizes_stand_side_by_side_from_small_to_large(tmp_path: Path) -> None:
    large, small = stage("scan", 0.1, 1_000, 200, 200_000), stage("scan", 0.001, 1, 200, 200)
    text = report(read_run(saved(tmp_path, 1, large, small)))
    assert "ns a point  1 x 200  1,000 x 200\n" in text
    assert rows(text, "ns a point") == [["scan", "5,000", "500"]]


def test_a_table_looks_like_this(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, stage("scan", 1e-6, 1, 200, 200), stage("key", 2e-6))
    assert report(read_run(path)) == (
        "run 0001_abcdef_20260101_000000, 2 x Chip, Python 3.11.7\n"
        "\n"
        "ns a point  1 x 200\n"
        "-------------------\n"
        "scan           5.00\n"
        "\n"
        "ns a series  1 x 200\n"
        "--------------------\n"
        "scan           1,000\n"
        "\n"
        "once a request  ns a call\n"
        "-------------------------\n"
        "key                 2,000"
    )


def test_stages_of_other_sizes_have_columns_of_their_own(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        1,
        stage("scan", 0.1, 1, 200, 200),
        stage("scan", 0.1, 10, 200, 2_000),
        stage("slow", 0.1, 1, 20, 20),
        stage("join", 0.1, 1, 200, 200),
        stage("join", 0.1, 10, 200, 2_000),
    )
    heads = [line for line in report(read_run(path)).splitlines() if line.startswith("ns a point")]
    assert heads == ["ns a point  1 x 200  10 x 200", "ns a point     1 x 20"]


def test_what_is_no_stage_is_left_out(tmp_path: Path) -> None:
    other = {"extra_info": {}, "stats": {"min": 1.0}}
    run = read_run(saved(tmp_path, 1, other, stage("key", 1e-6)))
    assert [figure.stage for figure in run.figures] == ["key"]


def test_figures_are_of_the_fastest_round_unless_told_otherwise(tmp_path: Path) -> None:
    path = saved(tmp_path, 1, stage("key", 1e-6))
    assert read_run(path).figures[0].seconds == 1e-6
    assert read_run(path, "median").figures[0].seconds == 2e-6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1e-3, "1,000,000"), (1e-7, "100"), (1.25e-8, "12.5"), (1.25e-9, "1.25"), (1.25e-10, "0.125")],
)
def test_a_figure_has_three_digits_or_more(tmp_path: Path, seconds: float, text: str) -> None:
    path = saved(tmp_path, 1, stage("key", seconds))
    assert rows(report(read_run(path)), "once a request") == [["key", text]]


def test_against_an_older_run_each_stage_has_its_ratio(tmp_path: Path) -> None:
    old = saved(tmp_path, 1, stage("scan", 0.2, 1, 200, 200), stage("key", 1e-6))
    new = saved(tmp_path, 2, stage("scan", 0.1, 1, 200, 200), stage("key", 3e-6))
    text = report(read_run(new), read_run(old))
    assert text.splitlines()[1] == "against 0001_abcdef_20260101_000000, 2 x Chip, Python 3.11.7"
    assert rows(text, "times as long") == [["scan", "0.50"]]
    assert rows(text, "once a request") == [["key", "3,000", "3.00"]]


def test_a_stage_or_size_that_is_new_has_no_ratio(tmp_path: Path) -> None:
    old = saved(tmp_path, 1, stage("scan", 0.2, 1, 200, 200))
    new = saved(
        tmp_path,
        2,
        stage("scan", 0.1, 1, 200, 200),
        stage("scan", 0.1, 9, 200, 1_800),
        stage("key", 1e-6),
    )
    text = report(read_run(new), read_run(old))
    assert rows(text, "times as long") == [["scan", "0.50"]]
    assert rows(text, "once a request") == [["key", "1,000"]]


def test_without_a_name_the_newest_run_is_taken(tmp_path: Path) -> None:
    saved(tmp_path, 2, age_s=60)
    newest = saved(tmp_path, 1)
    assert find_run("", tmp_path) == newest


def test_a_run_is_found_by_its_number_or_its_file(tmp_path: Path) -> None:
    first = saved(tmp_path, 1, age_s=60)
    saved(tmp_path, 2)
    assert find_run("0001", tmp_path) == first
    assert find_run(str(first), tmp_path / "elsewhere") == first


def test_a_run_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    saved(tmp_path, 2, age_s=60)
    with pytest.raises(SystemExit, match=r"no run '0009' in .*; there are: 0001, 0002$"):
        find_run("0009", tmp_path)
    with pytest.raises(SystemExit, match=r"there are: none$"):
        find_run("", tmp_path / "empty")


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"benchmarks": []}', '{"benchmarks": [1]}'])
def test_a_file_that_is_no_run_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(SystemExit, match="is not a run that pytest-benchmark saved"):
        read_run(path)


def test_a_run_without_any_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no stage"):
        read_run(saved(tmp_path, 1))


def test_the_command_prints_the_newest_run_against_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, 1, stage("key", 1e-6), age_s=60)
    saved(tmp_path, 2, stage("key", 2e-6))
    main(["--folder", str(tmp_path), "--against", "0001", "--stat", "median"])
    assert rows(capsys.readouterr().out, "once a request") == [["key", "4,000", "2.00"]]


def test_a_size_reads_as_series_by_steps() -> None:
    assert str(Size(10_000, 250)) == "10,000 x 250"
