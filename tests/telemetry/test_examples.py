"""Traces as examples in metrics that several processes add up."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from proxy.telemetry.examples import Examples, WithExamples
from proxy.telemetry.registry import METRICS_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

TRACED = """
from prometheus_client.openmetrics.exposition import generate_latest
from proxy.telemetry.book import Book
from proxy.telemetry.registry import shown_registry
book = Book()
for trace_id in ("a" * 32, ""):
    record = book.open("query", None)
    record.trace_id = trace_id
    book.close(record, 200, None)
print(generate_latest(shown_registry()).decode())
"""


def test_an_example_stands_at_its_bucket_and_nowhere_else() -> None:
    inner, outer, examples = CollectorRegistry(), CollectorRegistry(), Examples()
    took = Histogram("took", "Time.", ["who"], buckets=(1, 2), registry=inner)
    for who in ("a", "b"):
        took.labels(who).observe(1.5)
    outer.register(WithExamples(inner, examples))
    examples.remember("took", {"who": "a"}, 2.0, 1.5, "t1")
    examples.remember("took", {"who": "a"}, 2.0, 1.75, "t2")
    examples.remember("took", {"who": "a"}, float("inf"), 9.0, "t3")
    text = generate_latest(outer).decode()  # type: ignore[no-untyped-call]
    lines = [line for line in text.splitlines() if " # " in line]
    assert [line.rpartition(" ")[0] for line in lines] == [
        'took_bucket{le="2.0",who="a"} 1.0 # {trace_id="t2"} 1.75',
        'took_bucket{le="+Inf",who="a"} 1.0 # {trace_id="t3"} 9.0',
    ]


def test_a_worker_shows_its_examples(tmp_path: Path) -> None:
    environment = {**os.environ, METRICS_VARIABLE: str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TRACED], env=environment, check=True, capture_output=True, text=True
    )
    (line,) = [line for line in done.stdout.splitlines() if "trace_id" in line]
    assert line.startswith('thanoxy_http_request_duration_seconds_bucket{handler="query",')
    assert f'# {{trace_id="{"a" * 32}"}}' in line
