"""A Prometheus that reads from elsewhere: here from another Prometheus, which holds the samples."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.thanos import remote_write
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.prometheus import PrometheusServer, read_config, read_errors
from tests.thanos.series import METRIC_NAME, float_series
from tests.thanos.timeline import HOUR_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.thanos

END_MS = 1_790_000_000_000
TIMES = Timeline(END_MS - HOUR_MS, END_MS, seed=1).scrapes()


@pytest.fixture(scope="module")
def source() -> Iterator[PrometheusServer]:
    with PrometheusServer() as prometheus:
        labels = {METRIC_NAME: "kept", "tier": "gold"}
        remote_write.write(prometheus.write_url, [float_series(labels, TIMES, 7.0)])
        yield prometheus


def instant(prometheus: PrometheusServer, expr: str) -> tuple[list[Any], list[str]]:
    """The result, and what went wrong with remote reads."""
    parameters = urllib.parse.urlencode({"query": expr, "time": END_MS / 1000})
    answer = ask(f"{prometheus.url}/api/v1/query?{parameters}")
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)["data"]["result"], read_errors(answer.body)


def test_samples_come_from_the_other_server(source: PrometheusServer) -> None:
    with PrometheusServer(source.read_url) as prometheus:
        [series], errors = instant(prometheus, "count_over_time(kept[2h])")
        assert series["value"][1] == str(len(TIMES))
        assert not errors


def test_without_an_address_it_reads_nothing_from_elsewhere() -> None:
    with PrometheusServer() as prometheus:
        assert instant(prometheus, "kept") == ([], [])


def test_only_selectors_with_the_required_matchers_are_read(source: PrometheusServer) -> None:
    with PrometheusServer(source.read_url, required_matchers={"tier": "gold"}) as prometheus:
        assert not instant(prometheus, "kept")[0]
        assert instant(prometheus, 'kept{tier="gold"}')[0]


def test_a_failed_read_is_told_in_a_warning() -> None:
    (port,) = free_ports(1)
    with PrometheusServer(f"http://{ADDRESS}:{port}/api/v1/read") as prometheus:
        result, [error] = instant(prometheus, "kept")
        assert not result
        assert "connection refused" in error


def test_nothing_is_left_when_it_was_stopped() -> None:
    with PrometheusServer() as prometheus:
        while_it_runs = (prometheus.process.is_running, prometheus.folder.exists())
    assert while_it_runs == (True, True)
    assert (prometheus.process.is_running, prometheus.folder.exists()) == (False, False)


def test_a_config_without_external_labels_adds_no_matchers() -> None:
    config = read_config("http://a/api/v1/read", {"tier": "gold"})
    assert "global" not in config
    [read] = config["remote_read"]
    assert (read["read_recent"], read["filter_external_labels"]) == (True, False)
    assert read["required_matchers"] == {"tier": "gold"}
    assert read_config("", {})["remote_read"] == []


def test_other_warnings_are_not_failed_reads() -> None:
    assert read_errors(b'{"warnings":["PromQL warning: a","remote_read: b"]}') == ["remote_read: b"]
    assert read_errors(b"{}") == []
