"""What is told of requests besides metrics and lines: traces, and what ran when a process died."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import collector_url, part
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignalSettings:
    """See `proxy.settings`."""

    otlp_endpoint: str = setting(
        "tracing.otlp-endpoint", "", collector_url,
        "send traces there by OTLP over HTTP, such as http://collector:4318; default: none are made",
    )  # fmt: skip
    trace_share: float = setting(
        "tracing.sample-share", "1", part,
        "the share of requests that are traced; those with a traceparent go by its flag",
    )  # fmt: skip
    tracing_config: str = setting(
        "tracing.config", "", str, "traces as YAML, as Thanos takes it: type OTLP with client_type http"
    )
    tracing_config_file: str = setting("tracing.config-file", "", str, "a file with that YAML")
    active_log: str = setting(
        "query.active-log", "auto", str,
        "folder for what runs, told after a crash; auto: in --cache.dir, or the workers'; off: none",
    )  # fmt: skip
