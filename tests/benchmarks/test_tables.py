"""Tables hold the figures of a run and nothing else."""

from __future__ import annotations

from benchmarks.marks import marks
from benchmarks.tables import (
    cost_table,
    crowd_table,
    machine_text,
    markdown,
    marks_table,
    memory_table,
    reads_table,
    rows_text,
    share,
    speed_table,
    throughput_table,
)
from tests.benchmarks.runs import MACHINE, NAN, peers_run


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_a_table_looks_like_this() -> None:
    assert markdown(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


def test_a_workload_has_one_row_with_ratios_to_the_fastest_peer() -> None:
    head, _, row = speed_table(peers_run()).splitlines()
    assert dict(zip(cells(head), cells(row), strict=True)) == {
        "median, ms": "680 x 2,017, warm, gzip",
        "thanoxy": "2.00",
        "thanoxy, memo off": "4.00",
        "query-frontend": "300",
        "cortex": "100",
        "Thanos Query": "0.020",
        "fastest peer / thanoxy": "50 x",
        "fastest peer / memo off": "25 x",
        "mark": "met",
    }


def test_marks_are_counted_and_listed() -> None:
    text = marks_table(marks(peers_run()))
    assert text.startswith("5 of 5 marks met.\n")
    assert text.count("| met |") == 5


def test_a_missed_mark_shows() -> None:
    run = peers_run()
    run.rows = [*run.rows[:3], run.rows[0]]
    found = marks_table(marks(run))
    assert "3 of 6" not in found
    run.crowd = [type(run.crowd[0])(**{**vars(run.crowd[0]), "errors": 3})]
    found = marks_table(marks(run))
    assert "**missed**" in found
    assert "3 errors" in found


def test_costs_are_listed_by_peer_and_what_is_not_known_is_empty() -> None:
    lines = cost_table(peers_run().rows).splitlines()
    assert len(lines) == 2 + 5
    assert cells(lines[2]) == [
        "680 x 2,017, warm, gzip",
        "thanoxy",
        "5",
        "2.00",
        "4.00",
        "1.00",
        "0.500",
        "0.250",
        "1.00 %",
        "0",
    ]
    assert cells(lines[-1])[5] == ""


def test_a_share_is_in_percent_of_what_clients_asked() -> None:
    assert share(5, 1000) == "0.500 %"
    assert share(0, 1000) == "0 %"
    assert share(NAN, 1000) == ""
    assert share(0, 0) == ""


def test_throughput_memory_clients_and_reads_have_a_line_each() -> None:
    run = peers_run()
    assert cells(throughput_table(run).splitlines()[2]) == ["1 x 241, gzip", "900", "400"]
    assert cells(memory_table(run).splitlines()[2]) == ["thanoxy", "2.0 million", "30", "50", "15.0"]
    assert cells(crowd_table(run).splitlines()[2])[:8] == [
        "500 users",
        "thanoxy",
        "5,000",
        "0",
        "500",
        "2.00",
        "8.00",
        "4.00 x",
    ]
    assert [cells(line)[-1] for line in reads_table(run).splitlines()[2:]] == ["1.00", "2.00", "8.00"]


def test_a_short_run_says_that_it_is_one() -> None:
    short = machine_text(MACHINE, is_quick=True, took_s=90, what="Peers")
    assert short.startswith("**These are figures of a short run")
    full = machine_text(MACHINE, is_quick=False, took_s=600, what="Peers")
    assert full.startswith("Peers: 2 cores, 8 GB, Linux 6.1; thanoxy 1.2.3, Thanos v0.42.4.")
    assert "25 % of the processors" in full
    assert "which took 10:00 min." in full


def test_the_terminal_shows_each_peer_against_the_fastest() -> None:
    lines = rows_text(peers_run().rows).splitlines()
    assert lines[0] == "680 x 2,017, warm, gzip"
    assert "0.020 of the fastest peer" in lines[1]
    assert len(lines) == 6
