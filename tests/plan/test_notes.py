"""Notes of parts of an answer."""

from __future__ import annotations

import pytest

from proxy.model.matrix import Tail
from proxy.plan.notes import fit_window, hold_for_parts
from proxy.promql.traits import analyse

NON_COUNTER = (
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a"'
)
QUANTILE = "PromQL warning: quantile value should be between 0 and 1, got 2"
MIXED = 'PromQL warning: encountered a mix of histograms and floats for metric name "a"'


@pytest.mark.parametrize(
    ("expr", "notes", "holds"),
    [
        ("rate(a[5m])", (), True),
        ("rate(a[5m])", (NON_COUNTER,), True),
        ("sum(rate(a[5m])) / 2", (NON_COUNTER,), True),
        ("quantile(2, a)", (QUANTILE,), True),
        ("rate(a[5m])", (NON_COUNTER, MIXED), False),
        ("rate(a[5m])", (MIXED,), False),
        ("rate(a[5m]) or rate(b[5m])", (NON_COUNTER,), False),
        ('rate({x="1"}[5m])', (NON_COUNTER,), False),
        ("rate(b[5m])", (NON_COUNTER,), False),
        ("rate(a[5m])", ("something new",), False),
    ],
)
def test_only_notes_of_every_step_hold_for_parts(
    expr: str, notes: tuple[str, ...], holds: bool
) -> None:
    traits = analyse(expr)
    assert traits is not None
    assert hold_for_parts(Tail({}, {"warnings": notes} if notes else {}), traits) is holds


@pytest.mark.parametrize(
    ("window", "note", "fits"),
    [
        ((0, 9), MIXED, True),
        ((-1, 10), MIXED, True),
        ((1, 9), MIXED, False),
        ((0, 8), MIXED, False),
        ((3, 4), NON_COUNTER, True),
    ],
)
def test_notes_fit_a_window_that_holds_the_whole_fetch_or_hold_anywhere(
    window: tuple[int, int], note: str, fits: bool
) -> None:
    traits = analyse("rate(a[5m])")
    assert traits is not None
    assert fit_window(Tail({}, {"infos": (note,)}), (0, 9), window, traits) is fits
