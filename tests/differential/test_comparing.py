"""The comparison finds what it must find, and excuses only what its docstring names."""

from __future__ import annotations

import dataclasses

import pytest

from tests.differential.asking import Answer
from tests.differential.comparing import first_difference

STATS = (
    b'"stats":{"timings":{"evalTotalTime":0.5,"execTotalTime":1e-05},'
    b'"samples":{"totalQueryableSamples":7,"peakSamples":5}}'
)
BODY = (
    b'{"status":"success","data":{"resultType":"matrix","result":['
    b'{"metric":{"a":"],\\"analysis\\":{","b":"1"},"values":[[1,"2"],[2.500,"3"]]},'
    b'{"metric":{"a":"z"},"values":[[1,"NaN"]],"histograms":[[2,{"count":"1","sum":"0"}]]}'
    b"]," + STATS + b',"analysis":{"name":"x","executionTime":"1.2ms","samples":4,"children":[]}},'
    b'"warnings":["PromQL info: \\"b\\"","PromQL warning: a"]}'
)
ANSWER = Answer(200, "application/json", "no-store", BODY)
REFUSAL = Answer(422, "application/json", "no-store", b'{"status":"error","error":"about a"}')


def changed(old: bytes, new: bytes) -> Answer:
    assert BODY.count(old) == 1
    return dataclasses.replace(ANSWER, body=BODY.replace(old, new))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("status", dataclasses.replace(ANSWER, status=201)),
        ("content_type", dataclasses.replace(ANSWER, content_type="text/plain")),
        ("cache_control", dataclasses.replace(ANSWER, cache_control="")),
    ],
)
def test_a_different_status_or_header_is_found(name: str, other: Answer) -> None:
    difference = first_difference(ANSWER, other)
    assert difference is not None
    assert difference.path == name


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b'"3"', b'"3.0"', ".data.result[0].values[1][1]"),
        (b"[2.500,", b"[2.501,", ".data.result[0].values[1][0]"),
        (b"[2.500,", b"[2.5,", "byte 1"),
        (b',[2.500,"3"]', b"", "length of .data.result[0].values"),
        (b'"NaN"', b'"nan"', ".data.result[1].values[0][1]"),
        (b'"sum":"0"', b'"sum":"-0"', ".data.result[1].histograms[0][1].sum"),
        (b'"b":"1"', b'"b":"2"', ".data.result[0].metric.b"),
        (b',"b":"1"', b"", ".data.result[0].metric"),
        (b'"name":"x"', b'"name":"y"', ".data.analysis.name"),
        (b'"children":[]', b'"children":null', ".data.analysis.children"),
        (b'"peakSamples"', b'"peakSample"', ".data.stats.samples"),
        (b"PromQL warning: a", b"PromQL warning: b", ".warnings[1]"),
        (b',"PromQL warning: a"', b"", "length of .warnings"),
        (b'"warnings"', b'"infos"', ""),
        (b'"totalQueryableSamples":7', b'"totalQueryableSamples":8', "stats totalQueryable"),
        (b'"peakSamples":5', b'"peakSamples":-1', "stats"),
        (b'"evalTotalTime":0.5', b'"evalTotalTime":-0.5', "stats"),
        (b'{"status":', b'{ "status":', ""),
    ],
)
def test_a_planted_difference_is_found_where_it_is(old: bytes, new: bytes, path: str) -> None:
    difference = first_difference(ANSWER, changed(old, new))
    assert difference is not None
    assert difference.path.startswith(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"evalTotalTime":0.5', b'"evalTotalTime":12'),
        (b'"peakSamples":5', b'"peakSamples":4'),
        (b'"executionTime":"1.2ms"', b'"executionTime":"3h4m5.6s"'),
        (b'"samples":4', b'"samples":5'),
        (
            b'["PromQL info: \\"b\\"","PromQL warning: a"]',
            b'["PromQL warning: a","PromQL info: \\"b\\""]',
        ),
    ],
)
def test_figures_and_the_order_of_notes_are_no_difference(old: bytes, new: bytes) -> None:
    assert first_difference(ANSWER, changed(old, new)) is None


def test_the_text_of_a_refusal_is_told_from_other_differences() -> None:
    other = dataclasses.replace(REFUSAL, body=REFUSAL.body.replace(b"about a", b"about b"))
    difference = first_difference(REFUSAL, other)
    assert difference is not None
    assert (difference.path, difference.found) == ("error", "'about b'")


def test_a_body_that_is_no_json_is_compared_by_its_bytes() -> None:
    texts = [Answer(404, "text/plain", "", text) for text in (b"404 not found", b"404 not there")]
    difference = first_difference(*texts)
    assert difference is not None
    assert difference.path == "byte 8"
