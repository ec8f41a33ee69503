"""What is said of queries that have run."""

from __future__ import annotations

import dataclasses

from proxy.status import past
from proxy.status.snapshot import QueryRun, Snapshot
from tests.status.days import NOW_MS, bad_day, finished
from tests.status.reading import read

EMPTY = Snapshot(NOW_MS, 1)


def test_recent_queries_are_listed_by_time_and_by_cost() -> None:
    document = read(past.recent(bad_day()))
    assert not document.faults
    captions = [caption["id"] for caption in document.all("caption")]
    names = ("", "-dashboard", "-tenant", "-expression")
    assert captions == [
        f"{which}{name}-caption" for which in ("slowest", "costliest") for name in names
    ]


def test_groups_add_up() -> None:
    runs = (
        QueryRun(
            "1",
            "query",
            1,
            2_000.0,
            tenant="<a>",
            steps=10,
            steps_held=5,
            upstream_bytes=1024,
            upstream_ms=7_500.0,
        ),
        QueryRun("2", "query", 2, 1_000.0, tenant="<a>", steps=10, upstream_bytes=1024, code=503),
        QueryRun("3", "query", 3, 1_500.0, tenant="b"),
    )
    made = past.recent(dataclasses.replace(EMPTY, slowest=runs))
    _, _, rest = made.partition('id="slowest-tenant-table"')
    table, _, _ = rest.partition("</table>")
    document = read(f"<table{table}</table>".replace("<table>", "<table>", 1))
    assert "<a>23.0 s2.0 s7.5 s2 KiB25.0 %1b11.5 s1.5 s0 ms0 B\u20130" in document.text


def test_a_failed_query_is_marked() -> None:
    runs = (finished(3), finished(4))
    document = read(past.recent(dataclasses.replace(EMPTY, slowest=runs)))
    assert [row.get("class") for row in document.all("tr") if "data-key" in row][:2] == ["bad", None]


def test_lists_are_made_anew_only_when_they_have_changed() -> None:
    lists = past.RecentLists()
    first = lists(bad_day())
    assert lists(dataclasses.replace(bad_day(), version="2")) is first
    changed = dataclasses.replace(bad_day(), slowest=bad_day().slowest[1:])
    assert lists(changed) == past.recent(changed) != first


def test_lists_are_bounded() -> None:
    runs = tuple(dataclasses.replace(finished(n), expr=f"e{n}", id=str(n)) for n in range(300))
    document = read(past.recent(dataclasses.replace(EMPTY, slowest=runs)))
    assert len([row for row in document.all("tr") if "data-key" in row]) < 70


def test_what_keeps_failing_says_why_and_what_it_has_done() -> None:
    document = read(past.failing(bad_day()))
    assert not document.faults
    assert [row.get("class") for row in document.all("tr") if "data-key" in row] == ["bad", None]
    assert "■ ran when a process died" in document.text
    assert "more than 50,000,000 samples" in document.text


def test_where_nothing_fails_a_sentence_says_so() -> None:
    assert read(past.failing(EMPTY)).text == "No query has failed of late."
