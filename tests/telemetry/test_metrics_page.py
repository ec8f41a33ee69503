"""The page about metrics has all of them, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from proxy.status.findings import FAULTS
from proxy.telemetry import metrics, signals

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "proxy"
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
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


def test_every_metric_is_written_somewhere() -> None:
    tables = {Path(metrics.__file__), Path(signals.__file__)}
    trees = [ast.parse(path.read_text("utf-8")) for path in PROXY.rglob("*.py") if path not in tables]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    ours = {
        name
        for table in (metrics, signals)
        for name, one in vars(table).items()
        if isinstance(one, Counter | Gauge | Histogram)
    }
    assert ours - used == set()


def test_every_fault_is_on_the_page_once_and_the_reverse() -> None:
    faults = PAGE.partition("| fault |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"(?m)^\| `(\w+)` \|", faults)) == sorted(FAULTS)
