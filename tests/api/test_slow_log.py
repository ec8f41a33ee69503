"""The line about a slow query."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp.test_utils import make_mocked_request

from proxy.api.slow_log import log_slow_query

if TYPE_CHECKING:
    import pytest


def test_a_slow_query_names_the_panel_that_asked(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Dashboard-Uid": "abc", "X-Panel-Id": "7"}
    path = "/api/v1/query_range?query=up%7B%7D&pad=" + "x" * 5000
    with caplog.at_level(logging.INFO, "thanoxy"):
        log_slow_query(make_mocked_request("GET", path, headers), 200, 1.2345)
    fields = vars(caplog.records[0])
    assert fields["path"] == "/api/v1/query_range"
    assert (fields["grafana_dashboard_uid"], fields["grafana_panel_id"]) == ("abc", "7")
    assert (fields["code"], fields["time_taken_ms"], fields["method"]) == (200, 1234, "GET")
    assert fields["params"].startswith("query=up%7B%7D&pad=x")
    assert len(fields["params"]) == 2000
