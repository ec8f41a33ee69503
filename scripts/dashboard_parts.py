"""The second half of the dashboard: the upstream, the load, the process."""

from __future__ import annotations

from scripts.dashboard_panels import UNSUCCESSFUL, Panel, most, quantile, rate

UPSTREAM = (
    Panel(
        "Addresses",
        "none",
        "From 0 (gets work) over 1 (on trial) to 2 (gets none), the worst that any instance says.",
        (
            (
                'max by (url) (thanoxy_upstream_address_state{@, state="half_open"}'
                ' + ignoring (state) 2 * thanoxy_upstream_address_state{@, state="open"})',
                "{{url}}",
            ),
        ),
        24,
        "states",
    ),
    Panel(
        "Latency",
        "s",
        "How long each address's good answers take of late.",
        ((most("thanoxy_upstream_address_latency_seconds", "url"), "{{url}}"),),
    ),
    Panel(
        "Slowness",
        "none",
        "In times of what such questions usually take; from 3 on it is called slow.",
        ((most("thanoxy_upstream_address_slowness", "url"), "{{url}}"),),
        8,
        "timeseries",
        (3, 10),
    ),
    Panel(
        "At work",
        "short",
        "Requests that each address is working on.",
        (("sum by (url) (thanoxy_upstream_address_requests_in_flight{@})", "{{url}}"),),
    ),
    Panel(
        "Failures",
        "cps",
        "Held against an address; overtaken: another one was sooner.",
        ((rate("thanoxy_upstream_address_failures_total", "url, reason"), "{{url}} {{reason}}"),),
    ),
    Panel(
        "Attempts",
        "reqps",
        "By result.",
        ((rate("thanoxy_upstream_attempts_total", "result"), "{{result}}"),),
    ),
    Panel(
        "Asked again, asked elsewhere",
        "reqps",
        "Retries after a failure, and hedges when late.",
        (
            (rate("thanoxy_upstream_retries_total", "result"), "retry {{result}}"),
            (rate("thanoxy_upstream_hedges_total", "result"), "hedge {{result}}"),
            (rate("thanoxy_upstream_ejections_total", "job"), "ejections · {{job}}"),
        ),
    ),
    Panel(
        "Received",
        "Bps",
        "Bytes of answers as they came, perhaps compressed.",
        ((rate("thanoxy_upstream_received_bytes_total", "job"), "{{job}}"),),
    ),
    Panel(
        "Clocks",
        "s",
        "How far each address's clock is ahead at least.",
        (
            (
                "max by (url, instance) (thanoxy_upstream_clock_skew_seconds{@})",
                "{{url}} · {{instance}}",
            ),
        ),
    ),
    Panel(
        "Stores away",
        "short",
        "Kinds of store that Thanos Query has lost.",
        ((most("thanoxy_upstream_stores_away"), "{{instance}}"),),
    ),
    Panel(
        "Last look at the stores",
        "s",
        "How long ago; from 30 s on answers are kept for seconds only.",
        ((most("thanoxy_upstream_stores_look_age_seconds"), "{{instance}}"),),
        8,
        "timeseries",
        (30, 60),
    ),
    Panel(
        "Addresses by state",
        "short",
        "How many get work (closed), are on trial (half_open), get none (open).",
        ((most("thanoxy_upstream_addresses", "instance, state"), "{{state}} · {{instance}}"),),
    ),
    Panel(
        "Lookups of names",
        "reqps",
        "By result.",
        ((rate("thanoxy_dns_lookups_total", "result"), "{{result}}"),),
    ),
)

LOAD = (
    Panel(
        "Turns",
        "short",
        "Requests that have a turn upstream, may have one, and wait for one.",
        (
            (most("thanoxy_upstream_queue_running"), "running · {{instance}}"),
            (most("thanoxy_upstream_queue_max_running"), "most · {{instance}}"),
            (most("thanoxy_upstream_queue_length"), "waiting · {{instance}}"),
        ),
    ),
    Panel(
        "Memory in flight",
        "bytes",
        "Set aside for answers under way, and the most.",
        (
            (most("thanoxy_memory_in_flight_bytes"), "{{instance}}"),
            (most("thanoxy_memory_in_flight_max_bytes"), "most · {{instance}}"),
        ),
    ),
    Panel(
        "Waiting for memory",
        "short",
        "Requests, and remote reads that wait for their turn.",
        (
            (most("thanoxy_memory_waiting"), "{{instance}}"),
            (most("thanoxy_remote_reads_waiting"), "remote reads · {{instance}}"),
        ),
    ),
    Panel(
        "Refused a turn or memory",
        "reqps",
        "These get a 429, by reason.",
        (
            (rate("thanoxy_upstream_queue_refused_total", "reason"), "turn: {{reason}}"),
            (rate("thanoxy_memory_refused_total", "reason"), "memory: {{reason}}"),
        ),
    ),
    Panel(
        "Tenants",
        "reqps",
        "The ten who ask most.",
        ((f"topk(10, {rate('thanoxy_tenant_requests_total', 'tenant')})", "{{tenant}}"),),
    ),
    Panel(
        "Errors of tenants",
        "reqps",
        "Answers of 4xx and 5xx, the ten who have most.",
        (
            (
                "topk(10, " + rate("thanoxy_tenant_requests_total", "tenant, code", UNSUCCESSFUL) + ")",
                "{{tenant}} {{code}}",
            ),
        ),
    ),
    Panel(
        "Remote read",
        "cps",
        "Queries and series a second, by the type of the answer.",
        (
            (rate("thanoxy_remote_read_queries_total", "type"), "queries {{type}}"),
            (rate("thanoxy_remote_read_series_total", "type"), "series {{type}}"),
        ),
    ),
    Panel(
        "Remote read: samples",
        "cps",
        "Samples, and the chunks that they came in.",
        (
            (rate("thanoxy_remote_read_samples_total", "type"), "samples {{type}}"),
            (rate("thanoxy_remote_read_chunks_total", "type"), "chunks {{type}}"),
        ),
    ),
    Panel(
        "Remote read: sent",
        "Bps",
        "Bytes of answers.",
        ((rate("thanoxy_remote_read_sent_bytes_total", "type"), "{{type}}"),),
    ),
)

PROCESS = (
    Panel(
        "Event loop: late",
        "s",
        "The 99th percentile of how late it was, ten times a second.",
        ((quantile("0.99", "thanoxy_event_loop_lag_seconds", "instance"), "{{instance}}"),),
        8,
        "timeseries",
        (0.1, 0.5),
    ),
    Panel(
        "Event loop: busy",
        "none",
        "Cores that the loops of all workers of an instance use; as many as workers is full.",
        (
            (rate("thanoxy_event_loop_busy_seconds_total", "instance"), "{{instance}}"),
            (most("thanoxy_workers"), "workers · {{instance}}"),
        ),
    ),
    Panel(
        "Requests in flight",
        "short",
        "Being answered.",
        ((most("thanoxy_http_requests_in_flight"), "{{instance}}"),),
    ),
    Panel(
        "Processor",
        "none",
        "Cores, threads included; with one worker only.",
        ((rate("process_cpu_seconds_total", "instance"), "{{instance}}"),),
    ),
    Panel(
        "Memory",
        "bytes",
        "Of all workers together, that no file stands behind; resident: with one worker only.",
        (
            (most("thanoxy_own_memory_bytes"), "{{instance}}"),
            (most("process_resident_memory_bytes"), "resident · {{instance}}"),
        ),
    ),
    Panel(
        "File descriptors",
        "short",
        "Open, and the most; with one worker only.",
        ((most("process_open_fds"), "{{instance}}"), (most("process_max_fds"), "most · {{instance}}")),
    ),
    Panel(
        "Files that could not be read again",
        "none",
        "What was read before stays in force.",
        (
            (
                "max by (instance, file) (thanoxy_config_last_reload_successful{@} == 0) + 1",
                "{{file}} · {{instance}}",
            ),
        ),
        12,
        "states",
    ),
    Panel(
        "Traces",
        "cps",
        "Spans that the collector took, and those that were lost.",
        (
            (rate("thanoxy_traces_sent_total", "job"), "sent · {{job}}"),
            (rate("thanoxy_traces_dropped_total", "reason"), "lost: {{reason}}"),
        ),
        12,
    ),
)
