"""Generated answers are what Thanos would write, whichever window is cut out."""

from __future__ import annotations

import orjson
import pytest

from benchmarks.bodies import START_S, Bodies
from benchmarks.generated_upstream import Answers, generated, generated_path
from proxy.codec.matrix_json import scan_canonical


def points(body: bytes) -> list[list[list[object]]]:
    return [series["values"] for series in orjson.loads(body)["data"]["result"]]


def test_a_body_has_every_series_at_every_step() -> None:
    found = points(Bodies(3, 4, 300).body(0, 4))
    times = [START_S + 300 * step for step in range(4)]
    assert [[point[0] for point in series] for series in found] == [times] * 3
    assert len({point[1] for series in found for point in series}) == 12
    assert all(10 <= float(str(point[1])) < 100 for series in found for point in series)


def test_windows_are_parts_of_the_whole() -> None:
    bodies = Bodies(2, 10, 60)
    whole = points(bodies.body(0, 10))
    assert points(bodies.body(3, 4)) == [series[3:7] for series in whole]
    assert points(bodies.body(8, 5)) == [series[8:] for series in whole]
    assert points(bodies.body(10, 5)) == []


def test_the_body_is_in_the_shape_that_is_scanned_fast() -> None:
    matrix = scan_canonical(Bodies(5, 7, 60).body(0, 7))
    assert matrix is not None
    assert len(matrix.metrics) == 5


def test_the_first_timestamp_begins_a_day_and_an_extent() -> None:
    for period_s in (86_400, 256 * 60, 256 * 300):
        assert START_S % period_s == 0


def asked(series: int, turn: object, start: int, steps: int) -> dict[str, str]:
    start_s = START_S + start * 60
    end_s = start_s + (steps - 1) * 60
    return {
        "query": generated(series, turn),
        "start": f"{start_s}.0",
        "end": f"{end_s}.0",
        "step": "60",
    }


def test_every_turn_of_a_query_gets_the_same_answer() -> None:
    answers = Answers()
    assert answers.body(asked(2, "a", 0, 6)) == answers.body(asked(2, "b", 0, 6))


def test_a_part_of_a_window_is_answered_from_the_same_digits() -> None:
    answers = Answers()
    whole = points(answers.body(asked(2, "a", 0, 6)))
    assert points(answers.body(asked(2, "a", 2, 3))) == [series[2:5] for series in whole]


def test_what_is_no_such_query_is_refused() -> None:
    with pytest.raises(ValueError, match="up"):
        Answers().body({"query": "up", "start": "0", "end": "1", "step": "1"})


def test_a_path_asks_for_the_window_from_a_step_on() -> None:
    path = generated_path(2, 0, 3, 60, first=5)
    assert f"start={START_S + 300}.0&end={START_S + 420}.0&step=60" in path
