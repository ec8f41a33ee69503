"""One question to Prometheus and to Thanos Query, and what of their answers is compared."""

from __future__ import annotations

import dataclasses
import json
import urllib.parse
from typing import Any

from tests.thanos.loopback import ask
from tests.thanos.prometheus import read_errors

TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """PromQL at one time, or at every step between two; times in ms, inclusive."""

    expr: str
    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def is_instant(self) -> bool:
        return self.step_ms == 0

    def path(self) -> str:
        if self.is_instant:
            return f"/api/v1/query?{urllib.parse.urlencode(self._instant())}"
        return f"/api/v1/query_range?{urllib.parse.urlencode(self._range())}"

    def _instant(self) -> dict[str, str]:
        return {"query": self.expr, "time": seconds(self.end_ms)}

    def _range(self) -> dict[str, str]:
        return {
            "query": self.expr,
            "start": seconds(self.start_ms),
            "end": seconds(self.end_ms),
            "step": seconds(self.step_ms),
        }


def seconds(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f}"


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What is compared of an answer: numbers are texts, series are in order of their labels."""

    kind: str
    result: list[Any]

    @property
    def points(self) -> int:
        """How many values it holds."""
        if self.kind != "matrix":
            return len(self.result)
        return sum(len(one.get("values", [])) + len(one.get("histograms", [])) for one in self.result)


def told(url: str, question: Question) -> tuple[Told, list[str]]:
    """The answer of a server, and the errors of remote reads that it mentions."""
    answer = ask(url + question.path(), timeout_s=TIMEOUT_S)
    assert answer.status == 200, answer.body[:2000]
    data = json.loads(answer.body, parse_float=str, parse_int=str)["data"]
    result = data["result"]
    if data["resultType"] in {"matrix", "vector"}:
        result = sorted(result, key=lambda one: json.dumps(one["metric"], sort_keys=True))
    return Told(data["resultType"], result), read_errors(answer.body)


def differences(want: Told, got: Told) -> list[str]:
    """What differs, in words, series by series; empty when the two are the same."""
    if want == got:
        return []
    if want.kind != got.kind or want.kind not in {"matrix", "vector"}:
        return [f"thanos {want}, prometheus {got}"]
    wanted, found = by_labels(want), by_labels(got)
    lines = [f"prometheus lacks {labels}" for labels in wanted.keys() - found.keys()]
    lines += [f"prometheus has besides {labels}" for labels in found.keys() - wanted.keys()]
    for labels in wanted.keys() & found.keys():
        lines += series_differences(labels, wanted[labels], found[labels])
    return lines or ["some series are there twice"]


def by_labels(answer: Told) -> dict[str, Any]:
    return {json.dumps(one["metric"], sort_keys=True): one for one in answer.result}


def series_differences(labels: str, want: Any, got: Any) -> list[str]:
    for kind in ("values", "histograms", "value", "histogram"):
        if want.get(kind) == got.get(kind):
            continue
        if not kind.endswith("s"):
            return [f"{labels}: thanos {want.get(kind)}, prometheus {got.get(kind)}"]
        wanted, found = dict(want.get(kind, [])), dict(got.get(kind, []))
        times = sorted(wanted.keys() | found.keys())
        unlike = [time for time in times if wanted.get(time) != found.get(time)]
        at = unlike[0]
        return [
            f"{labels}: {len(unlike)} of {len(times)} {kind} differ, the first at {at}:"
            f" thanos {wanted.get(at)}, prometheus {found.get(at)}"
        ]
    return []
