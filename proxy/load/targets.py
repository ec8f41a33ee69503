"""The targets of one panel → the questions that it asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from proxy.load.intervals import (
    MinStep,
    View,
    go_duration_text,
    grafana_duration_ms,
    interval_text,
    intervals,
)
from proxy.load.json_text import mapping, sequence, string, whole
from proxy.load.variables import Variable, interpolate, unknown_names
from proxy.load.workload import Question, Window
from proxy.promql.lexer import LexError, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOT_A_SOURCE = ("-- Dashboard --", "-- Grafana --", "__expr__", "grafana")
_TIMES = {
    name: f"${{{name}}}" for name in ("__from", "__to", "__from:date:seconds", "__to:date:seconds")
}
"""They stay in the expression until it is asked."""

Members = dict[str, object]


@dataclass(frozen=True, slots=True)
class PanelView:
    """A panel as one of its repetitions is looked at; `shift_ms` back from now."""

    title: str
    view: View
    shift_ms: int
    variables: Mapping[str, Variable]


def questions_of(panel: Members, panel_view: PanelView) -> tuple[list[Question], list[str]]:
    """What the panel asks, and a note for each target that cannot be asked."""
    questions: list[Question] = []
    notes: list[str] = []
    panel_view = _with_min_interval(panel, panel_view)
    for target in map(mapping, sequence(panel.get("targets"))):
        expr = string(target.get("expr")).strip()
        if target.get("hide") or not expr:
            continue
        name = f"{panel_view.title} {string(target.get('refId'))}".strip()
        if not _is_prometheus(panel, target):
            notes.append(f"{name}: of another datasource, left out")
            continue
        asked = list(_questions(name, target, panel_view))
        questions += [replace(q, panel_id=string(panel.get("id"))) for q in asked]
        if not asked:
            missing = ", ".join(unknown_names(_interpolated(expr, panel_view, MinStep())))
            notes.append(f"{name}: no value for {missing} (--variable NAME=VALUE), left out")
    return questions, notes


def _with_min_interval(panel: Members, panel_view: PanelView) -> PanelView:
    text = interpolate(string(panel.get("interval")), panel_view.variables, {})
    least_ms = grafana_duration_ms(text)
    if least_ms is None:
        return panel_view
    return replace(panel_view, view=replace(panel_view.view, min_interval_ms=least_ms))


def _is_prometheus(panel: Members, target: Members) -> bool:
    """Unless another datasource is named: an old dashboard names none, or an unknown name."""
    source = target.get("datasource") or panel.get("datasource")
    if isinstance(source, str):
        return source not in _NOT_A_SOURCE
    kind, uid = string(mapping(source).get("type")), string(mapping(source).get("uid"))
    return (not kind or "prometheus" in kind) and uid not in _NOT_A_SOURCE


def _questions(name: str, target: Members, panel_view: PanelView) -> Iterator[Question]:
    """One for the range, one for the instant: Grafana asks both where both are chosen."""
    min_step = _min_step(target, panel_view)
    expr = _interpolated(string(target.get("expr")).strip(), panel_view, min_step)
    if _has_left_overs(expr):
        return
    step_ms = intervals(panel_view.view, min_step).step_ms
    window = Window(panel_view.view.range_ms, step_ms, panel_view.shift_ms)
    question = Question(name, expr, window, knows_times=any(t in expr for t in _TIMES.values()))
    is_instant = bool(target.get("instant"))
    if target.get("range") or not is_instant:
        yield question
    if is_instant:
        yield replace(question, window=replace(window, step_ms=0))


def _min_step(target: Members, panel_view: PanelView) -> MinStep:
    text = string(target.get("interval")).strip()
    bare = text.strip("${}").removesuffix("_ms")
    factor = whole(target.get("intervalFactor"), 1)
    if bare in {"__interval", "__rate_interval"}:
        return MinStep(0, bare == "__interval", bare == "__rate_interval", factor)
    found = grafana_duration_ms(interpolate(text, panel_view.variables, {})) if text else None
    return MinStep(found or 0, factor=factor)


def _interpolated(expr: str, panel_view: PanelView, min_step: MinStep) -> str:
    found = intervals(panel_view.view, min_step)
    range_ms = panel_view.view.range_ms
    range_s = (range_ms + 500) // 1000
    own = {
        "__interval": interval_text(found.step_ms),
        "__interval_ms": str(found.step_ms),
        "__rate_interval": go_duration_text(found.rate_interval_ms),
        "__rate_interval_ms": str(found.rate_interval_ms),
        "__range": f"{range_s}s",
        "__range_s": str(range_s),
        "__range_ms": str(range_ms),
        **_TIMES,
    }
    return interpolate(expr, panel_view.variables, own)


def _has_left_overs(expr: str) -> bool:
    """Whether a reference stands where PromQL has none; inside a string it is only text."""
    for text in _TIMES.values():
        expr = expr.replace(text, "0")
    if not unknown_names(expr):
        return False
    try:
        tokenize(expr)
    except LexError:
        return True
    return False
