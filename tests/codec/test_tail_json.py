"""What follows the series: statistics, analysis, warnings."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.tail_json import encode_tail, merge_stats, parse_tail
from proxy.errors import BadUpstreamAnswerError
from proxy.model.matrix import Tail

STATS = (
    b'{"timings":{"evalTotalTime":0.5,"execTotalTime":1},'
    b'"samples":{"totalQueryableSamples":7,"peakSamples":5}}'
)


def stats(seconds: float, total: int, peak: int) -> bytes:
    return orjson.dumps(
        {
            "timings": {"evalTotalTime": seconds},
            "samples": {"totalQueryableSamples": total, "peakSamples": peak},
        }
    )


@pytest.mark.parametrize(
    "text",
    [
        b"]}}",
        b'],"analysis":{}}}',
        b'],"stats":' + STATS + b',"analysis":{}}}',
        b'],"analysis":{}},"warnings":["PromQL info: \\u003ca\\u003e \\"b\\""]}',
        b'],"analysis":{}},"warnings":["w","v"],"infos":["i"]}',
    ],
)
def test_a_tail_is_written_as_it_was_read(text: bytes) -> None:
    assert encode_tail(parse_tail(text)) == text


@given(st.dictionaries(st.sampled_from(["warnings", "infos"]), st.lists(st.text(), min_size=1)))
def test_notes_survive_writing_and_reading(notes: dict[str, list[str]]) -> None:
    ordered: dict[str, tuple[str, ...]] = {
        name: tuple(notes[name]) for name in ("warnings", "infos") if name in notes
    }
    tail = Tail({"analysis": b"{}"}, ordered)
    assert parse_tail(encode_tail(tail)) == tail


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"]",
        b"]}",
        b'],"analysis":{}}',
        b"]}}x",
        b"]}}]}}",
        b'],"analysis":{}},"warnings":"w"}',
        b'],"analysis":{}},"warnings":[1]}',
        b'],"analysis":{}},"warnings":{"a":1}}',
        b']},"error":"half an answer"}',
        b'{"status":"error"}',
        b"\xff",
    ],
)
def test_a_tail_that_ends_early_or_goes_on_is_refused(text: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError):
        parse_tail(text)


def test_empty_lists_of_notes_are_left_out_as_thanos_leaves_them_out() -> None:
    assert encode_tail(parse_tail(b']},"warnings":[],"infos":null}')) == b"]}}"


def test_statistics_are_added_up_and_peaks_are_the_largest() -> None:
    assert orjson.loads(merge_stats([stats(0.5, 7, 5), stats(0.25, 3, 9)])) == {
        "timings": {"evalTotalTime": 0.75},
        "samples": {"totalQueryableSamples": 10, "peakSamples": 9},
    }


def test_statistics_of_one_split_stay_as_they_are() -> None:
    assert merge_stats([STATS]) == STATS


def test_statistics_of_one_split_only_are_not_lost() -> None:
    with_more = orjson.dumps({"samples": {"peakSamples": 1, "totalQueryableSamples": 2}})
    merged = orjson.loads(merge_stats([stats(1, 1, 1), with_more]))
    assert merged["samples"] == {"totalQueryableSamples": 3, "peakSamples": 1}
