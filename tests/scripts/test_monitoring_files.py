"""What is made of something else in deploy/ is up to date, and a stale file is noticed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import yaml

from scripts.monitoring_files import DEPLOY, RULES, main, stale, wanted

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def with_rules(folder: Path) -> Path:
    (folder / RULES).parent.mkdir(parents=True)
    shutil.copy(DEPLOY / RULES, folder / RULES)
    return folder


def test_the_files_are_current() -> None:
    assert stale() == [], "run: python -m scripts.monitoring_files"


def test_what_is_missing_is_written_and_then_current(tmp_path: Path) -> None:
    folder = with_rules(tmp_path)
    assert stale(folder) == list(wanted(folder))
    assert main(["--check"], folder) == 1
    assert main([], folder) == 0
    assert stale(folder) == []
    assert main(["--check"], folder) == 0


def test_a_change_by_hand_and_a_change_of_the_rules_are_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_rules(tmp_path)
    main([], folder)
    one = folder / "monitoring/grafana/thanoxy.json"
    one.write_text("{}", "utf-8")
    assert main(["--check"], folder) == 1
    assert "deploy/monitoring/grafana/thanoxy.json is stale" in capsys.readouterr().out
    main([], folder)
    (folder / RULES).write_text("groups: []\n", "utf-8")
    assert {path.name for path in stale(folder)} == {"thanoxy-rules.yaml", "prometheusrule.yaml"}


def test_the_resource_of_the_operator_has_the_rules_as_its_spec(tmp_path: Path) -> None:
    folder = with_rules(tmp_path)
    text = wanted(folder)[next(path for path in wanted(folder) if path.name == "prometheusrule.yaml")]
    assert yaml.safe_load(text)["spec"] == yaml.safe_load((folder / RULES).read_text("utf-8"))
