"""The servers that these tests share: for each source and response type a Prometheus."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.remote_read.servers import SamplesOnlyRelay, ServedThanoxy, source_flags
from tests.thanos import remote_write
from tests.thanos.cluster import EXTERNAL_LABEL
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.samples import sample_series
from tests.thanos.series import METRIC_NAME, sorted_labels
from tests.thanos.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.series import RawSeries

SOURCES = ("grpc", "http")
TYPES = ("streamed", "samples")


@dataclasses.dataclass(slots=True)
class Readers:
    """Starts what is asked for, once each, and keeps it until the tests of this folder are over."""

    thanos: ThanosCluster
    folder: pytest.TempPathFactory
    running: contextlib.ExitStack
    thanoxies: dict[str, ServedThanoxy] = dataclasses.field(default_factory=dict)
    prometheuses: dict[tuple[str, str], PrometheusServer] = dataclasses.field(default_factory=dict)

    def thanoxy(self, source: str) -> ServedThanoxy:
        if source not in self.thanoxies:
            flags = source_flags(self.thanos, source)
            made = ServedThanoxy(self.thanos.query_url, self.folder.mktemp("thanoxy"), flags)
            self.thanoxies[source] = self.running.enter_context(made)
        return self.thanoxies[source]

    def prometheus(self, source: str, response_type: str) -> PrometheusServer:
        key = source, response_type
        if key not in self.prometheuses:
            read_url = self.thanoxy(source).read_url
            if response_type == "samples":
                read_url = self.running.enter_context(SamplesOnlyRelay(read_url)).read_url
            self.prometheuses[key] = self.running.enter_context(PrometheusServer(read_url))
        return self.prometheuses[key]


@pytest.fixture(scope="session")
def readers(thanos: ThanosCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    with contextlib.ExitStack() as running:
        yield Readers(thanos, tmp_path_factory, running)


@pytest.fixture(scope="session")
def timeline(thanos: ThanosCluster) -> Timeline:
    """When the sample series were taken."""
    return Timeline(thanos.start_ms, thanos.end_ms, seed=1)


ADDED_LABELS = {EXTERNAL_LABEL: "true", "tenant_id": "default-tenant"}
"""What Thanos Receive puts on every series."""

ONE_BLOCK = (
    "--storage.tsdb.min-block-duration=60d",
    "--storage.tsdb.max-block-duration=60d",
)

HELD = ("http_requests_", "request_duration_", "turned_native")
"""What the names of these series begin with."""


@pytest.fixture(scope="session")
def holder(thanos: ThanosCluster) -> Iterator[PrometheusServer]:
    """A Prometheus that holds some of the sample series itself, labelled as in Thanos."""
    wanted = [
        with_added_labels(one)
        for one in sample_series(thanos.end_ms)
        if dict(one.labels).get(METRIC_NAME, "").startswith(HELD)
    ]
    with PrometheusServer(flags=ONE_BLOCK) as prometheus:
        remote_write.write(prometheus.write_url, wanted)
        yield prometheus


def with_added_labels(series: RawSeries) -> RawSeries:
    labels = sorted_labels({**dict(series.labels), **ADDED_LABELS})
    return dataclasses.replace(series, labels=labels)
