"""A case: a query, a window, parameters and a way of sending them, drawn from a seed and a number.

The same seed, number and data give the same case, whatever else is asked in the same run.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode

from tests.differential.asking import Request
from tests.differential.queries import (
    REPLICATED_SHAPES,
    Query,
    all_shapes,
    fill,
    seconds_text,
)
from tests.differential.windows import (
    Window,
    draw_window,
    write_duration,
    write_finer_time,
    write_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/api/v1/query_range"

Parameters = tuple[tuple[str, str], ...]

REPLICA_LABELS = ("replica", "instance", "method")
"""Labels that sample series have; merging by one of them makes replicas of series."""

MOST_POINTS = {"subqueries": 250, "histograms": 500, "at": 500, "selectors": 2_000}
"""By group of shapes, because time and bytes are what a run has to save; else `USUAL_POINTS`."""
USUAL_POINTS = 1_000

FALSE_TEXTS = ("false", "0", "f", "F", "FALSE", "False")
TRUE_TEXTS = ("true", "1", "t", "T", "TRUE", "True")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One question. `parameters` are those beside query, start, end and step."""

    seed: int
    number: int
    query: Query
    window: Window
    parameters: Parameters
    request: Request

    @property
    def doubt(self) -> str:
        """Why Thanos may answer otherwise to a part of the range; "" when it must not.

        "replicas": penalty deduplication starts where the range does, and so chooses another
        replica. "counter": for `rate` and its like Thanos adds what a counter lost to all later
        samples of the selected range, so whether a counter looks as if it began at zero (where
        extrapolation stops) depends on whether the range holds its restart; floats are also
        rounded otherwise. "engine": Thanos's own engine slides sums along the range.
        """
        chosen = dict(self.parameters)
        label = chosen.get("replicaLabels[]", "replica")
        is_replicated = self.query.group == "replicated"
        if chosen.get("dedup", "true") not in FALSE_TEXTS and (
            (label == "replica" and is_replicated) or label in REPLICA_LABELS[1:]
        ):
            return "replicas"
        if self.query.counts_resets:
            return "counter"
        return "engine" if chosen.get("engine") == "thanos" else ""

    def __str__(self) -> str:
        return (
            f"case {self.number} of seed {self.seed}: {self.window.steps} steps, "
            f"{self.query.group}: {self.query.shape!r}\n  {self.request.curl()}"
        )

    def at(self, window: Window) -> Request:
        """The same question about another window, written plainly."""
        fields = [
            ("query", self.query.expr),
            ("start", seconds_text(window.start_ms)),
            ("end", seconds_text(window.end_ms)),
            ("step", f"{window.step_ms}ms"),
            *self.parameters,
        ]
        return Request("POST", PATH, body=urlencode(fields))


def draw_case(seed: int, number: int, data: Window) -> Case:
    """A case over series of one replica, or over two that are not merged."""
    chance = random.Random(f"{seed} {number}")
    group, shape = shape_of(seed, number)
    query = Query(group, shape, fill(shape, chance, data))
    parameters = draw_parameters(chance)
    if group == "replicated":
        unmerged = ("dedup", chance.choice(FALSE_TEXTS))
        parameters = (*(p for p in parameters if p[0] != "dedup"), unmerged)
    window = draw_window(chance, data, most_points(chance, group), query.least_step_ms)
    return finished_case(chance, seed, number, query, window, parameters)


def draw_replicated_case(seed: int, number: int, data: Window) -> Case:
    """A case in which Thanos merges replicas."""
    chance = random.Random(f"replicated {seed} {number}")
    parameters: Parameters = ()
    group, shape = "replicated", REPLICATED_SHAPES[number % len(REPLICATED_SHAPES)]
    if number % 4 == 3:
        parameters = (("replicaLabels[]", chance.choice(REPLICA_LABELS[1:])),)
        group, shape = shape_of(seed, number)
    elif number % 4 == 2:
        parameters = (("dedup", chance.choice(TRUE_TEXTS)),)
    query = Query(group, shape, fill(shape, chance, data))
    window = draw_window(chance, data, most_points(chance, group), query.least_step_ms)
    return finished_case(chance, seed, number, query, window, parameters)


def shape_of(seed: int, number: int) -> tuple[str, str]:
    """All shapes once, in a random order; then all again, in another."""
    replicated = [("replicated", shape) for shape in REPLICATED_SHAPES]
    shapes = [*all_shapes(), *replicated]
    turn, place = divmod(number, len(shapes))
    random.Random(f"shapes {seed} {turn}").shuffle(shapes)
    return shapes[place]


def most_points(chance: random.Random, group: str) -> int:
    """Now and then nearly as many as Thanos allows."""
    usual = MOST_POINTS.get(group, USUAL_POINTS)
    return usual * 8 if chance.random() < 0.03 else usual


PARAMETERS: tuple[tuple[float, str, Sequence[str]], ...] = (
    (0.12, "dedup", FALSE_TEXTS),
    (0.05, "dedup", TRUE_TEXTS),
    (0.05, "replicaLabels[]", ("no_such_label", "")),
    (0.08, "partial_response", (*TRUE_TEXTS, *FALSE_TEXTS)),
    (0.10, "max_source_resolution", ("auto", "0s", "5m", "1h", "300", "0", "61m")),
    (0.08, "engine", ("thanos", "thanos", "prometheus")),
    (0.08, "lookback_delta", ("1m", "15m", "300", "1.5", "2h", "0")),
    (0.05, "stats", ("all", "true", "no")),
    (0.05, "timeout", ("30s", "2m", "60", "1e2")),
    (0.03, "analyze", ("true", "false", "1")),
    (0.03, "storeMatch[]", ('{__address__=~".+"}', '{__address__="nowhere"}')),
    (0.03, "shard_info", ('{"shard_index":1,"total_shards":3,"by":true,"labels":["job"]}',)),
    (0.05, "_", ("1700000000000", "a b&c=d;e+ü", "")),
    (0.03, "limit", ("3", "0")),
)
"""Chance, name and values of what a client may add."""


def draw_parameters(chance: random.Random) -> Parameters:
    drawn: dict[str, str] = {}
    for likelihood, name, values in PARAMETERS:
        if chance.random() < likelihood:
            drawn.setdefault(name, chance.choice(values))
    return tuple(drawn.items())


def finished_case(
    chance: random.Random,
    seed: int,
    number: int,
    query: Query,
    window: Window,
    parameters: Parameters,
) -> Case:
    """Choose how the parameters are written and sent."""
    is_finer = chance.random() < 0.02
    write = write_finer_time if is_finer and window.start_ms > 0 else write_time
    fields = [
        ("query", query.expr),
        ("start", write(chance, window.start_ms)),
        ("end", write(chance, window.end_ms)),
        ("step", write_duration(chance, window.step_ms)),
        *parameters,
    ]
    if chance.random() < 0.05:
        fields.append((chance.choice(["step", "end", "query"]), "7"))  # the first one counts
    elif chance.random() < 0.3:
        chance.shuffle(fields)
    request = draw_request(chance, fields)
    return Case(seed, number, query, window, parameters, request)


def draw_request(chance: random.Random, fields: Sequence[tuple[str, str]]) -> Request:
    """GET, a POSTed form, or a POST with some of the parameters in its URL."""
    encode = chance.choice([quote_plus, quote])
    texts = [f"{quote(name, safe=chance.choice(['', '[]']))}={encode(v)}" for name, v in fields]
    way = chance.choice(["get", "get", "post", "post", "both"])
    in_url = [way == "get" or (way == "both" and chance.random() < 0.5) for _ in texts]
    if len(dict(fields)) != len(fields):
        in_url = [in_url[0]] * len(texts)  # which of two comes first must not change
    url_query = "&".join(t for t, here in zip(texts, in_url, strict=True) if here)
    body = "&".join(t for t, here in zip(texts, in_url, strict=True) if not here)
    headers = (("Accept-Encoding", "gzip"),) if chance.random() < 0.5 else ()
    method = "GET" if way == "get" else "POST"
    return Request(method, PATH, url_query, body, headers)
