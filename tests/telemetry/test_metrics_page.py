"""The page about metrics has all of them, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from proxy.status.findings import FAULTS
from proxy.telemetry import metrics, signals

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text("utf-8")
ROW = re.compile(r"(?m)^\| `(thanoxy_\w+(?:\{[\w,]+\})?)` \|")


def written(metric: Counter | Gauge | Histogram) -> str:
    """Name and labels, as the page writes them."""
    name = metric._name + ("_total" if isinstance(metric, Counter) else "")
    labels = ",".join(metric._labelnames)
    return f"{name}{{{labels}}}" if labels else name


def test_every_metric_is_on_the_page_once_and_the_reverse() -> None:
    tables = [*vars(metrics).values(), *vars(signals).values()]
    ours = [written(one) for one in tables if isinstance(one, Counter | Gauge | Histogram)]
    assert sorted(ROW.findall(PAGE)) == sorted(ours)


def test_every_fault_is_on_the_page_once_and_the_reverse() -> None:
    faults = PAGE.partition("| fault |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"(?m)^\| `(\w+)` \|", faults)) == sorted(FAULTS)
