"""The dashboard: Grafana can place every panel, and every query asks for something that there is."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from proxy.telemetry.registry import REGISTRY
from tests.deploy.expressions import MONITORING, all_series, own_series, promtool, spoken, wrong_in
from tests.deploy.panels import BOARD, PANELS, as_asked, expressions

if TYPE_CHECKING:
    from pathlib import Path

UNITS = {"none", "short", "s", "bytes", "Bps", "percentunit", "reqps", "cps", "wps"}
"""Of those that Grafana knows, what is used here."""
KINDS = {"stat", "timeseries", "state-timeline", "heatmap"}

every_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def known() -> dict[str, frozenset[str]]:
    of_the_process = {
        sample.name: frozenset[str]()
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith("process_")
    }
    return {**all_series(), **of_the_process}


def test_ids_and_titles_are_there_once() -> None:
    for key in ("id", "title"):
        values = [panel[key] for panel in BOARD["panels"]]
        assert len(set(values)) == len(values)


def test_no_panel_lies_on_another_and_none_is_wider_than_the_page() -> None:
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    assert all(place["x"] >= 0 and 0 < place["w"] <= 24 - place["x"] for place in places)
    for one, other in combinations(places, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_above


def test_the_rows_tell_the_story_from_the_whole_to_its_parts() -> None:
    assert [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"] == [
        "At a glance", "The path of a query", "Cache and tiers", "Upstream", "Queue, memory, tenants",
        "Process and event loop",
    ]  # fmt: skip


@every_panel
def test_a_panel_has_a_unit_and_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["type"] in KINDS
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["description"].endswith((".", "!"))
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel
def test_a_panel_asks_for_what_there_is_of_the_chosen_instances(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert wrong_in(as_asked(target["expr"]), known()) == []
        assert target["legendFormat"]
        selectors = re.findall(r"\{(.*?)\}", target["expr"])
        assert all(one.startswith('job=~"$job", instance=~"$instance"') for one in selectors)
        assert set(re.findall(r"\[(.+?)\]", target["expr"])) <= {"$__rate_interval"}


@every_panel
def test_legends_name_labels_that_are_left(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert named <= spoken(as_asked(target["expr"])).grouped


def test_promtool_takes_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:x{at}:y", "expr": expr} for at, expr in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    done = subprocess.run(
        [promtool(), "check", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_of_thanoxy_is_somewhere_on_it() -> None:
    asked = frozenset().union(*(spoken(expr).labels for expr in expressions()))

    def family(name: str) -> str:
        return re.sub(r"_(bucket|sum|count)$", "", name)

    assert {family(name) for name in own_series()} - {family(name) for name in asked} == set()


def test_variables_choose_the_datasource_the_jobs_and_the_instances() -> None:
    variables = {one["name"]: one for one in BOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance", "docs"]
    for name in ("job", "instance"):
        (series, label) = re.fullmatch(
            r"label_values\((.+), (\w+)\)", variables[name]["definition"]
        ).groups()  # type: ignore[union-attr]
        assert label == name
        assert wrong_in(as_asked(series), all_series()) == []


def test_links_lead_to_the_status_page_and_to_pages_that_there_are() -> None:
    urls = {link["title"]: link["url"] for link in BOARD["links"]}
    assert urls["Status page"] == "http://${instance:raw}/"
    docs = MONITORING.parents[1] / "docs"
    pages = [
        url.removeprefix("${docs:raw}/") for url in urls.values() if url.startswith("${docs:raw}/")
    ]
    assert pages == ["runbook.md", "metrics.md"]
    assert all((docs / page).exists() for page in pages)
