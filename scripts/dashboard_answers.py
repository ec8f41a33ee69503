"""The first half of the dashboard: what clients see, the path of a query, what is kept."""

from __future__ import annotations

from scripts.dashboard_panels import (
    ALL,
    ASKED,
    ERRORS,
    HITS,
    PEOPLE,
    REQUESTS,
    STAGES,
    STEPS,
    TOOK,
    Panel,
    most,
    quantile,
    rate,
)

GLANCE = (
    Panel(
        "Findings",
        "none",
        "What the first line of each status page names; a click leads there. Nothing is good.",
        (("max by (instance, fault) (thanoxy_findings{@}) == 1", "{{fault}} · {{instance}}"),),
        8,
        "findings",
    ),
    Panel(
        "Instances up", "none", "Instances that answer Prometheus.", (("sum(up{@})", ""),), 3, "stat"
    ),
    Panel(
        "Requests",
        "reqps",
        "Requests of people a second, without probes and scrapes.",
        ((ALL, ""),),
        3,
        "stat",
    ),
    Panel(
        "Errors",
        "percentunit",
        "The share of answers with a status of 5xx.",
        ((ERRORS, ""),),
        3,
        "stat",
        (0.01, 0.05),
    ),
    Panel(
        "p99",
        "s",
        "One query of a hundred takes longer.",
        ((quantile("0.99", TOOK, more=ASKED), ""),),
        3,
        "stat",
        (2, 5),
    ),
    Panel(
        "Hit share",
        "percentunit",
        "The share of steps that came from the cache.",
        ((HITS, ""),),
        4,
        "stat",
    ),
    Panel(
        "Findings over time",
        "none",
        "Each fault while an instance told of it.",
        (("max by (fault) (thanoxy_findings{@}) > 0", "{{fault}}"),),
        24,
        "states",
    ),
    Panel(
        "Requests by endpoint",
        "reqps",
        "Requests a second.",
        ((rate(REQUESTS, "handler"), "{{handler}}"),),
        8,
        is_stacked=True,
    ),
    Panel(
        "Answers by status",
        "reqps",
        "499: the client left before its answer.",
        ((rate(REQUESTS, "code", PEOPLE), "{{code}}"),),
    ),
    Panel(
        "Durations of queries",
        "s",
        "From a request's headers to the last byte of its answer. Points are traces.",
        tuple(
            (quantile(share, TOOK, more=ASKED), name)
            for share, name in (("0.5", "median"), ("0.9", "p90"), ("0.99", "p99"))
        ),
    ),
)

PATH = (
    Panel(
        "Where the time goes",
        "s",
        "Seconds spent in each stage, each second: analyse, plan, lookup, wait for a turn, "
        "fetch, scan, assemble, send.",
        ((rate(f"{STAGES}_sum", "stage"), "{{stage}}"),),
        12,
        is_stacked=True,
    ),
    Panel(
        "p99 by stage",
        "s",
        "One request (of fetch and wait: one question) of a hundred takes longer.",
        ((quantile("0.99", STAGES, "stage"), "{{stage}}"),),
        12,
    ),
    Panel(
        "Durations of range queries",
        "s",
        "How many took how long.",
        ((rate(f"{TOOK}_bucket", "le", ', handler="query_range"'), "{{le}}"),),
        12,
        "heatmap",
    ),
    Panel(
        "Answers by the cache",
        "reqps",
        "What the cache held of each answer.",
        ((rate("thanoxy_cache_answers_total", "result"), "{{result}}"),),
        12,
        is_stacked=True,
    ),
    Panel(
        "Asked upstream",
        "reqps",
        "Splits of range queries, and range queries that went as they came.",
        (
            (rate("thanoxy_split_queries_total", "job"), "splits · {{job}}"),
            (rate("thanoxy_whole_queries_total", "job"), "whole · {{job}}"),
        ),
    ),
    Panel(
        "Shared fetches",
        "reqps",
        "Fetches of gaps: led, joined, or waited for in another worker.",
        (
            (rate("thanoxy_flights_total", "role"), "{{role}}"),
            (rate("thanoxy_sibling_flights_total", "result"), "another worker's, {{result}}"),
        ),
    ),
    Panel(
        "Refused by a limit",
        "reqps",
        "By the name of the limit.",
        ((rate("thanoxy_refused_queries_total", "reason"), "{{reason}}"),),
    ),
)

KEPT = (
    Panel(
        "Steps", "cps", "Requested is hit and fetched together.", ((rate(STEPS, "event"), "{{event}}"),)
    ),
    Panel(
        "Fetched and not kept",
        "cps",
        "By reason.",
        ((rate("thanoxy_cache_not_kept_total", "reason"), "{{reason}}"),),
    ),
    Panel(
        "Kept and not served",
        "cps",
        "By reason.",
        ((rate("thanoxy_cache_not_served_total", "reason"), "{{reason}}"),),
    ),
    Panel(
        "Memory of the cache",
        "bytes",
        "What kept extents take, and what they may take.",
        (
            (most("thanoxy_cache_bytes"), "{{instance}}"),
            (most("thanoxy_cache_max_bytes"), "most · {{instance}}"),
        ),
    ),
    Panel(
        "Made room, and wanted again",
        "cps",
        "Extents; those that are wanted again would be hits of a larger cache.",
        (
            (rate("thanoxy_cache_evicted_extents_total", "job"), "evicted · {{job}}"),
            (rate("thanoxy_cache_missed_evicted_extents_total", "job"), "wanted again · {{job}}"),
            (rate("thanoxy_cache_refused_extents_total", "reason"), "{{reason}}"),
        ),
    ),
    Panel("Extents", "short", "Extents kept.", ((most("thanoxy_cache_extents"), "{{instance}}"),)),
    Panel(
        "Answers past their life",
        "reqps",
        "From kept data, because the upstream failed.",
        ((rate("thanoxy_cache_stale_answers_total", "job"), "{{job}}"),),
        24,
    ),
    Panel(
        "Tiers: asked",
        "reqps",
        "Values asked of each tier.",
        ((rate("thanoxy_tier_gets_total", "tier, result"), "{{tier}} {{result}}"),),
    ),
    Panel(
        "Tiers: written",
        "wps",
        "Values for each tier; dropped: its queue is full.",
        ((rate("thanoxy_tier_writes_total", "tier, result"), "{{tier}} {{result}}"),),
    ),
    Panel(
        "Tiers: bytes",
        "Bps",
        "Read and written.",
        ((rate("thanoxy_tier_bytes_total", "tier, what"), "{{tier}} {{what}}"),),
    ),
    Panel(
        "Tiers left alone",
        "none",
        "While a tier is given no reads or no writes, because they failed.",
        ((f"{most('thanoxy_tier_left_alone', 'tier, what')} > 0", "{{tier}} {{what}}"),),
        8,
        "states",
    ),
    Panel(
        "Tiers: bytes that wait",
        "bytes",
        "To be written.",
        ((most("thanoxy_tier_queue_bytes", "instance, tier"), "{{tier}} · {{instance}}"),),
    ),
    Panel(
        "Tiers: extents",
        "cps",
        "Loaded from a tier, offered to it, and values that are no extents of this version.",
        (
            (rate("thanoxy_tier_extents_total", "what"), "{{what}}"),
            (rate("thanoxy_tier_damaged_total", "job"), "damaged · {{job}}"),
        ),
    ),
)
