"""Where an answer's time has gone, in its headers."""

from __future__ import annotations

import re
from time import perf_counter

from proxy.api.server_timing import server_timing
from proxy.telemetry.record import ANALYSE, PLAN, Record


def begun(ago_s: float) -> Record:
    record = Record(1, "query", None)
    record.began_s = perf_counter() - ago_s
    return record


def test_stages_are_told_in_milliseconds_and_then_all() -> None:
    record = begun(10.0)
    record.marks = [(ANALYSE, record.began_s + 0.0015), (PLAN, record.began_s + 0.0025)]
    stages, _, total = server_timing(record).rpartition(", ")
    assert stages == "analyse;dur=1.500, plan;dur=1.000"
    assert 10_000 <= float(total.removeprefix("total;dur=")) < 11_000


def test_how_often_the_upstream_was_asked_is_told() -> None:
    record = begun(10.0)
    record.ask()
    record.ask()
    assert server_timing(record).startswith('upstream;desc="2 asked", total;dur=1')


def test_what_is_quick_is_told_in_one_number() -> None:
    record = begun(0.0)
    record.mark(ANALYSE)
    assert re.fullmatch(r"total;dur=0\.\d{3}", server_timing(record))
