"""The table of metrics."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.telemetry.registry import REGISTRY


def test_every_metric_has_our_prefix_and_a_sentence_and_times_are_in_seconds() -> None:
    own = [family for family in REGISTRY.collect() if not family.name.startswith("process_")]
    assert len(own) >= 7
    for family in own:
        assert family.name.startswith("thanoxy_")
        assert family.documentation.endswith(".")
        assert family.type != "histogram" or family.name.endswith("_seconds")


def test_both_formats_can_be_read_by_prometheus() -> None:
    text = {f.name for f in parse_text(generate_latest(REGISTRY).decode())}
    open_metrics = generate_openmetrics(REGISTRY).decode()  # type: ignore[no-untyped-call]
    families = text_string_to_metric_families(open_metrics)  # type: ignore[no-untyped-call]
    names = {family.name for family in families}
    assert {"thanoxy_http_requests", "thanoxy_split_queries"} <= {
        n.removesuffix("_total") for n in text
    }
    assert {"thanoxy_http_requests", "thanoxy_split_queries"} <= names


def test_the_process_itself_is_measured() -> None:
    assert REGISTRY.get_sample_value("process_resident_memory_bytes")
    assert REGISTRY.get_sample_value("process_open_fds")
