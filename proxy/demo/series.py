"""The synthetic series: which exist, and the value of each at any time.

Two rules keep answers the same to the last digit, however a range is cut. Only `+ - * / floor`
make values: a sine's last digit depends on the machine and on the array's length. And values
are whole multiples of a power of two, so that sums over time are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
"""Name and value pairs in the order of their names."""
Times = NDArray[np.int64]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Shape = Callable[[Times], Values]
"""Unix seconds to values; NaN where the scrape failed."""

SCRAPE_INTERVAL_S = 15
DAY_S = 86_400
RUSH_S = 5_400
DOWN_S = 600
"""How long a target is away when it restarts."""


def wave(t_s: Times, period_s: int) -> Values:
    """A smooth wave between -1 and 1, made of two parabolas."""
    x = 2.0 * (t_s % period_s) / period_s - 1.0
    return 4.0 * x * (1.0 - np.abs(x))


def wave_area(t_s: Times, period_s: int) -> Values:
    """The integral of `wave` in seconds; as periodic as the wave, whose mean is zero."""
    x = np.abs(2.0 * (t_s % period_s) / period_s - 1.0)
    return period_s * (x * x - x * x * x * (2.0 / 3.0))


def noise(t_s: Times, seed: int) -> Values:
    """White noise in [0, 1): time and seed through the finaliser of SplitMix64."""
    h = t_s.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((h ^ (h >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped process. It restarts every few days, and its counters with it."""

    service: str
    replica: int
    seed: int

    def uptime_s(self, t_s: Times) -> Times:
        """Seconds since the last start; negative while it is away."""
        return (t_s + self.seed * 50_000) % (2 * DAY_S + self.seed * 4_500) - DOWN_S

    def labels(self, name: str, **more: str) -> Labels:
        """The label set of one of its series."""
        instance = f"{self.service}-{self.replica}:8080"
        named = {"__name__": name, "job": "demo", "service": self.service, "instance": instance}
        return tuple(sorted((named | EXTERNAL_LABELS | more).items()))


@dataclass(frozen=True, slots=True)
class Load:
    """Events at a rate with a daily and a shorter rhythm, and a burst every few hours."""

    seed: int
    per_second: float
    burst_per_second: float = 0.0

    def events(self, t_s: Times) -> Values:
        """Events since 1970. Never falls: both waves together take less than there is."""
        day = wave_area(t_s + self.seed * 1_800, DAY_S)
        busy_s = t_s + 0.45 * day + 0.15 * wave_area(t_s + self.seed * 700, RUSH_S)
        whole, rest = np.divmod(t_s + self.seed * 3_000, 20_000)
        return self.per_second * busy_s + self.burst_per_second * (
            whole * 1_200 + np.minimum(rest, 1_200)
        )

    def early(self, t_s: Times) -> Values:
        """Events that come early: fewer than the quietest scrape interval brings."""
        return noise(t_s, self.seed) * (0.3 * SCRAPE_INTERVAL_S * self.per_second)


def counter(target: Target, *parts: tuple[float, Load], unit: float = 1.0) -> Shape:
    """A weighted sum of loads since the target's start."""

    def total(t_s: Times) -> Values:
        start_s = t_s - target.uptime_s(t_s)
        grown = np.zeros(len(t_s))
        for weight, load in parts:
            grown += weight * (load.events(t_s) - load.events(start_s) + load.early(t_s))
        return grown

    return while_up(target, total, unit)


def while_up(target: Target, shape: Shape, unit: float) -> Shape:
    """A shape rounded down to multiples of `unit`, without values while the target is away."""

    def values(t_s: Times) -> Values:
        rounded = np.floor(shape(t_s) / unit) * unit
        return np.where(target.uptime_s(t_s) < 0, np.nan, rounded)

    return values


def cpu(target: Target) -> Shape:
    """A share of a core with a daily rhythm and noise."""
    seed = target.seed

    def share(t_s: Times) -> Values:
        rhythm = 0.25 * wave(t_s + seed * 1_800, DAY_S) + 0.08 * wave(t_s + seed * 700, RUSH_S)
        return 0.4 + rhythm + 0.1 * noise(t_s, seed)

    return while_up(target, share, unit=2.0**-12)


def memory(target: Target) -> Shape:
    """Bytes in use, in whole pages: they grow until the next collection."""
    seed, page_bytes = target.seed, 4096

    def used(t_s: Times) -> Values:
        grown = 12.0 * (target.uptime_s(t_s) % (1_200 + 60 * seed))
        return page_bytes * (30_000 + 900 * seed + grown + 600 * noise(t_s, seed))

    return while_up(target, used, unit=page_bytes)


def up(target: Target) -> Shape:
    """1 where the scrape succeeded, else 0: the only series that is there while it fails."""
    return lambda t_s: np.where(target.uptime_s(t_s) < 0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels and the shape of its values."""

    labels: Labels
    shape: Shape


EXTERNAL_LABELS = {"source": "synthetic"}

METADATA = {
    "demo_cpu_usage_ratio": ("gauge", "Synthetic: share of one core in use."),
    "demo_http_requests_total": ("counter", "Synthetic: HTTP requests answered."),
    "demo_memory_bytes": ("gauge", "Synthetic: memory in use."),
    "demo_request_duration_seconds": ("histogram", "Synthetic: time taken by requests."),
    "up": ("gauge", "Synthetic: 1 where the scrape succeeded."),
}
"""Metric family to its type and help text."""

BUCKETS = {
    "0.01": (0.2, 0.0),
    "0.05": (0.7, 0.05),
    "0.1": (0.9, 0.15),
    "0.25": (0.98, 0.4),
    "0.5": (1.0, 0.75),
    "1": (1.0, 0.95),
    "+Inf": (1.0, 1.0),
}
"""Upper bound to the shares of quick and of slow requests that take at most that long."""

MEAN_S = (0.04, 0.4)
"""Mean duration of quick and of slow requests."""


def series_of(target: Target) -> list[Series]:
    """All series of one target."""
    seed, duration = target.seed, "demo_request_duration_seconds"
    codes = {
        "200": Load(seed, 20.0 + 1.5 * seed),
        "404": Load(seed + 200, 0.8),
        "500": Load(seed + 300, 0.1, burst_per_second=2.0),
    }
    loads = (Load(seed, 20.0 + seed), Load(seed + 100, 2.0, burst_per_second=6.0))

    def timed(weights: tuple[float, float], unit: float = 1.0) -> Shape:
        return counter(target, *zip(weights, loads, strict=True), unit=unit)

    shapes = {
        target.labels("up"): up(target),
        target.labels("demo_cpu_usage_ratio"): cpu(target),
        target.labels("demo_memory_bytes"): memory(target),
        target.labels(f"{duration}_count"): timed((1.0, 1.0)),
        target.labels(f"{duration}_sum"): timed(MEAN_S, unit=2.0**-10),
    }
    for code, load in codes.items():
        labels = target.labels("demo_http_requests_total", code=code)
        shapes[labels] = counter(target, (1.0, load))
    for le, shares in BUCKETS.items():
        shapes[target.labels(f"{duration}_bucket", le=le)] = timed(shares)
    return [Series(labels, shape) for labels, shape in shapes.items()]


def build_catalogue() -> tuple[Series, ...]:
    """Every series there is, in the order of their labels."""
    places = enumerate(product(("cart", "checkout", "payment", "search"), range(3)), 1)
    targets = [Target(service, replica, seed) for seed, (service, replica) in places]
    every = [series for target in targets for series in series_of(target)]
    return tuple(sorted(every, key=lambda series: series.labels))


CATALOGUE = build_catalogue()


def sample(rows: Sequence[Series], ticks: Times) -> Values:
    """Values at scrapes, tick k at 15 k seconds; shape [series, ticks], NaN for no sample."""
    t_s = ticks * SCRAPE_INTERVAL_S
    values = np.empty((len(rows), len(ticks)))
    for row, series in zip(values, rows, strict=True):
        row[:] = series.shape(t_s)
    values[:, t_s < 0] = np.nan
    return values
