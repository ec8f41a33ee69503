"""Growth becomes fits, sentences and plots."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.figures import Figure, count_text, figure
from benchmarks.growth import CACHE, CLIENTS, LOOKUP, SERIES, STEPS, Size, sizes
from benchmarks.growth_text import (
    answers_table,
    cache_table,
    cache_text,
    clients_table,
    clients_text,
    curve_of,
    plots,
)
from benchmarks.results import Curve, GrowthRun
from tests.benchmarks.runs import MACHINE, growth_run


def test_a_fit_says_what_is_fixed_what_a_point_costs_and_where_it_is_linear() -> None:
    lines = answers_table(growth_run(), SERIES).splitlines()
    assert len(lines) == 3
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[0] == "cold, gzip"
    assert cells[2:] == ["1.00 ms", "1,000 ns", "1,000", "10,000 and 1 M", "0%"]


def test_clients_text_says_when_the_processor_is_full_and_that_more_only_wait() -> None:
    text = clients_text(growth_run())
    assert "1,000 answers a second at most" in text
    assert "from 10 connections on" in text
    assert "at 100 it is 99% of the most" in text
    assert "to the power of 1.00" in text


def test_cache_text_says_what_an_extent_costs() -> None:
    text = cache_text(growth_run())
    assert "1.20 times as long with 10,000 extents as with 100" in text
    assert "3,584 bytes an extent of 256 points, 14.0 a point" in text


def test_measurements_are_listed_beside_their_number() -> None:
    assert "| 100 | 100 | 990 |" in clients_table(growth_run())
    assert "| 1,000 | 1.10 | 3.58 |" in cache_table(growth_run())


def test_what_was_not_run_is_left_out() -> None:
    empty = GrowthRun(MACHINE, is_quick=True)
    assert answers_table(empty, STEPS).count("\n") == 2
    assert (clients_text(empty), cache_text(empty), plots(empty)) == ("", "", {})


def test_measurements_that_have_no_logarithm_are_left_out() -> None:
    run = GrowthRun(MACHINE, is_quick=True, curves=[Curve(CACHE, LOOKUP, (1.0, 2.0), (0.0, 3.0))])
    assert curve_of(run, CACHE, LOOKUP) == Curve(CACHE, LOOKUP, (2.0,), (3.0,))
    assert curve_of(run, CLIENTS, LOOKUP) is None


def test_every_plot_is_a_document_of_its_own() -> None:
    found = plots(growth_run())
    assert set(found) == {
        "growth-series",
        "growth-clients",
        "growth-throughput",
        "growth-cache",
        "growth-cache-memory",
    }
    for text in found.values():
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_figure_names_its_curves_and_escapes_them() -> None:
    curve = Curve("g", "a < b", (1.0, 10.0), (2.0, 3.0))
    text = figure(Figure("more & more", "points", str), [curve])
    assert "a &lt; b" in text
    assert "more &amp; more" in text
    ET.fromstring(text)


def test_a_figure_without_curves_or_logarithms_is_refused() -> None:
    shown = Figure("", "", str)
    for curves in ([], [Curve("g", "a", (0.0,), (1.0,))], [Curve("g", "a", (1.0,), (1.0,))] * 5):
        with pytest.raises(ValueError, match="one to four curves"):
            figure(shown, curves)


@pytest.mark.parametrize(("value", "text"), [(500, "500"), (1e5, "100,000"), (2.5e6, "2.5 M")])
def test_millions_are_written_shortly(value: float, text: str) -> None:
    assert count_text(value) == text


def test_sizes_reach_from_a_thousand_to_ten_million_points() -> None:
    found = sizes(SERIES, is_quick=False)
    assert (found[0].points, found[-1].points) == (1_000, 10_000_000)
    assert sizes(STEPS, is_quick=False)[-1] == Size(100, 10_000, 60)
    assert all(3 <= size.rounds <= 30 for size in found)
