"""A dashboard's JSON in its many shapes."""

from __future__ import annotations

import pytest

from proxy.load import LoadError
from proxy.load.dashboard import Dashboard, Viewer, read_dashboard

HOUR = 3_600_000
VIEWER = Viewer(6 * HOUR)
Panel = dict[str, object]


def panel(expr: str, **more: object) -> Panel:
    return {"title": "P", "targets": [{"refId": "A", "expr": expr}], **more}


def read(*panels: Panel, viewer: Viewer = VIEWER, **more: object) -> Dashboard:
    return read_dashboard({"title": "T", "uid": "u", "panels": list(panels), **more}, viewer)


def exprs(dashboard: Dashboard) -> list[str]:
    return [question.expr for question in dashboard.questions]


def test_panels_are_found_at_the_top_in_open_and_in_collapsed_rows() -> None:
    row: Panel = {"type": "row", "title": "open"}
    collapsed: Panel = {"type": "row", "collapsed": True, "panels": [panel("c"), panel("d")]}
    assert exprs(read(panel("a"), row, panel("b"), collapsed)) == ["a", "b", "c", "d"]


def test_panels_are_found_in_rows_of_the_old_kind() -> None:
    old = {"title": "T", "rows": [{"panels": [panel("a")]}, {"panels": [panel("b")]}]}
    assert exprs(read_dashboard(old, VIEWER)) == ["a", "b"]


@pytest.mark.parametrize("name", ["dashboard", "spec"])
def test_the_answer_of_the_api_is_read_like_an_export(name: str) -> None:
    found = read_dashboard({name: {"title": "T", "uid": "u", "panels": [panel("a")]}}, VIEWER)
    assert (found.title, found.uid, exprs(found)) == ("T", "u", ["a"])


def test_a_dashboard_of_schema_v2_is_refused_with_advice() -> None:
    with pytest.raises(LoadError, match="schema v2: export it in the classic format"):
        read_dashboard({"spec": {"elements": {"panel-1": {}}}}, VIEWER)


@pytest.mark.parametrize("document", [[], {}, {"panels": [{"type": "text"}]}, {"panels": "x"}])
def test_a_document_without_a_query_is_refused(document: object) -> None:
    with pytest.raises(LoadError, match="no panel with a Prometheus query"):
        read_dashboard(document, VIEWER)


def test_rows_in_rows_without_end_are_not_followed() -> None:
    nested: Panel = panel("deep")
    for _ in range(200):
        nested = {"type": "row", "panels": [nested]}
    assert exprs(read(panel("a"), nested)) == ["a"]


def test_data_points_are_the_panel_s_pixels_unless_set_by_hand() -> None:
    wide, narrow = panel("a", gridPos={"w": 24}), panel("a", gridPos={"w": 4})
    by_hand = panel("a", gridPos={"w": 4}, maxDataPoints=50)
    unknown = panel("a")
    steps = [q.window.step_ms for q in read(wide, narrow, by_hand, unknown).questions]
    assert steps == [15_000, 60_000, 300_000, 15_000]
    double = Viewer(6 * HOUR, screen_px=3_200)
    assert read(narrow, viewer=double).questions[0].window.step_ms == 30_000


def test_a_panel_s_own_range_and_shift_are_kept() -> None:
    window = read(panel("increase(a[$__range])", timeFrom="1h", timeShift="1d")).questions[0].window
    assert (window.range_ms, window.lag_ms) == (HOUR, 24 * HOUR)


def test_a_panel_with_a_range_that_is_no_duration_is_named_and_left_out() -> None:
    found = read(panel("a"), panel("b", timeFrom="now/d"))
    assert exprs(found) == ["a"]
    assert found.notes == ("P: a relative time that is no plain duration",)


def test_library_panels_are_named() -> None:
    library: Panel = {"title": "L", "libraryPanel": {"uid": "x"}}
    assert read(panel("a"), library).notes == ("L: a library panel, its queries are not in the file",)


def test_a_repeated_panel_asks_once_for_each_value() -> None:
    pods = {"name": "pod", "type": "query", "multi": True, "current": {"value": ["a", "b"]}}
    repeated = panel('up{pod=~"$pod"}', repeat="pod")
    found = read(repeated, panel('x{pod=~"$pod"}'), templating={"list": [pods]})
    assert exprs(found) == ['up{pod=~"a"}', 'up{pod=~"b"}', 'x{pod=~"(a|b)"}']


def test_a_repeated_row_repeats_its_panels_until_the_next_row() -> None:
    both = [
        {"name": name, "type": "query", "multi": True, "current": {"value": ["1", "2"]}}
        for name in ("r", "p")
    ]
    row: Panel = {"type": "row", "repeat": "r"}
    after: Panel = {"type": "row"}
    inner = panel("$r$p", repeat="p")
    found = read(row, inner, after, panel("x"), templating={"list": both})
    assert exprs(found) == ["11", "12", "21", "22", "x"]


def test_copies_that_grafana_saved_are_not_asked_twice() -> None:
    assert exprs(read(panel("a"), panel("copy", repeatPanelId=1))) == ["a"]


def test_repetitions_without_end_are_refused() -> None:
    many = [
        {"name": name, "type": "query", "multi": True, "current": {"value": ["1"] * 3_000}}
        for name in ("r", "p")
    ]
    row: Panel = {"type": "row", "repeat": "r"}
    with pytest.raises(LoadError, match="more than 10,000 questions"):
        read(row, panel("$r$p", repeat="p"), templating={"list": many})


def test_a_value_given_by_hand_reaches_the_panels() -> None:
    job = {"name": "job", "type": "query", "current": {"value": "api"}}
    viewer = Viewer(HOUR, overrides={"job": ("web",)})
    assert exprs(read(panel("$job"), viewer=viewer, templating={"list": [job]})) == ["web"]
