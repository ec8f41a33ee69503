"""A split is drawn where it was, and told in words beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.status.figures import day_and_time
from proxy.status.snapshot import SplitRun
from proxy.status.waterfall import told, waterfall
from tests.status.days import DAY_MS, NOW_MS, SPLITS
from tests.status.reading import Document, read

NOTHING = st.none() | st.floats()


def split(
    state: str, sent: float | None = None, arrived: float | None = None, done: float | None = None
) -> SplitRun:
    return SplitRun(NOW_MS, NOW_MS + DAY_MS, state, 0.0, sent, arrived, done)


def bars(document: Document) -> list[tuple[str, str, str]]:
    return [(bar["class"], bar["x"], bar["width"]) for bar in document.all("rect")]


def test_waiting_fetching_and_scanning_follow_one_another() -> None:
    document = read(waterfall([split("scanning", 25.0, 75.0)], 100.0))
    assert bars(document) == [
        ("waiting", "0.00%", "25.00%"),
        ("fetching", "25.00%", "50.00%"),
        ("scanning", "75.00%", "25.00%"),
    ]
    assert not document.faults


def test_what_has_not_been_sent_only_waits() -> None:
    assert bars(read(waterfall([split("waiting")], 100.0))) == [("waiting", "0.00%", "100.00%")]


def test_what_is_done_ends_where_it_ended() -> None:
    done = split("done", 0.0, 20.0, 40.0)
    assert bars(read(waterfall([done], 100.0)))[-1] == ("scanning", "20.00%", "20.00%")


def test_a_failure_is_seen_where_it_happened() -> None:
    assert bars(read(waterfall([split("failed", 10.0)], 100.0)))[-1][0] == "failed"


def test_the_picture_is_told_in_words() -> None:
    document = read(waterfall(SPLITS, 6_200.0))
    label = "8 splits: 1 waiting, 3 fetching, 1 scanning, 2 done, 1 failed"
    assert document.all("svg")[0]["aria-label"] == told(SPLITS) == label
    assert "fetching 5.2 s" in document.text
    assert "attempt 2" in document.text


def test_of_many_splits_those_under_way_are_shown_and_the_rest_is_counted() -> None:
    many = [split("done", 0.0, 1.0, 2.0)] * 40 + [split("fetching", 1.0)] * 2
    document = read(waterfall(many, 10.0))
    words = [text for text in document.texts if text in {"done", "fetching"}]
    assert words == ["done"] * 10 + ["fetching"] * 2
    assert "and 30 more splits" in document.text


def test_a_question_without_times_is_a_whole() -> None:
    assert "whole" in read(waterfall([SplitRun(0, 0, "fetching", 0.0, 1.0)], 2.0)).text


def test_a_state_that_is_not_known_is_no_fault() -> None:
    assert not read(waterfall([split("<odd>")], 2.0)).faults


@given(st.floats(), st.floats(), NOTHING, NOTHING, NOTHING, st.sampled_from(["fetching", "done"]))
def test_no_bar_leaves_the_picture(
    age: float, begun: float, sent: float | None, arrived: float | None, done: float | None, state: str
) -> None:
    one = SplitRun(0, 1, state, begun, sent, arrived, done)
    for _, x, width in bars(read(waterfall([one], age))):
        assert 0 <= float(x.rstrip("%")) <= 100
        assert 0 < float(width.rstrip("%")) <= 100.5


@pytest.mark.parametrize(
    ("length_ms", "where_narrow"), [(DAY_MS, "day"), (DAY_MS - 300_000, "day"), (DAY_MS // 24, "time")]
)
def test_where_there_is_little_room_days_are_told_by_their_day(
    length_ms: int, where_narrow: str
) -> None:
    """A split of a day ends with its last step, a little before the next day."""
    begin_ms = 1_790_000_000_000
    shown = str(waterfall([SplitRun(begin_ms, begin_ms + length_ms, "waiting", 0.0)], 100.0))
    day, _, time = day_and_time(begin_ms).rpartition(" ")
    hidden = f'<span class="wide-only">{time}</span>' if where_narrow == "day" else f">{day} </span>"
    assert hidden in shown
    assert (f"<span>{day} </span>" in shown) is (where_narrow == "day")
