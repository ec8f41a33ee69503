"""The series of `make demo`: four services with three pods each, as a dashboard shows them.

Every value is a function of time alone. So history comes as whole numpy columns, and live
samples go on where it ends, without state in between. Counters are closed-form integrals of
rates that never go below zero; a pod's counters begin again when it restarts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from tests.thanos.series import (
    METRIC_NAME,
    Buckets,
    NativeHistogram,
    RawSeries,
    float_series,
    histogram_series,
)
from tests.thanos.timeline import DAY_MS, HOUR_MS, MINUTE_MS, Times, Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

Integral = Callable[[Times], Values]

REQUESTS_PER_S = {"gateway": 42.0, "checkout": 7.5, "search": 18.0, "payments": 3.0}
PODS_PER_SERVICE = 3

SHARE_OF_METHOD = {"GET": 0.8, "POST": 0.2}
SHARE_OF_CODE = {"200": 0.97, "404": 0.03}
ERRORS_IN_AN_INCIDENT = 0.15

LIFE_MS = 31 * HOUR_MS
STARTING_MS = 45_000
INCIDENT_EVERY_MS = 9 * HOUR_MS
INCIDENT_MS = 25 * MINUTE_MS

# Waves on a rate of 1: period in ms, amplitude. Together below 0.6, so that what an incident
# slows down (0.4) is always there to be slowed down.
WAVES = ((DAY_MS, 0.35), (187 * MINUTE_MS, 0.1), (23 * MINUTE_MS, 0.06), (7 * MINUTE_MS, 0.04))
SLOWED_DOWN = 0.4

# Upper bounds of the buckets, and which share of requests lies below: as usual, in an incident.
LATENCIES: dict[str, tuple[float, float]] = {
    "0.005": (0.12, 0.01),
    "0.01": (0.35, 0.03),
    "0.025": (0.62, 0.08),
    "0.05": (0.80, 0.17),
    "0.1": (0.91, 0.33),
    "0.25": (0.97, 0.55),
    "0.5": (0.989, 0.74),
    "1": (0.996, 0.88),
    "2.5": (0.999, 0.97),
    "+Inf": (1.0, 1.0),
}
MEAN_LATENCY_S = (0.041, 0.44)


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    """One pod: who it is, how busy, and how far its waves are shifted."""

    service: str
    number: int
    requests_per_s: float

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    @property
    def shift_ms(self) -> int:
        """Moves restarts and waves apart, by service and by pod."""
        return list(REQUESTS_PER_S).index(self.service) * 131 * MINUTE_MS + (self.number * 5 * HOUR_MS)

    def labels(self, metric: str, **others: str) -> dict[str, str]:
        return {
            METRIC_NAME: metric,
            "namespace": "shop",
            "service": self.service,
            "pod": self.name,
            **others,
        }


def dashboard_series(times: Times) -> list[RawSeries]:
    """All series at these times, ms since the epoch and ascending."""
    series: list[RawSeries] = []
    for service, requests_per_s in REQUESTS_PER_S.items():
        for number in range(PODS_PER_SERVICE):
            pod = Pod(service, number, requests_per_s / PODS_PER_SERVICE)
            series += [*requests(pod, times), *latencies(pod, times), *resources(pod, times)]
            series.append(native_latencies(pod, times))
    return series


def requests(pod: Pod, times: Times) -> Iterator[RawSeries]:
    """By method and code; 500 only in incidents."""
    served = since_restart(pod, times, served_seconds) * pod.requests_per_s
    slow = since_restart(pod, times, incident_seconds) * pod.requests_per_s
    by_code = {code: served * share for code, share in SHARE_OF_CODE.items()}
    by_code["500"] = slow * ERRORS_IN_AN_INCIDENT
    for method, of_method in SHARE_OF_METHOD.items():
        for code, total in by_code.items():
            labels = pod.labels("http_requests_total", method=method, code=code)
            yield float_series(labels, times, np.floor(total * of_method))


def latencies(pod: Pod, times: Times) -> Iterator[RawSeries]:
    """A classic histogram of all requests."""
    slow = since_restart(pod, times, incident_seconds) * SLOWED_DOWN * pod.requests_per_s
    usual = since_restart(pod, times, served_seconds) * pod.requests_per_s - slow
    name = "http_request_duration_seconds"
    for bound, (as_usual, in_incident) in LATENCIES.items():
        below = np.floor(usual * as_usual + slow * in_incident)
        yield float_series(pod.labels(f"{name}_bucket", le=bound), times, below)
    yield float_series(pod.labels(f"{name}_count"), times, np.floor(usual + slow))
    seconds = usual * MEAN_LATENCY_S[0] + slow * MEAN_LATENCY_S[1]
    yield float_series(pod.labels(f"{name}_sum"), times, seconds)


def resources(pod: Pod, times: Times) -> Iterator[RawSeries]:
    """CPU seconds, memory that leaks slowly until the restart, a queue, and `up`."""
    busy = since_restart(pod, times, served_seconds) * pod.requests_per_s * 0.021
    yield float_series(pod.labels("container_cpu_usage_seconds_total"), times, busy)
    age_ms = (times + pod.shift_ms) % LIFE_MS
    garbage = (times + pod.shift_ms) % (11 * MINUTE_MS) / (11 * MINUTE_MS)
    memory = 2.1e8 + 1.4e8 * age_ms / LIFE_MS + 6e7 * garbage
    labels = pod.labels("container_memory_working_set_bytes")
    yield float_series(labels, times, np.floor(memory / 4096) * 4096)
    waiting = 3 + 2.5 * np.sin(times / 97_000 + pod.shift_ms) + 40 * in_incident(pod, times)
    yield float_series(pod.labels("queue_depth"), times, np.floor(waiting))
    yield float_series(pod.labels("up", job=pod.service), times, age_ms > STARTING_MS)


def native_latencies(pod: Pod, times: Times) -> RawSeries:
    """The same requests in a native histogram, a bucket for each power of two seconds."""
    total = since_restart(pod, times, served_seconds) * pod.requests_per_s
    shares = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.06, 0.03, 0.01])
    histograms = [
        NativeHistogram(
            time_ms,
            sum=float(row.sum()) * MEAN_LATENCY_S[0],
            schema=0,
            positive=Buckets(((-8, len(shares)),), tuple(row)),
        )
        for time_ms, row in zip(times.tolist(), np.floor(np.outer(total, shares)), strict=True)
    ]
    return histogram_series(pod.labels("rpc_duration_seconds"), histograms)


def since_restart(pod: Pod, times: Times, integral: Integral) -> Values:
    """What has come together since the pod's last restart."""
    shifted = times + pod.shift_ms
    result: Values = integral(shifted) - integral(shifted - shifted % LIFE_MS)
    return result


def served_seconds(shifted: Times) -> Values:
    """The integral of a rate around 1 with `WAVES`, in seconds since the epoch."""
    total = shifted / 1000
    for period_ms, amplitude in WAVES:
        turns_per_s = 2 * np.pi * 1000 / period_ms
        total = total - amplitude / turns_per_s * np.cos(shifted / 1000 * turns_per_s)
    return total


def incident_seconds(shifted: Times) -> Values:
    """For how many seconds there has been an incident since the epoch."""
    whole, rest = np.divmod(shifted, INCIDENT_EVERY_MS)
    result: Values = (whole * INCIDENT_MS + np.minimum(rest, INCIDENT_MS)) / 1000
    return result


def in_incident(pod: Pod, times: Times) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (times + pod.shift_ms) % INCIDENT_EVERY_MS < INCIDENT_MS
    return result
