"""What PromQL expressions speak of: metrics, labels and their values, beside what thanoxy has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import promql_parser as promql
import yaml
from prometheus_client import Counter, Gauge, Histogram

from proxy.telemetry import metrics, signals
from scripts.real_servers import binary
from tests.deploy.manifests import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

MONITORING = DEPLOY / "monitoring"
RULES = MONITORING / "prometheus" / "thanoxy-rules.yaml"

OF_TARGETS = frozenset(("cluster", "namespace", "job", "instance"))
"""Labels that the scrape adds."""
OF_PROMETHEUS = {"up": frozenset[str]()}


def promtool() -> Path:
    """Built beside Prometheus itself."""
    return binary("promtool")


@dataclass(slots=True)
class Spoken:
    """What one expression names.

    labels: by metric, those that its matchers name. grouped: those of `by`, `without`, `on`.
    values: by label, what matchers compare it with.
    """

    labels: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)

    def visit(self, node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            self._select(node)
        elif isinstance(node, promql.MatrixSelector):
            self._select(node.vector_selector)
        elif isinstance(node, promql.AggregateExpr):
            self.grouped.update(node.modifier.labels if node.modifier else ())
        elif isinstance(node, promql.BinaryExpr) and node.modifier:
            matching = node.modifier.matching
            self.grouped.update(matching.labels if matching else ())

    def _select(self, selector: promql.VectorSelector) -> None:
        assert selector.name, "every selector names its metric"
        named = self.labels.setdefault(selector.name, set())
        for matcher in selector.matchers.matchers:
            named.add(matcher.name)
            self.values.setdefault(matcher.name, set()).update(matcher.value.split("|"))


def spoken(expr: str) -> Spoken:
    """Raises ValueError where it is no PromQL."""
    found = Spoken()
    promql.walk(promql.parse(expr), found.visit)
    return found


def own_series() -> dict[str, frozenset[str]]:
    """Every series that `/metrics` shows, with its labels."""
    found: dict[str, frozenset[str]] = {}
    for one in (*vars(metrics).values(), *vars(signals).values()):
        labels = frozenset(getattr(one, "_labelnames", ()))
        if isinstance(one, Histogram):
            found[f"{one._name}_bucket"] = labels | {"le"}
            found[f"{one._name}_sum"] = found[f"{one._name}_count"] = labels
        elif isinstance(one, Counter):
            found[f"{one._name}_total"] = labels
        elif isinstance(one, Gauge):
            found[one._name] = labels
    return found


def rules() -> list[dict[str, Any]]:
    """Recording rules and alerts, in their order."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def all_series() -> dict[str, frozenset[str]]:
    """Also those that recording rules make; their labels are those of what they are made of."""
    known = {**own_series(), **OF_PROMETHEUS}
    for rule in rules():
        if "record" in rule:
            used = spoken(rule["expr"]).labels
            known[rule["record"]] = frozenset().union(*(known.get(name, frozenset()) for name in used))
    return known


def wrong_in(expr: str, known: dict[str, frozenset[str]]) -> list[str]:
    """Names in an expression that nothing has."""
    found = spoken(expr)
    wrong = [name for name in found.labels if name not in known]
    for name, labels in found.labels.items():
        wrong += [f"{name}{{{one}}}" for one in labels - known.get(name, frozenset()) - OF_TARGETS]
    all_labels = frozenset().union(*(known.get(name, frozenset()) for name in found.labels))
    return wrong + [f"by ({one})" for one in found.grouped - all_labels - OF_TARGETS]
