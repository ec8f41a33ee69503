"""Flags of query-frontend that are understood and change nothing here."""

from __future__ import annotations

WITHOUT_EFFECT = {
    "query-range.request-downsampled": "Thanos Query is asked exactly what the client asks",
    "query-range.partial-response": "the client's parameter and Thanos Query's default decide",
    "labels.partial-response": "the client's parameter and Thanos Query's default decide",
    "labels.default-time-range": "Thanos Query's default is kept",
    "query-range.min-split-interval": "queries are cut at one interval",
    "query-range.max-split-interval": "queries are cut at one interval",
    "query-range.horizontal-shards": "queries are cut at one interval",
    "labels.response-cache-config": "see cache.metadata-life",
    "labels.response-cache-config-file": "see cache.metadata-life",
    "labels.response-cache-max-freshness": "see cache.metadata-life",
    "query-frontend.org-id-header": "name the header in cache.vary-headers",
    "query-frontend.force-query-stats": "clients ask for stats themselves",
    "query-frontend.slow-query-logs-user-header": "slow queries are logged without a user",
    "request.logging-config": "see query-frontend.log-queries-longer-than",
    "request.logging-config-file": "see query-frontend.log-queries-longer-than",
    "labels.split-interval": "label queries are not split",
    "labels.max-query-parallelism": "label queries are not split",
    "labels.max-retries-per-request": "query-range.max-retries-per-request serves all",
    "query.max-retries-per-request": "query-range.max-retries-per-request serves all",
    "query-frontend.forward-header": "all headers travel on",
    "query-frontend.vertical-shards": "queries are cut in time only",
    "query-frontend.enable-x-functions": "what is not known here is passed on",
    "enable-feature": "what is not known here is passed on",
    "cache-compression-type": "answers are kept deflated",
}
"""Flag to the reason why it has no effect."""
