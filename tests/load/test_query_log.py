"""Logs of queries, as their writers write them."""

from __future__ import annotations

import logging

import pytest

from proxy.load import LoadError
from proxy.load.query_log import QueryLog, read_query_log
from proxy.telemetry.log import LogfmtFormatter

RANGE = (
    b'{"httpRequest":{"clientIP":"127.0.0.1","method":"GET","path":"/prom/api/v1/query_range"},'
    b'"params":{"end":"2026-02-08T14:59:50.368Z","query":"up == 0",'
    b'"start":"2026-02-08T13:59:50.368Z","step":5},"ts":"2026-02-08T14:59:50.387Z"}\n'
)
INSTANT = (
    b'{"time":"2026-02-08T15:00:00.500123456Z","level":"INFO","msg":"promql query logged",'
    b'"params":{"end":"2026-02-08T15:00:00.000Z","query":"sum(up)",'
    b'"start":"2026-02-08T15:00:00.000Z","step":0}}\n'
)
RULE = b'{"params":{"query":"a"},"ruleGroup":{"file":"r.yml","name":"g"},"ts":"2026-02-08T15:00:00Z"}'
HOUR = 3_600_000


def read(*lines: bytes, keep_times: bool = False) -> QueryLog:
    return read_query_log(lines, keep_times=keep_times)


def slow_line(params: str, path: str = "/api/v1/query_range") -> bytes:
    """A line as thanoxy itself writes it."""
    record = logging.makeLogRecord({"msg": "slow query", "levelname": "INFO", "created": 1.8e9})
    record.path, record.params = path, params
    return LogfmtFormatter().format(record).encode()


def test_prometheus_s_log_is_read_with_its_times() -> None:
    log = read(RANGE, INSTANT)
    ranged, instant = log.questions
    assert (ranged.expr, ranged.window.range_ms, ranged.window.step_ms) == ("up == 0", HOUR, 5_000)
    assert (instant.expr, instant.window.step_ms, instant.window.lag_ms) == ("sum(up)", 0, 500)
    assert log.offsets_ms == (0.0, 10_113.0)


def test_a_window_is_moved_to_now_on_its_phase() -> None:
    window = read(RANGE).questions[0].window
    start, end = window.at(1_800_000_000_000)
    assert end - start == HOUR
    assert start % 5_000 == 368
    assert 0 <= 1_800_000_000_000 - 19 - end < 5_000


def test_a_window_may_stay_at_its_own_time() -> None:
    ranged, instant = read(RANGE, INSTANT, keep_times=True).questions
    end_ms = 1_770_562_790_368
    assert ranged.window.at(1_800_000_000_000) == (end_ms - HOUR, end_ms)
    assert instant.window.at(1_800_000_000_000)[1] == 1_770_562_800_000


def test_evaluations_of_rules_are_left_out_and_counted() -> None:
    log = read(RANGE, RULE, RULE)
    assert len(log.questions) == 1
    assert log.notes == ("lines left out, an evaluation of a rule: 2",)


def test_thanoxy_s_own_slow_lines_are_read_with_all_parameters() -> None:
    expr = "sum%28rate%28a%7Bx%3D%22%5C%22%22%7D%5B5m%5D%29%29"
    params = f"query={expr}&start=100&end=160.5&step=15s&dedup=true"
    (question,) = read(slow_line(params)).questions
    assert question.expr == r'sum(rate(a{x="\""}[5m]))'
    assert (question.window.range_ms, question.window.step_ms) == (60_500, 15_000)
    assert question.more == (("dedup", "true"),)


def test_a_quoted_field_is_unescaped() -> None:
    (question,) = read(slow_line('query=a+"b\\c"&time=5', "/api/v1/query")).questions
    assert question.expr == 'a "b\\c"'


def test_query_frontend_s_slow_lines_are_read() -> None:
    line = (
        b'ts=2026-02-08T15:00:00Z msg="slow query detected" path=/api/v1/query_range'
        b' param_query="sum by (x) (\\"y\\")" param_start=0 param_end=60 param_step=15'
    )
    (question,) = read(line).questions
    assert question.expr == 'sum by (x) ("y")'
    assert question.window.range_ms == 60_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (slow_line(""), "without a query"),
        (slow_line("query=a&pad=" + "x" * 2_000), "cut off"),
        (slow_line("query=a", "/api/v1/series"), "neither query nor query_range"),
        (slow_line("query=a&start=1&end=2&step=x"), "a step or a range that cannot be read"),
        (slow_line("query=a&start=9&end=2&step=1"), "a step or a range that cannot be read"),
        (slow_line("query=a&start=yesterday&end=2&step=1"), "a time that cannot be read"),
        (slow_line("&".join(["a=1"] * 2_000)), "cut off"),
        (b"{broken", "not JSON"),
        (b"\xff\xfe nonsense", "without a query"),
    ],
)
def test_a_line_that_cannot_be_asked_says_why(line: bytes, reason: str) -> None:
    log = read(RANGE, line)
    assert len(log.questions) == 1
    assert reason in log.notes[0]


def test_a_log_without_a_query_is_refused_with_the_reasons() -> None:
    with pytest.raises(LoadError, match="no query in the log; lines left out, not JSON: 1"):
        read(b"\n", b"{x")


def test_without_times_the_order_is_the_log_s() -> None:
    line = b'{"params":{"query":"b","start":"2026-02-08T15:00:00Z","end":"2026-02-08T15:00:00Z"}}'
    log = read(RANGE, line)
    assert [question.expr for question in log.questions] == ["up == 0", "b"]
    assert log.offsets_ms is None


def test_lines_are_sorted_by_their_times() -> None:
    assert [question.expr for question in read(INSTANT, RANGE).questions] == ["up == 0", "sum(up)"]
