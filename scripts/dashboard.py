"""Writes the Grafana dashboard from the tables in `dashboard_rows`; with `--check` only compares.

python -m scripts.dashboard
python -m scripts.dashboard --check   exit with 1 when the file is not what the tables say
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripts.dashboard_rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.dashboard_panels import Panel

CHOSEN = 'job=~"$job", instance=~"$instance"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_FIGURE_HEIGHT, _BAND_HEIGHT, _USUAL_HEIGHT = 4, 6, 8
_PAGE_WIDTH = 24
_TYPES = {"findings": "stat", "states": "state-timeline"}

Json = dict[str, Any]


def dashboard() -> Json:
    """The whole of it, as Grafana imports it."""
    return {
        "uid": "thanoxy",
        "title": "thanoxy",
        "description": "A query proxy and cache in front of Thanos Query.",
        "tags": ["thanos", "thanoxy"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": _links(),
        "templating": {"list": _variables()},
        "annotations": {"list": [_alerts()]},
        "panels": list(_panels()),
    }


def _links() -> list[Json]:
    def link(title: str, url: str, tooltip: str) -> Json:
        look = {"type": "link", "icon": "external link", "targetBlank": True, "tags": []}
        return {**look, "title": title, "url": url, "tooltip": tooltip}

    return [
        link("Status page", "http://${instance:raw}/", "of the instance that is chosen: choose one"),
        link("Runbook", "${docs:raw}/runbook.md", "what each alert means, and what to do"),
        link("Metrics", "${docs:raw}/metrics.md", "what each metric means"),
    ]


def _variables() -> list[Json]:
    def of_label(name: str, series: str) -> Json:
        query = f"label_values({series}, {name})"
        return {
            "name": name,
            "label": name,
            "type": "query",
            "datasource": DATASOURCE,
            "definition": query,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"text": ["All"], "value": ["$__all"]},
        }

    return [
        {"name": "datasource", "label": "Datasource", "type": "datasource", "query": "prometheus"},
        of_label("job", "thanoxy_findings"),
        of_label("instance", 'thanoxy_findings{job=~"$job"}'),
        {
            "name": "docs",
            "label": "Where thanoxy's docs are",
            "type": "textbox",
            "query": "https://git.example/thanoxy/docs",
            "current": {
                "text": "https://git.example/thanoxy/docs",
                "value": "https://git.example/thanoxy/docs",
            },
        },
    ]


def _alerts() -> Json:
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Thanoxy.*", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}} {{url}}",
        "step": "60s",
    }


def _panels() -> Iterator[Json]:
    """Rows from top to bottom, panels from left to right; what does not fit begins a new line."""
    top, number = 0, 0
    for title, panels in ROWS:
        number += 1
        yield _row(number, title, top)
        top, left, height = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > _PAGE_WIDTH:
                top, left, height = top + height, 0, 0
            number += 1
            own_height = _height(panel)
            place = {"x": left, "y": top, "w": panel.width, "h": own_height}
            yield _panel(number, panel, place)
            left, height = left + panel.width, max(height, own_height)
        top += height


def _height(panel: Panel) -> int:
    if panel.kind in {"stat", "findings"}:
        return _FIGURE_HEIGHT
    return _BAND_HEIGHT if panel.kind == "states" and panel.width == _PAGE_WIDTH else _USUAL_HEIGHT


def _row(number: int, title: str, top: int) -> Json:
    place = {"x": 0, "y": top, "w": _PAGE_WIDTH, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(number: int, panel: Panel, place: Json) -> Json:
    return {
        "id": number,
        "type": _TYPES.get(panel.kind, panel.kind),
        "title": panel.title,
        "description": panel.meaning,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(at, panel, query) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(at: int, panel: Panel, query: tuple[str, str]) -> Json:
    expr, legend = query
    is_now = panel.kind in {"stat", "findings"}
    return {
        "refId": chr(ord("A") + at),
        "datasource": DATASOURCE,
        "expr": expr.replace("@", CHOSEN),
        "legendFormat": legend or panel.title,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "range": not is_now,
        "instant": is_now,
        "exemplar": panel.kind == "timeseries" and "_bucket" in expr,
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.bad:
        orange, red = panel.bad
        steps += [{"color": "orange", "value": orange}, {"color": "red", "value": red}]
    if panel.kind in {"findings", "states"}:
        steps += [{"color": "red", "value": 1}]
    found: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        found |= {"min": None if panel.title == "Clocks" else 0, "custom": _lines(panel)}
    if panel.kind == "findings":
        link = "http://${__field.labels.instance}/"
        found |= {
            "noValue": "All well",
            "links": [{"title": "Status page", "url": link, "targetBlank": True}],
        }
    if panel.kind in {"states", "findings", "stat"}:
        found["color"] = {"mode": "thresholds"}
    return found


def _lines(panel: Panel) -> Json:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.is_stacked else 5,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.bad else "off"},
    }


def _options(panel: Panel) -> Json:
    now = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    figure = {"reduceOptions": now, "graphMode": "none"}
    tooltip = {"mode": "multi", "sort": "desc"}
    by_kind: dict[str, Json] = {
        "stat": {**figure, "colorMode": "value", "textMode": "value"},
        "findings": {
            **figure,
            "colorMode": "background",
            "textMode": "name",
            "orientation": "horizontal",
        },
        "states": {
            "mergeValues": True,
            "showValue": "never",
            "rowHeight": 0.8,
            "legend": {"showLegend": False},
        },
        "heatmap": {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Oranges"}},
        "timeseries": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": tooltip,
        },
    }
    return by_kind[panel.kind]
