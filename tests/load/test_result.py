"""What the table and the report say."""

from __future__ import annotations

from proxy.load.result import (
    COLUMNS,
    cache_text,
    failure_rows,
    ratio_cells,
    slowest,
    summary_cells,
    warnings,
)
from proxy.load.tally import Outcome
from tests.load.examples import failed, ok, result, tally


def test_a_row_has_rate_errors_percentiles_bytes_and_cache_results() -> None:
    run = result(tally(*(ok(0, 10) for _ in range(30)), *(failed(0) for _ in range(10))))
    cells = dict(zip(COLUMNS, summary_cells(run, run.targets[0]), strict=True))
    assert cells == {
        "requests": "40",
        "answered": "3.00 /s",
        "errors": "10 (25 %)",
        "p50": "10.0 ms",
        "p90": "10.0 ms",
        "p99": "10.0 ms",
        "p99.9": "10.0 ms",
        "max": "10.0 ms",
        "received": "30.0 KB",
        "cache": "hit 100 %",
    }


def test_nothing_that_was_answered_gives_dashes_and_no_zeros() -> None:
    run = result(tally(failed(0)))
    assert summary_cells(run, run.targets[0])[3:8] == ("-",) * 5


def test_cache_results_are_shown_for_thanoxy_only() -> None:
    assert cache_text(tally(ok(0, 1), ok(0, 1), ok(0, 1), ok(0, 1, "miss"))) == "hit 75 %, miss 25 %"
    assert cache_text(tally(ok(0, 1, ""))) == "-"


def test_ratios_compare_with_the_first_target() -> None:
    run = result(tally(ok(0, 10)), tally(ok(0, 30)))
    cells = dict(zip(COLUMNS, ratio_cells(*run.targets), strict=True))
    assert (cells["p50"], cells["max"], cells["requests"]) == ("x 3.00", "x 3.00", "")
    empty = result(tally(failed(0)), tally(ok(0, 30)))
    assert ratio_cells(*empty.targets)[3] == "-"


def test_the_slowest_questions_come_first() -> None:
    run = result(tally(Outcome(0, 0.0, 5.0, size_bytes=50), ok(0, 15)))
    assert slowest(run, run.targets[0], 5) == [
        ("panel A", "2", "0", "5.03 ms", "15.0 ms", "525 B", "sum(up)")
    ]
    assert slowest(run, run.targets[0], 0) == []


def test_failures_are_listed_with_their_first_example() -> None:
    counted = tally(failed(0), failed(0, "status 500", "later"), failed(0, "timeout", "30s"))
    assert failure_rows(counted) == [("status 500", "2", "oh"), ("timeout", "1", "30s")]


def test_what_spoils_the_numbers_is_said() -> None:
    late = [Outcome(0, 0.0, 1.0, late_ms=90.0) for _ in range(3)]
    waiting = [Outcome(0, 0.0, 1.0, late_ms=400.0, waited=True)]
    empty = [Outcome(0, 0.0, 1.0, is_empty=True)]
    spoilt = tally(*late, *waiting, *empty)
    spoilt.unfinished = 7
    said = " ".join(warnings(result(spoilt).targets))
    assert "3 requests were sent more than 50 ms late" in said
    assert "1 requests waited for a free place" in said
    assert "1 of 5 answers held no series" in said
    assert "7 requests were given up at the end" in said
    assert warnings(result(tally(ok(0, 1))).targets) == []
