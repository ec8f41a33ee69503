"""Files and profiles → the workload."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from proxy.load import LoadError, source
from proxy.load.options import parse_options
from proxy.load.source import read_workload

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.load.workload import Workload

LINE = '{{"params":{{"query":"up","start":"{at}","end":"{at}","step":0}},"ts":"{at}"}}\n'
PANEL = {"title": "P", "targets": [{"refId": "A", "expr": "up"}, {"expr": "x", "instant": True}]}


def read(*arguments: str) -> Workload:
    return read_workload(parse_options(["--target", "http://host", *arguments]))


def dashboard(tmp_path: Path, text: str | None = None) -> str:
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"title": "T", "uid": "u", "panels": [PANEL]}) if text is None else text)
    return str(path)


def log(tmp_path: Path, *times: str) -> str:
    path = tmp_path / "q.log"
    path.write_text("".join(LINE.format(at=f"2026-01-01T{at}Z") for at in times))
    return str(path)


def test_a_dashboard_is_asked_at_once_on_every_refresh(tmp_path: Path) -> None:
    work = read("--dashboard", dashboard(tmp_path), "--refresh", "10s")
    assert (work.title, work.uid, work.turn_ms) == ("T", "u", 10_000)
    assert work.offsets_ms == (0.0, 0.0)


def test_a_step_may_be_set_for_all(tmp_path: Path) -> None:
    work = read("--dashboard", dashboard(tmp_path), "--step", "2m")
    assert [q.window.step_ms for q in work.questions] == [120_000, 0]


def test_a_profile_needs_no_file() -> None:
    work = read("--profile", "wide", "--metric", "up", "--range", "1h")
    assert [q.expr for q in work.questions] == ["up", "rate(up[1m0s])"]
    assert work.questions[0].window.range_ms == 3_600_000


def test_a_log_keeps_its_pace_or_a_multiple_of_it(tmp_path: Path) -> None:
    path = log(tmp_path, "00:00:00", "00:00:01", "00:00:04")
    work = read("--query-log", path)
    assert (work.offsets_ms, work.turn_ms) == ((0.0, 1_000.0, 4_000.0), 6_000.0)
    fast = read("--query-log", path, "--log-speed", "10")
    assert (fast.offsets_ms, fast.turn_ms) == ((0.0, 100.0, 400.0), 600.0)


def test_a_log_of_one_moment_is_spread_over_the_refresh_interval(tmp_path: Path) -> None:
    work = read("--query-log", log(tmp_path, "00:00:00", "00:00:00"), "--refresh", "8s")
    assert (work.offsets_ms, work.turn_ms) == ((0.0, 4_000.0), 8_000)


@pytest.mark.parametrize("text", ["{", "[]", '{"panels": []}'])
def test_a_fault_names_the_file(tmp_path: Path, text: str) -> None:
    path = dashboard(tmp_path, text)
    with pytest.raises(LoadError) as caught:
        read("--dashboard", path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"none\.json: No such file"):
        read("--dashboard", str(tmp_path / "none.json"))
    with pytest.raises(LoadError, match="Is a directory"):
        read("--query-log", str(tmp_path))


def test_a_file_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", 100)
    with pytest.raises(LoadError, match="larger than"):
        read("--dashboard", dashboard(tmp_path, " " * 101))


def test_a_line_without_end_is_cut_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_LINE_BYTES", 300)
    path = tmp_path / "q.log"
    path.write_text(LINE.format(at="2026-01-01T00:00:00Z") + "x" * 900)
    work = read("--query-log", str(path))
    assert len(work.questions) == 1
    assert "without a query" in work.notes[0]
