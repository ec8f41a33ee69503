"""The end of a run on the terminal."""

from __future__ import annotations

from proxy.load.saved import Saved
from proxy.load.table import aligned, result_text, saved_text
from tests.load.examples import EVIL, SAVED, failed, ok, result, tally


def test_columns_stand_under_each_other() -> None:
    assert aligned([("name", "n", "last"), ("x", "1,000", "a")]) == [
        "name      n  last",
        "x     1,000  a",
    ]


def test_every_target_has_a_row_and_ratios_when_wanted() -> None:
    run = result(tally(ok(0, 10)), tally(ok(0, 20)))
    lines = result_text(run, with_ratios=True).splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        "target",
        "http://one",
        "http://other-1",
        "against",
    ]
    assert "x 2.00" in lines[3]
    assert "against" not in result_text(run, with_ratios=False)


def test_failures_savings_and_notes_follow() -> None:
    text = result_text(result(tally(ok(0, 10), failed(0, detail="a\nb\x1b[31m"))), with_ratios=False)
    assert "http://one: 1 x status 500 (first: a b [31m)" in text
    assert "http://one: upstream work saved: 95 % of 1,000 steps (950 held, 50 fetched;" in text
    assert "\x1b" not in text


def test_an_example_from_a_target_is_cut() -> None:
    text = result_text(result(tally(failed(0, detail=EVIL * 100))), with_ratios=False)
    assert max(map(len, text.splitlines())) < 300


def test_savings_are_a_sentence_in_every_case() -> None:
    assert saved_text("not available: why") == "not available: why"
    assert "4 splits and 1 whole queries, 12.0 KB received" in saved_text(SAVED)
    assert saved_text(Saved(0, 0, 0, 0, 3, 0)).startswith("no steps of range queries were requested")
