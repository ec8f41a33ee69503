"""Sample series with everything that has ever bitten a proxy of PromQL answers.

`sample_series(end_ms)` gives some 130 series over four days, the same for the same seed and
end. What is in them, by metric name:

    http_requests_total, up          counters that restart, gauges of 0 and 1; shared labels
    node_cpu_seconds_total           fractional counters, scraped every 30 s
    node_memory_bytes, queue_length  large integers; small integers with ties, for `topk`
    temperature_celsius              gaps: a scrape, 10 minutes, 6 hours, more than a day
    build_info                       series that come and go with stale markers, for joins
    batch_job_seconds                series of one or few samples, without a stale marker
    request_duration_seconds_*       classic histogram: `_bucket` with `le`, `_sum`, `_count`
    ha_requests_total, ha_load       replicas a and b with gaps of their own
    sparse, jittered, dense          every 5 minutes (the lookback delta), unevenly, every 5 s
    constant                         never changes
    odd_value                        NaN, infinities, -0, denormal, huge, 17 digits (odd_values)
    odd_label, UTF-8 names           text that could be taken for JSON or PromQL (odd_labels)
    native_*, turned_native          native histograms (native_histograms)
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from tests.thanos.native_histograms import native_histogram_families
from tests.thanos.odd_labels import odd_label_families
from tests.thanos.odd_values import odd_value_family
from tests.thanos.series import METRIC_NAME, RawSeries, float_series
from tests.thanos.timeline import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Timeline,
    counter,
    ended_by_stale_markers,
    gauge,
    inside,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HISTORY_MS = 4 * DAY_MS
JOBS = ("api", "checkout")
INSTANCES = ("10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.3:9090")


def sample_series(end_ms: int, *, seed: int = 1, history_ms: int = HISTORY_MS) -> list[RawSeries]:
    """All families up to `end_ms`, about `history_ms` of them."""
    timeline = Timeline(end_ms - history_ms, end_ms, seed)
    families = (
        http_requests,
        up,
        cpu_seconds,
        memory_bytes,
        queue_lengths,
        temperatures,
        build_infos,
        batch_jobs,
        request_durations,
        replicated,
        scrape_rhythms,
        odd_value_family,
        odd_label_families,
        native_histogram_families,
    )
    return [series for family in families for series in family(timeline)]


def http_requests(timeline: Timeline) -> Iterator[RawSeries]:
    """Instances restart at times of their own; one code is rare, so most of its rates are 0."""
    chance = timeline.chance("http_requests_total")
    for job, (number, instance) in itertools.product(JOBS, enumerate(INSTANCES[:2])):
        restarts = [timeline.moment(f + number / 17) for f in (0.11, 0.46, 0.73)]
        times = timeline.scrapes(offset_ms=number * 7_137)
        for method, code in itertools.product(("GET", "POST"), ("200", "500")):
            yield float_series(
                {
                    METRIC_NAME: "http_requests_total",
                    "job": job,
                    "instance": instance,
                    "method": method,
                    "code": code,
                },
                times,
                counter(chance, times, 40.0 if code == "200" else 0.02, restarts),
            )


def up(timeline: Timeline) -> Iterator[RawSeries]:
    chance = timeline.chance("up")
    for job, (number, instance) in itertools.product(JOBS, enumerate(INSTANCES)):
        times = timeline.scrapes(offset_ms=number * 7_137)
        yield float_series(
            {METRIC_NAME: "up", "job": job, "instance": instance},
            times,
            (chance.random(len(times)) > 0.03).astype(np.float64),
        )


def cpu_seconds(timeline: Timeline) -> Iterator[RawSeries]:
    """Sums of fractions, so most values need 16 or 17 digits."""
    chance = timeline.chance("node_cpu_seconds_total")
    times = timeline.scrapes(30 * SECOND_MS, offset_ms=411)
    for instance, mode in itertools.product(INSTANCES[:2], ("idle", "system", "user")):
        used = np.cumsum(chance.random(len(times)) * 30)
        yield float_series(
            {METRIC_NAME: "node_cpu_seconds_total", "instance": instance, "mode": mode},
            times,
            used,
        )


def memory_bytes(timeline: Timeline) -> Iterator[RawSeries]:
    chance = timeline.chance("node_memory_bytes")
    times = timeline.scrapes()
    for instance in INSTANCES:
        yield float_series(
            {METRIC_NAME: "node_memory_bytes", "instance": instance},
            times,
            np.floor(gauge(chance, times, 1.6e10, 3e9)),
        )


def queue_lengths(timeline: Timeline) -> Iterator[RawSeries]:
    chance = timeline.chance("queue_length")
    times = timeline.scrapes(offset_ms=5_000)
    for queue in ("mail", "billing", "search", "thumbnails", "export"):
        yield float_series(
            {METRIC_NAME: "queue_length", "job": "worker", "queue": queue},
            times,
            chance.integers(0, 6, len(times)).astype(np.float64),
        )


def temperatures(timeline: Timeline) -> Iterator[RawSeries]:
    """One sensor for each length of gap; the last has all of them."""
    chance = timeline.chance("temperature_celsius")
    scrape = timeline.window(0.15, 2 * MINUTE_MS)
    minutes = timeline.window(0.31, 10 * MINUTE_MS)
    hours = timeline.window(0.44, 6 * HOUR_MS)
    days = timeline.window(0.52, 30 * HOUR_MS)
    gaps_of_sensor = {
        "attic": [scrape],
        "cellar": [minutes],
        "hall": [hours],
        "garden": [days],
        "roof": [scrape, minutes, hours, days],
    }
    for sensor, gaps in gaps_of_sensor.items():
        times = without(timeline.scrapes(offset_ms=20_250), gaps)
        yield float_series(
            {METRIC_NAME: "temperature_celsius", "sensor": sensor},
            times,
            gauge(chance, times, -2.0, 9.0),
        )


def build_infos(timeline: Timeline) -> Iterator[RawSeries]:
    """Three releases, one after the other; the first comes back at the end."""
    lives = {
        "1.9.0": [(0.0, 0.3), (0.9, 0.97)],
        "1.10.0": [(0.3, 0.62)],
        "2.0.0-rc.1": [(0.62, 0.9)],
    }
    for instance, (version, fractions) in itertools.product(INSTANCES[:2], lives.items()):
        yield ended_by_stale_markers(
            float_series(
                {
                    METRIC_NAME: "build_info",
                    "job": "api",
                    "instance": instance,
                    "version": version,
                },
                timeline.scrapes(),
                1.0,
            ),
            [(timeline.moment(first), timeline.moment(last)) for first, last in fractions],
        )


def batch_jobs(timeline: Timeline) -> Iterator[RawSeries]:
    """Short lives without a stale marker: PromQL sees them for the lookback delta longer."""
    chance = timeline.chance("batch_job_seconds")
    for number, samples in enumerate((1, 1, 2, 5, 30, 200)):
        times = timeline.scrapes(offset_ms=333)
        first = len(times) * (2 * number + 1) // 13
        run = times[first : first + samples]
        yield float_series(
            {METRIC_NAME: "batch_job_seconds", "run": f"run-{number}"},
            run,
            chance.random(len(run)) * 1000,
        )


def request_durations(timeline: Timeline) -> Iterator[RawSeries]:
    """A classic histogram; every bucket includes the smaller ones."""
    chance = timeline.chance("request_duration_seconds")
    bounds = ("0.005", "0.05", "0.1", "0.5", "2.5", "10", "+Inf")
    for number, instance in enumerate(INSTANCES[:2]):
        labels = {"job": "api", "instance": instance}
        restarts = [timeline.moment(0.37 + number / 17)]
        times = timeline.scrapes(offset_ms=number * 7_137)
        slots = [counter(chance, times, 5.0 / (n + 1), restarts) for n in range(len(bounds))]
        totals = np.cumsum(slots, axis=0)
        for bound, total in zip(bounds, totals, strict=True):
            name = {METRIC_NAME: "request_duration_seconds_bucket", "le": bound}
            yield float_series({**labels, **name}, times, total)
        name = {METRIC_NAME: "request_duration_seconds_count"}
        yield float_series({**labels, **name}, times, totals[-1])
        name = {METRIC_NAME: "request_duration_seconds_sum"}
        yield float_series({**labels, **name}, times, totals[-1] * 0.123_456_789)


def replicated(timeline: Timeline) -> Iterator[RawSeries]:
    """Two replicas scrape the same targets 17 s apart and fail at different times.

    In one stretch both are down, and in one they take turns every quarter of an hour.
    """
    both_down = timeline.window(0.7, 25 * MINUTE_MS)
    turns = [timeline.moment(0.8) + n * 15 * MINUTE_MS for n in range(17)]
    quarters = list(itertools.pairwise(turns))
    a_down = [timeline.window(0.2, 40 * MINUTE_MS), timeline.window(0.5, 9 * HOUR_MS)]
    b_down = [timeline.window(0.35, 3 * HOUR_MS), timeline.window(0.9, 3 * MINUTE_MS)]
    gaps = {
        "a": [*a_down, both_down, *quarters[0::2]],
        "b": [*b_down, both_down, *quarters[1::2]],
    }
    for number, target in enumerate(("db-0", "db-1", "db-2")):
        for replica, offset_ms in (("a", 0), ("b", 17_000)):
            # The same chance for both: the replicas look at one truth, 17 s apart.
            chance = timeline.chance(f"replicated {target}")
            every = timeline.scrapes(30 * SECOND_MS, offset_ms + 1_111 * number)
            kept = ~inside(every, gaps[replica])
            labels = {"job": "db", "target": target, "replica": replica}
            total = counter(chance, every, 12.0, [timeline.moment(0.6)])
            load = gauge(chance, every, 4.0, 2.0)
            for name, values in (("ha_requests_total", total), ("ha_load", load)):
                yield float_series({METRIC_NAME: name, **labels}, every[kept], values[kept])


def scrape_rhythms(timeline: Timeline) -> Iterator[RawSeries]:
    """Rhythms other than a minute."""
    chance = timeline.chance("scrape_rhythms")
    sparse = timeline.scrapes(5 * MINUTE_MS)
    yield float_series({METRIC_NAME: "sparse"}, sparse, gauge(chance, sparse, 10, 3))
    even = timeline.scrapes()[:-1]
    jittered = even + chance.integers(0, 45 * SECOND_MS, len(even))
    yield float_series({METRIC_NAME: "jittered"}, jittered, gauge(chance, jittered, 10, 3))
    dense = Timeline(timeline.end_ms - 3 * HOUR_MS, timeline.end_ms, 0).scrapes(5 * SECOND_MS)
    yield float_series({METRIC_NAME: "dense"}, dense, gauge(chance, dense, 10, 3))
    constant = timeline.scrapes()
    yield float_series({METRIC_NAME: "constant"}, constant, 42.0)
