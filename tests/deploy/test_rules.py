"""The rules: Prometheus takes them, all names are real, each alert has its page and its tests."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from proxy.status.findings import FAULTS
from proxy.status.page import PageOptions, whole_page
from tests.deploy.expressions import RULES, alerts, all_series, promtool, rules, spoken, wrong_in
from tests.status.days import bad_day

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = RULES.parent
UNIT_TESTS = sorted(FOLDER.glob("thanoxy-rules-*test.yaml"))
ROOT = FOLDER.parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text("utf-8")

WITHOUT_AN_ALERT: dict[str, str] = {}
"""Faults that have none, each with the reason."""

STAGED = (
    "upstream_slow", "upstream_dead", "store_lost", "tier_hung", "hot_tenant", "query_of_death",
    "no_memory", "bad_reload", "clock_skew", "cache_too_small",
)  # fmt: skip


TITLES = [
    re.sub(r"<.*?>", "", title)
    for title in re.findall(r"<h2[^>]*>(.*?)</h2>", whole_page(bad_day(), PageOptions()).decode())
]
"""Of the sections of the status page."""


def tool(*arguments: str) -> str:
    done = subprocess.run(
        [promtool(), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sections() -> dict[str, str]:
    """The runbook's sections by their heading."""
    parts = re.split(r"(?m)^## (.+)\n", RUNBOOK)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_promtool_finds_nothing_wrong() -> None:
    assert f"{len(rules())} rules found" in tool(
        "check", "rules", "--lint=all", "--lint-fatal", RULES.name
    )


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_each_alert_fires_when_it_should_and_not_when_it_nearly_should(path: Path) -> None:
    assert "SUCCESS" in tool("test", "rules", path.name)


def test_every_alert_has_a_unit_test_that_expects_it_to_fire() -> None:
    expected: set[str] = set()
    for case in (
        case for path in UNIT_TESTS for case in yaml.safe_load(path.read_text("utf-8"))["tests"]
    ):
        for one in case.get("alert_rule_test", ()):
            expected |= {one["alertname"]} if one["exp_alerts"] else set()
        for one in case.get("promql_expr_test", ()):
            samples = [sample["labels"] for sample in one["exp_samples"]]
            expected |= {name for text in samples for name in re.findall(r'alertname="(\w+)"', text)}
    assert expected == alerts().keys()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_speaks_only_of_metrics_and_labels_that_there_are(rule: dict[str, str]) -> None:
    assert wrong_in(rule["expr"], all_series()) == []


def test_what_labels_are_compared_with_is_on_the_page_of_metrics() -> None:
    values = {
        (label, value)
        for rule in rules()
        for label, compared in spoken(rule["expr"]).values.items()
        for value in compared
        if label not in {"job", "code"}
    }
    assert len(values) > 20
    assert {one for one in values if f"`{one[1]}`" not in METRICS} == set()


def test_queries_in_the_texts_of_alerts_speak_of_what_there_is() -> None:
    texts = [alert["annotations"]["description"] for alert in alerts().values()]
    queries = [found for text in texts for found in re.findall(r'printf "(.+?)" \$', text)]
    assert len(queries) == 3
    for query in queries:
        assert wrong_in(query.replace("%q", '"x"'), all_series()) == []


@pytest.mark.parametrize("name", list(alerts()))
def test_an_alert_says_how_urgent_it_is_what_is_so_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["labels"].keys() <= {"severity", "fault"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert "\n" not in alert["annotations"]["summary"]


def test_no_alert_is_raised_by_what_is_seen_once() -> None:
    at_once = {name for name, alert in alerts().items() if "for" not in alert}
    assert at_once == {"ThanoxyQueryOfDeath"}, "it looks at a quarter of an hour"


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    assert list(sections()) == list(alerts())


@pytest.mark.parametrize("name", list(alerts()))
def test_a_section_of_the_runbook_is_short_and_says_what_where_and_what_to_do(name: str) -> None:
    text = sections()[name].strip()
    assert re.findall(r"(?m)^\* \*\*(\w+)\*\*: ", text) == ["What", "Look", "Do"]
    assert 3 <= len(text.splitlines()) <= 6


def test_links_of_the_runbook_lead_to_its_sections_and_to_files() -> None:
    headings = {name.lower() for name in sections()}
    for target in re.findall(r"\]\(([^)]+)\)", RUNBOOK):
        file, _, section = target.partition("#")
        assert (ROOT / "docs" / file).exists()
        assert file or section in headings


def test_every_fault_has_an_alert_or_a_reason_why_not() -> None:
    told = {alert["labels"]["fault"] for alert in alerts().values() if "fault" in alert["labels"]}
    assert told | WITHOUT_AN_ALERT.keys() == set(FAULTS)
    assert not told & WITHOUT_AN_ALERT.keys()
    assert told.issuperset(STAGED)


def test_faults_that_expressions_ask_for_are_those_that_the_alert_is_labelled_with() -> None:
    for alert in alerts().values():
        asked = spoken(alert["expr"]).values.get("fault", set())
        assert asked <= {alert["labels"].get("fault")}


@pytest.mark.parametrize("name", list(alerts()))
def test_where_to_look_first_is_a_section_of_the_status_page(name: str) -> None:
    look = sections()[name].partition("* **Look**: ")[2].partition("* **Do**")[0]
    places = {*TITLES, "the first line", "its status page", "the targets page"}
    assert any(place in look for place in places)
