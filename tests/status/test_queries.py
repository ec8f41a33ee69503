"""What is said of queries that run."""

from __future__ import annotations

import dataclasses
from urllib.parse import parse_qs

from proxy.status import queries
from proxy.status.snapshot import QueryRun, Snapshot
from tests.status.days import NOW_MS, RUNNING
from tests.status.reading import read

EMPTY = Snapshot(NOW_MS, 1)


def with_running(*runs: QueryRun) -> Snapshot:
    return dataclasses.replace(EMPTY, running=runs)


def test_a_running_query_says_whose_it_is_and_what_it_waits_for() -> None:
    document = read(queries.running(with_running(RUNNING), can_cancel=False))
    assert not document.faults
    for told in ("6.2 s", "team-blue", "Service overview", "partial 1,440 / 5,760", "scanning 600 ms"):
        assert told in document.text, told


def test_it_is_cancelled_by_a_form_with_its_id() -> None:
    document = read(queries.running(with_running(RUNNING), can_cancel=True))
    (form,) = document.all("form")
    assert (form["method"], form["action"]) == ("post", "api/v1/admin/thanoxy/cancel")
    assert document.all("input")[0] == {"type": "hidden", "name": "id", "value": "w1-4711"}
    (button,) = document.all("button")
    assert button["aria-label"].startswith("Cancel sum by (service, le)")


def test_who_is_no_admin_sees_no_button() -> None:
    assert not read(queries.running(with_running(RUNNING), can_cancel=False)).all("form")


def test_the_longest_are_shown_and_the_rest_is_counted() -> None:
    runs = [dataclasses.replace(RUNNING, id=f"{n}", took_ms=float(n), splits=()) for n in range(30)]
    document = read(queries.running(with_running(*runs), can_cancel=False))
    keys = [item["data-key"] for item in document.all("li")]
    assert keys == [str(number) for number in range(29, 17, -1)]
    assert "and 18 more queries" in document.text


def test_links_ask_for_the_plan_of_that_very_query() -> None:
    expr = 'a{x="1&2"} + on() "\u2028<%"'
    run = dataclasses.replace(RUNNING, expr=expr, start_ms=1_500, end_ms=60_000, step_ms=15_000)
    explain, coverage = read(queries.running(with_running(run), can_cancel=False)).all("a")
    path, _, query = explain["href"].partition("?")
    assert path == "api/v1/thanoxy/explain"
    assert parse_qs(query) == {"query": [expr], "start": ["1.500"], "end": ["60"], "step": ["15"]}
    path, _, query = coverage["href"].partition("?")
    assert path == "api/v1/thanoxy/coverage"
    assert parse_qs(query).keys() == {"query", "start", "end"}


def test_a_very_long_expression_has_no_link_and_is_clipped() -> None:
    run = dataclasses.replace(RUNNING, expr="<" * 100_000, splits=())
    made = queries.running(with_running(run), can_cancel=True)
    assert not read(made).all("a")
    assert len(made) < 6_000
