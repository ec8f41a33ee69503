"""The HTML report."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from proxy.load.report import report_page
from proxy.load.saved import Saved
from proxy.load.workload import Question, Window
from tests.load.examples import EVIL, failed, ok, result, tally, workload


class Reader(HTMLParser):
    """What is on the page; fails on tags that are not closed in order."""

    VOID = frozenset(("meta", "path", "circle", "rect", "line"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_has_every_plot_for_every_target() -> None:
    run = result(tally(ok(0, 10), failed(2_000)), tally(ok(0, 20)))
    page = Reader(report_page(run, with_ratios=True))
    assert page.tags.count("svg") == 1 + 2 * 2
    for title in ("Latency over time", "Requests and errors over time", "Upstream work saved"):
        assert page.texts.count(title) == 2
    assert page.texts.count("Percentile curve") == 1
    assert page.texts.count("Errors") == 1
    assert "against the first" in page.texts


def test_texts_from_files_and_targets_are_escaped_everywhere() -> None:
    evil = workload(Question(EVIL, EVIL, Window(1_000, 1_000)))
    counted = tally(ok(0, 10, EVIL), failed(0, EVIL, EVIL))
    run = replace(
        result(counted, saved=EVIL, name=EVIL),
        workload=replace(evil, title=EVIL),
        facts=((EVIL, EVIL),),
        notes=(EVIL,),
        started=EVIL,
    )
    text = report_page(run, with_ratios=False)
    assert "<script" not in text
    page = Reader(text)
    assert "script" not in page.tags
    assert page.texts.count(EVIL) >= 10


def test_what_the_cache_saved_is_a_bar_of_two_parts() -> None:
    text = report_page(result(tally(ok(0, 10))), with_ratios=False)
    assert 'class="held" style="width:95.00%"' in text
    assert 'class="asked" style="width:5.00%"' in text


def test_a_target_that_fetched_more_than_was_asked_saved_nothing() -> None:
    saved = Saved(requested=100, hit=0, fetched=150, splits=1, whole=0, received_bytes=1)
    text = report_page(result(tally(ok(0, 10)), saved=saved), with_ratios=False)
    assert 'class="held" style="width:0.00%"' in text


def test_without_counters_the_saving_is_not_available() -> None:
    text = report_page(result(tally(ok(0, 10)), saved="not available: why"), with_ratios=False)
    assert "not available: why" in text
    assert 'class="split"' not in text


def test_a_run_that_was_interrupted_says_so() -> None:
    run = replace(result(tally(ok(0, 10))), interrupted=True, ran_ms=4_000.0)
    assert "ended early after 0:04" in report_page(run, with_ratios=False)


def test_a_run_without_any_answer_has_a_report() -> None:
    for counted in (tally(), tally(failed(0))):
        page = Reader(report_page(result(counted), with_ratios=False))
        assert "Latency over time" in page.texts
