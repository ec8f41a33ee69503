"""Which expressions fail again and again."""

from __future__ import annotations

from proxy.status.failing import FailingQueries


def test_failures_of_an_expression_are_counted_within_five_minutes() -> None:
    failing = FailingQueries()
    assert failing.lately(0) == ()
    for now_ms in (0, 30_000, 299_000):
        failing.failed("sum(x)", "timeout", "dash", "team", now_ms)
    (one,) = failing.lately(299_500)
    assert (one.expr, one.failures, one.reason) == ("sum(x)", 3, "timeout")
    assert (one.dashboard, one.tenant, one.last_ms, one.has_killed) == ("dash", "team", 299_000, False)
    assert failing.lately(301_000)[0].failures == 2
    assert failing.lately(700_000) == ()


def test_the_worst_comes_first_and_they_are_few() -> None:
    failing = FailingQueries()
    for number in range(30):
        for _ in range(number + 1):
            failing.failed(f"q{number}", "500", "", "", number)
    failing.died("deadly", "", "", 0)
    found = failing.lately(100)
    assert [one.expr for one in found[:3]] == ["deadly", "q29", "q28"]
    assert len(found) == 10
    assert found[0].has_killed


def test_what_killed_a_process_is_named_for_longer() -> None:
    failing = FailingQueries()
    failing.died("deadly", "dash", "", 1_000)
    assert failing.lately(500_000)[0].expr == "deadly"
    assert failing.lately(700_000) == ()


def test_memory_is_bounded() -> None:
    failing = FailingQueries(most=3)
    for number in range(10):
        for _ in range(100):
            failing.failed(f"{number}" + "x" * 10_000, "500" * 1_000, "", "", number)
    assert len(failing._failures) == 3
    found = failing.lately(10)
    assert {one.expr[0] for one in found} == {"7", "8", "9"}
    assert all((len(one.expr), len(one.reason), one.failures) == (500, 200, 20) for one in found)
