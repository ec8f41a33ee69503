"""The dashboard of the load tests can be asked, and all of it reads samples that are there."""

from __future__ import annotations

import json

from benchmarks.asked import samples_asked
from benchmarks.open_loop import dashboard
from proxy.load.dashboard import Viewer, read_dashboard


def test_the_dashboard_asks_ten_questions_about_the_samples() -> None:
    viewer = Viewer(6 * 3_600_000, scrape_ms=60_000)
    found = read_dashboard(json.loads(dashboard()), viewer)
    assert len(found.questions) == 10
    assert not found.notes
    steps = 361
    samples = [samples_asked(f"{q.path}?{q.form(1_700_000_000_000)}") for q in found.questions]
    assert samples == [steps * series for series in (1, 1, 1, 1, 3, 3, 3, 120, 10, 40)]
