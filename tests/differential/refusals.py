"""Requests that Thanos refuses, and those just beside them: the answer is Thanos's, to the byte.

Every request is the usual one with some of its parameters replaced (None takes one away).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.differential.asking import Request
from tests.differential.queries import seconds_text
from tests.differential.windows import DAY_MS, HOUR_MS, MOST_POINTS, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/api/v1/query_range"

PARSE_ERRORS: tuple[str, ...] = (
    *("", " ", "# nothing", "sum(", "up{", "up)", "rate(up)", "up[5m]", "up[5m:]", "foo bar"),
    *("sum by (", "1 +", "@", '"a text"', "up @ start", "up @ middle()", "start()", "up up"),
    *("sum_over_time(up[range()])", "vector(step())", "vector(end())", "up offset (5m+1m)"),
    *("sum_over_time(up[step():1m])", "sum_over_time(up[5m:step()-1m])", "rate(up[2*step()])"),
    *("limitk(2, up)", "info(up)", "first_over_time(up[5m])", "holt_winters(up[5m],.1,.1)"),
    *("up anchored", "rate(up[5m] smoothed)", "up and 1", "1 and 2", '-"a"', "{}", "1 == 2"),
    *('{job=~".*"}', 'up{job=~"("}', 'up{job="a"', "up{job=a}", "up{job='a}", "up{`job}"),
    *('label_replace(up, "a", "$1", "job", "(")', 'label_replace(up, "", "x", "job", "")'),
    *('label_join(up, "\\xff", "-", "job")', 'count_values("\\xff", up)', "sort_by_label(up)"),
    *("up @ 1e400", "1e400", "rate(up[0s])", "up[5m:0s]", "rate(up[-5m])", "rate(up[1e10y])"),
    *("up offset 300y300y", "up offset 293y", "rate(up[293y])", "rate(up[1d1w])", "5m5m", "1.2.3"),
    *("rate(up[$__rate_interval])", 'up{job="$job"} + ${x}', "[[x]]", "{{x}}", "\u00a0up", "up\x00"),
    *("🔥", "温度", "up # \x00", "`up", "'up", "up @ start() @ end()", "up offset 5m offset 5m"),
    *("up @ 1 @ 2", "bool", "up + bool up", "up > bool(1)", 'up == "a"', 'topk("a", up)'),
    *("sort(1)", "scalar(1)", "absent(1)", "time(1)", "round(up,1,2)", "unknown(up)", "sum()"),
    *("sum(up) by (job) without (job)", "on(job)", "up * on(job) group_left(job) up"),
    *("up ^ on(job) group_right up", "offset", "up offset", "a:b:c", 'up{a:b="c"}', "sum:up"),
    *("(" * 50 + "up" + ")" * 50, "-" * 300 + "up", "+".join(["up"] * 130), "up{} " * 40),
    *("(" * 3_000 + "up" + ")" * 3_000, "sum(" * 400 + "up" + ")" * 400),
    "up or " * 99 + "vector(0)",
    'up{job="' + "x" * 200_000 + '"}',
)
"""Texts that are no query, are none for a range, or are one after all."""

VALUES: dict[str, tuple[str | None, ...]] = {
    "query": (None,),
    "start": (
        *(None, "", "abc", "NaN", "Inf", "-Inf", "1e400", "now", "1e15", "-1e15", "1e10", "0x10"),
        *("1_795_000_000", "+{start}", " {start}", "{start} ", "{start}9999", "{start}4999"),
        *("2026-13-01T00:00:00Z", "2026-11-20 00:00:00Z", "2026-11-20t00:00:00z", "2026-11-20"),
        *("2026-11-20T00:00:00", "2026-11-20T00:00Z", "2026-11-20T24:00:00Z", "0x1p30", "1e9"),
        *("2026-11-20T00:00:00+25:00", "2026-11-20T00:00:00,5Z", "2026-11-20T23:59:60Z"),
        *("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-2026-11-20T00:00:00Z", "{end}"),
        *("2026-11-20T00:00:00.1234567891Z", "2026-11-20T00:00:00.Z", "٣", "1.79e9.", "1795e6e"),
    ),
    "end": (None, "", "abc", "NaN", "Inf", "{before}", "{start}", "1e15", "9999-12-31T23:59:59Z"),
    "step": (
        *(None, "", "0", "0s", "0ms", "-1", "-1m", "NaN", "Inf", "-Inf", "1e100", "abc", "5", "+60"),
        *("1m30", "1h1h", " 60", "60 ", "1_0", "0x3C", "0x1p6", "1e", ".5.", "٣", "60S", "1M", "1μs"),
        *("9223372036", "9223372037", "9223372036.854776", "1e-9", "1e-10", "292y", "293y", "1y1y"),
        *("1d1h1m1s1ms", "1m1h", "1.5h", "61.0001", "1e2", "86400", "600000", "1w", "1e9", "6e1s"),
    ),
    "dedup": ("", "maybe", "yes", "2", "tRUE", "TRUE ", "t"),
    "partial_response": ("", "no", "2", "f"),
    "max_source_resolution": ("", "abc", "-5m", "-1", "auto", "AUTO", "1e3", "NaN", "5m "),
    "engine": ("", "abc", "Thanos", "prometheus", "thanos"),
    "lookback_delta": ("", "abc", "-5m", "-1", "0", "0s", "NaN", "1e3"),
    "timeout": ("", "abc", "-1", "0", "1e9", "NaN", "2m"),
    "storeMatch[]": ("", "{", "abc", '{job="x"}', '{__address__="nowhere"}'),
    "shard_info": ("", "{", "[]", '{"shard_index":0,"total_shards":2,"by":true,"labels":["job"]}'),
    "replicaLabels[]": ("", "\x00", "no_such_label", '"'),
    "limit": ("", "abc", "-1", "1"),
    "stats": ("", "all"),
    "analyze": ("", "abc", "true"),
    "no_such_parameter": ("", "x", "\x00\x01"),
}
"""Parameter to what it is replaced by; None takes it away."""

STEP_S = 600


def odd_parameters(data: Window) -> dict[str, Request]:
    """One request for each odd value of each parameter, and for each odd query; with a name."""
    requests = {}
    for name, values in VALUES.items():
        for value in values:
            requests[f"{name}={value!r}"] = get(usual(data, {name: value}))
    for expr in PARSE_ERRORS:
        requests[f"query={expr[:80]!r}"] = post(usual(data, {"query": expr}))
    return requests


def usual(data: Window, changes: Mapping[str, str | None]) -> dict[str, str]:
    """The usual parameters, over two midnights, with changes."""
    start_ms, end_ms = data.start_ms + HOUR_MS + 500, data.start_ms + 2 * DAY_MS
    texts = {
        "start": seconds_text(start_ms),
        "end": seconds_text(end_ms),
        "before": seconds_text(start_ms - 1),
    }
    fields: dict[str, str | None] = {
        "query": "up",
        "start": texts["start"],
        "end": texts["end"],
        "step": str(STEP_S),
        **changes,
    }
    for name, text in texts.items():
        fields = {n: v and v.replace(f"{{{name}}}", text) for n, v in fields.items()}
    return {name: value for name, value in fields.items() if value is not None}


def get(fields: Mapping[str, str]) -> Request:
    return Request("GET", PATH, urlencode(fields))


def post(fields: Mapping[str, str]) -> Request:
    return Request("POST", PATH, body=urlencode(fields))


STEPS_MS = {
    "1": 1_000,
    "0.5": 500,
    "7": 7_000,
    "1500ms": 1_500,
    "35s": 35_000,
    "60": 60_000,
    "15.001": 15_001,
    "1h": HOUR_MS,
    "1d": DAY_MS,
}
"""Ways of writing a step, and what they mean."""


def points_around_the_limit(data: Window) -> dict[str, Request]:
    """From 10,999 steps to 11,001, and a little more, in several ways of writing them."""
    requests = {}
    for step, step_ms in STEPS_MS.items():
        lengths_ms = {
            f"{MOST_POINTS - 1} steps": (MOST_POINTS - 1) * step_ms,
            f"{MOST_POINTS} steps": MOST_POINTS * step_ms,
            f"{MOST_POINTS} steps and 1 ms": MOST_POINTS * step_ms + 1,
            f"{MOST_POINTS + 1} steps less 1 ms": (MOST_POINTS + 1) * step_ms - 1,
            f"{MOST_POINTS + 1} steps": (MOST_POINTS + 1) * step_ms,
        }
        for name, length_ms in lengths_ms.items():
            fields = {
                "query": "vector(1)",
                "start": seconds_text(data.start_ms),
                "end": seconds_text(data.start_ms + length_ms),
                "step": step,
            }
            requests[f"{name} of {step}"] = post(fields)
    return requests


def odd_requests(data: Window) -> dict[str, Request]:
    """Forms, methods, types and escapes that clients seldom send."""
    fields = usual(data, {})
    text = urlencode(fields)
    return {
        "a bad escape": Request("GET", PATH, text + "&a=%zz"),
        "half an escape": Request("GET", PATH, text + "&a=%2"),
        "a bad escape in the query": Request("GET", PATH, text.replace("query=up", "query=up%")),
        "bytes that are not UTF-8": Request("GET", PATH, text.replace("query=up", "query=%ff")),
        "a form that is not UTF-8": Request("POST", PATH, body=text.replace("=up", "=%ff%fe")),
        "a semicolon": Request("GET", PATH, text.replace("&", ";")),
        "one semicolon": Request("GET", PATH, text + "&a=b;c"),
        "a semicolon in the form": Request("POST", PATH, body=text + ";a=b"),
        "a bad escape in the form": Request("POST", PATH, body=text + "&a=%zz"),
        "a bad escape in the URL of a form": Request("POST", PATH, "a=%zz", text),
        "empty fields": Request("GET", PATH, "&&" + text.replace("&", "&&&") + "&=&a&=b"),
        "nothing": Request("GET", PATH),
        "an empty form": Request("POST", PATH),
        "a form without parameters, these in the URL": Request("POST", PATH, text),
        "the form wins": Request("POST", PATH, text.replace("=up", "=constant"), text),
        "the first one wins": Request("GET", PATH, text + "&query=constant&step=1h"),
        "step in the form, the rest in the URL": Request("POST", PATH, text, "step=30m"),
        "plus signs": Request("GET", PATH, text.replace("=up", "=up+%2B+up")),
        "a charset": Request(
            "POST", PATH, body=text, headers=(("Content-Type", f"{FORM}; charset=utf-8"),)
        ),
        "capitals in the type": Request(
            "POST", PATH, body=text, headers=(("Content-Type", FORM.upper()),)
        ),
        "a type that is no type": Request("POST", PATH, body=text, headers=(("Content-Type", ";"),)),
        "plain text": Request("POST", PATH, text, text, (("Content-Type", "text/plain"),)),
        "plain text alone": Request("POST", PATH, "", text, (("Content-Type", "text/plain"),)),
        "json": Request("POST", PATH, text, "{}", (("Content-Type", "application/json"),)),
        "multipart": Request(
            "POST", PATH, text, "x", (("Content-Type", "multipart/form-data; boundary=b"),)
        ),
        "PUT": Request("PUT", PATH, text),
        "DELETE": Request("DELETE", PATH, text),
        "OPTIONS": Request("OPTIONS", PATH, text),
        "HEAD": Request("HEAD", PATH, text),
        "a slash behind": Request("GET", PATH + "/", text),
        "a dot in the path": Request("GET", "/api/v1/./query_range", text),
        "an escape in the path": Request("GET", "/api/v1/query%5Frange", text),
        "capitals in the path": Request("GET", "/api/v1/Query_Range", text),
    }


FORM = "application/x-www-form-urlencoded"


def other_endpoints(data: Window) -> dict[str, Request]:
    """What is passed on to Thanos."""
    end = seconds_text(data.end_ms)
    times = {"start": seconds_text(data.start_ms), "end": end}
    explained = usual(data, {"query": "sum(rate(up[5m]))", "engine": "thanos"})
    return {
        "instant": Request("GET", "/api/v1/query", urlencode({"query": "up", "time": end})),
        "instant, posted": Request(
            "POST", "/api/v1/query", body=urlencode({"query": "up[1h]", "time": end})
        ),
        "instant, refused": Request("GET", "/api/v1/query", "query=sum("),
        "text": Request("GET", "/api/v1/query", urlencode({"query": '"a<b"', "time": end})),
        "labels": Request("GET", "/api/v1/labels", urlencode(times)),
        "labels, posted": Request("POST", "/api/v1/labels", body=urlencode(times)),
        "values": Request("GET", "/api/v1/label/job/values", urlencode(times)),
        "values of a UTF-8 label": Request("GET", "/api/v1/label/U__service_2e_name/values"),
        "values of a quoted label": Request("GET", "/api/v1/label/%E6%97%A5%E6%9C%AC/values"),
        "metric names": Request("GET", "/api/v1/label/__name__/values"),
        "series": Request("GET", "/api/v1/series", urlencode({"match[]": "up", **times})),
        "series, refused": Request("GET", "/api/v1/series"),
        "explained": Request("GET", "/api/v1/query_range_explain", urlencode(explained)),
        "metadata": Request("GET", "/api/v1/metadata"),
        "rules": Request("GET", "/api/v1/rules"),
        "flags": Request("GET", "/api/v1/status/flags"),
        "build": Request("GET", "/api/v1/status/buildinfo"),
        "no such endpoint": Request("GET", "/api/v1/no_such_endpoint"),
        "no such endpoint, posted": Request("POST", "/api/v1/query_ranges", body="a=b"),
        "exemplars": Request("GET", "/api/v1/query_exemplars", urlencode({"query": "up", **times})),
    }
