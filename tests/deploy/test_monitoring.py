"""What is beside the rules: the scrape job, the input of Telegraf, and the page that tells of them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch

import pytest
import yaml

from proxy.telemetry.registry import REGISTRY
from tests.deploy.expressions import MONITORING, alerts, all_series, own_series, promtool
from tests.deploy.manifests import CHART

DOCS = MONITORING.parents[1] / "docs"
PAGE = (DOCS / "monitoring.md").read_text("utf-8")
SCRAPE = MONITORING / "prometheus" / "prometheus.yml"


def test_promtool_takes_the_scrape_job_and_finds_the_rules() -> None:
    done = subprocess.run(
        [promtool(), "check", "config", "--lint=all", "--lint-fatal", SCRAPE],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rule files found" in done.stdout


def test_the_job_s_name_is_one_that_the_alerts_take_and_exemplars_are_asked_for() -> None:
    config = yaml.safe_load(SCRAPE.read_text("utf-8"))
    (job,) = config["scrape_configs"]
    assert re.fullmatch(".*thanoxy.*", job["job_name"])
    assert job["scrape_protocols"][0] == "OpenMetricsText1.0.0"
    assert config["storage"]["exemplars"]["max_exemplars"] > 0
    for setting in ("scrape_interval", "evaluation_interval"):
        assert int(config["global"][setting].removesuffix("s")) <= 30


def test_telegraf_s_input_takes_all_that_thanoxy_shows_and_mistakes_no_label() -> None:
    config = tomllib.loads((MONITORING / "telegraf" / "thanoxy.conf").read_text("utf-8"))
    (source,) = config["inputs"]["prometheus"]
    assert source["metric_version"] == 2
    assert source["urls"][0].endswith("/metrics")
    shown = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    assert [
        name
        for name in {*own_series(), *shown}
        if not any(fnmatch(name, pattern) for pattern in source["fieldinclude"])
    ] == []
    labels = frozenset().union(*own_series().values())
    assert not labels & {source["url_tag"], *source["tags"]}


def test_every_file_is_on_the_page_and_every_link_leads_somewhere() -> None:
    for file in (path for path in MONITORING.rglob("*") if path.is_file()):
        told = f"`{file.parent.name}/{file.name}`" in PAGE
        assert told or ("`…-day-test.yaml`" in PAGE and file.name == "thanoxy-rules-day-test.yaml")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (DOCS / target).exists()


def test_the_page_knows_which_alerts_are_pages_and_which_series_there_are() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| page | "))
    pages = [name for name, alert in alerts().items() if alert["labels"]["severity"] == "page"]
    assert row == f"| page | {', '.join(pages)} |"
    series = re.findall(r"`((?:job|instance)\w*:\w+:\w+)`", PAGE)
    assert len(series) >= 5
    assert set(series) <= all_series().keys()


@pytest.mark.parametrize("name", ["monitoring.md", "runbook.md", "deployment.md"])
def test_metrics_that_a_page_names_are_there(name: str) -> None:
    """Save the one that prometheus-adapter makes."""
    named = set(re.findall(r"\bthanoxy_[a-z_]+\b", (DOCS / name).read_text("utf-8")))
    made = {found for found in named if f"name: {{as: {found}}}" in (DOCS / name).read_text("utf-8")}
    parts = {part for series in all_series() for part in series.split(":")}
    assert named
    assert named - made - parts == set()


def test_values_of_the_chart_that_the_page_names_are_there() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    rows = re.findall(r"(?m)^\| (`(?:serviceMonitor|prometheusRule|dashboard)\..+?) \|", PAGE)
    assert len(rows) == 4
    for row in rows:
        part, *names = re.findall(r"\w+", row)
        assert set(names) - {part} <= values[part].keys()
