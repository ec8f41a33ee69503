"""A dashboard's JSON as Grafana exports or saves it → the questions that it asks on every refresh.

Panels count wherever they stand: at the top, in rows (open, collapsed, or of the old kind), and
once for each value where they are repeated. Hidden targets and other datasources are left out.
What cannot be asked is named in a note, never dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.load import LoadError
from proxy.load.intervals import DEFAULT_DATA_POINTS, View, grafana_duration_ms
from proxy.load.json_text import mapping, sequence, string, whole
from proxy.load.targets import PanelView, questions_of
from proxy.load.variables import Variable, read_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.load.workload import Question

_DEEPEST = 5
"""Rows hold panels, and nothing that Grafana writes is deeper than that."""
_GRID_COLUMNS = 24
MAX_QUESTIONS = 10_000

Members = dict[str, object]


@dataclass(frozen=True, slots=True)
class Viewer:
    """How the dashboard is looked at: what a browser and a datasource would know."""

    range_ms: int
    screen_px: int = 1_600
    scrape_ms: int = 15_000
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a dashboard asks, and what of it could not be asked."""

    title: str
    uid: str
    questions: tuple[Question, ...]
    notes: tuple[str, ...]


def read_dashboard(document: object, viewer: Viewer) -> Dashboard:
    """The questions of all panels. Raises `LoadError` when there are none."""
    model = _model(mapping(document))
    variables, notes = read_variables(model, viewer.range_ms, viewer.overrides)
    questions: list[Question] = []
    for panel, repeats in _panels(model):
        _add_panel(panel, _scopes(repeats, variables), viewer, questions, notes)
    if not questions:
        why = f" ({'; '.join(notes[:3])})" if notes else ""
        raise LoadError(f"no panel with a Prometheus query in the dashboard{why}")
    title = string(model.get("title")) or "dashboard"
    return Dashboard(title, string(model.get("uid")), tuple(questions), tuple(notes))


def _model(document: Members) -> Members:
    """The dashboard itself: exports hold it bare, the API below `dashboard` or `spec`."""
    for name in ("dashboard", "spec"):
        document = mapping(document.get(name)) or document
    if document.get("elements"):
        raise LoadError("a dashboard of schema v2: export it in the classic format (v1)")
    return document


def _panels(model: Members) -> Iterator[tuple[Members, tuple[str, ...]]]:
    """All panels that may ask, each with the variables that it is repeated for."""
    yield from _inside(sequence(model.get("panels")), (), _DEEPEST)
    for row in map(mapping, sequence(model.get("rows"))):
        yield from _inside(sequence(row.get("panels")), _repeat(row), _DEEPEST)


def _inside(
    panels: list[object], repeats: tuple[str, ...], depth: int
) -> Iterator[tuple[Members, tuple[str, ...]]]:
    """Panels below an open row belong to it until the next row; a collapsed one holds its own."""
    for panel in map(mapping, panels if depth else []):
        if panel.get("type") == "row":
            repeats = _repeat(panel)
        elif not panel.get("repeatPanelId"):  # a copy that Grafana saved: made here by itself
            yield panel, repeats + _repeat(panel)
        yield from _inside(sequence(panel.get("panels")), repeats, depth - 1)


def _repeat(panel: Members) -> tuple[str, ...]:
    name = string(panel.get("repeat"))
    return (name,) if name else ()


def _scopes(
    repeats: tuple[str, ...], variables: Mapping[str, Variable]
) -> Iterator[dict[str, Variable]]:
    """The variables as each repetition of a panel sees them."""
    name, *others = repeats or ("",)
    chosen = variables.get(name)
    values = chosen.values if chosen else ("",)
    for value in values:
        own = dict(variables)
        if chosen:
            own[name] = Variable(name, (value,), chosen.is_list, chosen.as_written)
        if others:
            yield from _scopes(tuple(others), own)
        else:
            yield own


def _add_panel(
    panel: Members,
    scopes: Iterator[dict[str, Variable]],
    viewer: Viewer,
    questions: list[Question],
    notes: list[str],
) -> None:
    title = string(panel.get("title")) or f"panel {string(panel.get('id'))}".strip()
    if panel.get("libraryPanel") and not panel.get("targets"):
        notes.append(f"{title}: a library panel, its queries are not in the file")
        return
    for variables in scopes:
        view = _panel_view(panel, viewer, variables, title)
        if isinstance(view, str):
            notes.append(f"{title}: {view}")
            return
        found, left_out = questions_of(panel, view)
        questions += found
        if len(questions) > MAX_QUESTIONS:
            raise LoadError(f"the dashboard asks more than {MAX_QUESTIONS:,} questions")
        notes += [note for note in left_out if note not in notes]


def _panel_view(
    panel: Members, viewer: Viewer, variables: Mapping[str, Variable], title: str
) -> PanelView | str:
    """The view of one panel, or why there is none."""
    shown_ms = _duration(panel, "timeFrom", viewer.range_ms)
    shifted_ms = _duration(panel, "timeShift", 0)
    if shown_ms is None or shifted_ms is None:
        return "a relative time that is no plain duration"
    view = View(shown_ms, _data_points(panel, viewer), viewer.scrape_ms)
    return PanelView(title, view, shifted_ms, variables)


def _duration(panel: Members, name: str, default_ms: int) -> int | None:
    text = string(panel.get(name)).removeprefix("now-")
    return grafana_duration_ms(text) if text else default_ms


def _data_points(panel: Members, viewer: Viewer) -> int:
    """Grafana's default is the panel's width in pixels."""
    set_by_hand = whole(panel.get("maxDataPoints"))
    if set_by_hand > 0:
        return set_by_hand
    columns = whole(mapping(panel.get("gridPos")).get("w"))
    return max(1, viewer.screen_px * columns // _GRID_COLUMNS) if columns > 0 else DEFAULT_DATA_POINTS
