"""The line about a slow query."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp.test_utils import make_mocked_request

from proxy.api.slow_log import log_slow_query
from proxy.telemetry.record import ANALYSE, FETCH, Record

if TYPE_CHECKING:
    import pytest

HEADERS = {"X-Dashboard-Uid": "abc", "X-Panel-Id": "7"}


def ended() -> Record:
    record = Record(1, "query_range", None)
    record.began_s = 0.0
    record.marks = [(ANALYSE, 0.25), (FETCH, 1.25)]
    record.code, record.took_s = 200, 1.2345
    record.result, record.steps, record.held = "partial", 100, 60
    ask = record.ask()
    ask.begun_s, ask.sent_s, ask.arrived_s, ask.done_s = 0.25, 0.5, 1.0, 1.25
    ask.size_bytes = 7_000
    return record


def test_a_slow_query_names_the_panel_that_asked(caplog: pytest.LogCaptureFixture) -> None:
    path = "/api/v1/query_range?query=up%7B%7D&start=5&end=65&step=60&token=t0p&pad=" + "x" * 5000
    with caplog.at_level(logging.INFO, "thanoxy"):
        log_slow_query(make_mocked_request("GET", path, HEADERS), ended())
    fields = vars(caplog.records[0])
    assert fields["path"] == "/api/v1/query_range"
    assert (fields["grafana_dashboard_uid"], fields["grafana_panel_id"]) == ("abc", "7")
    assert (fields["code"], fields["time_taken_ms"], fields["method"]) == (200, 1234, "GET")
    assert (fields["start_ms"], fields["end_ms"], fields["step_ms"]) == (5_000, 65_000, 60_000)
    assert fields["params"].startswith("query=up%7B%7D&start=5&end=65&step=60&pad=x")
    assert len(fields["params"]) == 2000
    assert "tenant" not in fields


def test_a_slow_query_says_where_its_time_went(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "thanoxy"):
        log_slow_query(make_mocked_request("GET", "/api/v1/query_range?query=up", HEADERS), ended())
    fields = vars(caplog.records[0])
    assert (fields["result"], fields["steps"], fields["steps_held"]) == ("partial", 100, 60)
    assert (fields["splits"], fields["upstream_bytes"]) == (1, 7_000)
    stages = {name: fields[f"{name}_ms"] for name in ("analyse", "wait", "fetch", "scan")}
    assert stages == {"analyse": 250, "wait": 250, "fetch": 500, "scan": 250}
