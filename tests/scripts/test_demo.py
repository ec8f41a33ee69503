"""What `make demo` runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scripts import demo
from scripts.demo_series import dashboard_series
from tests.thanos.series import METRIC_NAME
from tests.thanos.timeline import DAY_MS, HOUR_MS, MINUTE_MS

ROOT = Path(__file__).resolve().parents[2]
END_MS = 1_790_000_000_000
GAUGES = {"queue_depth", "up", "container_memory_working_set_bytes"}

ASK = """
import sys, urllib.request
query = "/api/v1/query?query=count(up)"
print(urllib.request.urlopen(sys.argv[1] + query).read().decode())
raise SystemExit(7)
"""


def test_live_samples_go_on_where_history_ends() -> None:
    times = np.arange(END_MS - 3 * HOUR_MS, END_MS, 30_000)
    whole = dashboard_series(times)
    later = dashboard_series(times[200:])
    for one, other in zip(whole, later, strict=True):
        assert one.labels == other.labels
        assert one.values[200:].tolist() == other.values.tolist()
        assert one.histograms[200:] == other.histograms or not one.histograms


def test_counters_fall_only_when_their_pod_restarts() -> None:
    times = np.arange(END_MS - 4 * DAY_MS, END_MS, MINUTE_MS)
    for series in dashboard_series(times):
        labels = dict(series.labels)
        if labels[METRIC_NAME] in GAUGES:
            continue
        totals = (
            series.values
            if len(series.values)
            else np.array([histogram.count for histogram in series.histograms])
        )
        falls = np.flatnonzero(np.diff(totals) < 0)
        assert len(falls) <= 4, labels
        assert np.all(totals[falls + 1] <= totals[falls] / 100), labels
        assert np.all(totals >= 0), labels


def test_a_classic_histogram_s_buckets_include_the_smaller_ones() -> None:
    times = np.arange(END_MS - DAY_MS, END_MS, 5 * MINUTE_MS)
    buckets: dict[str, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = {}
    for series in dashboard_series(times):
        labels = dict(series.labels)
        if labels[METRIC_NAME] == "http_request_duration_seconds_bucket":
            buckets.setdefault(labels["pod"], []).append(series.values)
    assert len(buckets) == 12
    for columns in buckets.values():
        assert np.all(np.diff(columns, axis=0) >= 0)


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [
        ([], (3.0, [])),
        (["--days", "7"], (7.0, [])),
        (["--exec", "--", "thanoxy", "--x={url}", "--"], (3.0, ["thanoxy", "--x={url}", "--"])),
    ],
)
def test_what_follows_two_dashes_is_the_command(
    arguments: list[str], parsed: tuple[float, list[str]]
) -> None:
    assert demo.parse(arguments) == parsed


@pytest.mark.parametrize("arguments", [["--exec"], ["--exec", "--"], ["--", "ls"]])
def test_a_command_goes_with_exec_and_exec_with_a_command(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        demo.parse(arguments)


@pytest.mark.thanos
def test_a_command_gets_the_url_and_its_status_is_the_demo_s() -> None:
    command = [sys.executable, "-c", ASK, "{url}"]
    finished = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--days", "0.1", "--exec", "--", *command],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert finished.returncode == 7, finished.stderr
    assert '"12"]}],"analysis":{}}}' in finished.stdout


@pytest.mark.thanos
def test_sigterm_stops_the_command_and_then_the_demo() -> None:
    sleeper = "import time, sys; print('asleep', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "scripts.demo", "--days", "0.01"]
    command += ["--exec", "--", sys.executable, "-c", sleeper]
    begun_s = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "asleep\n":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert time.monotonic() - begun_s < 30.0
