"""Questions and the requests that they become."""

from __future__ import annotations

from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from proxy.load.workload import Question, Window, with_step

NOW = 1_700_000_007_123
HOUR = 3_600_000


def form(question: Question, now_ms: int = NOW) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(question.form(now_ms)).items()}


def test_a_window_follows_the_clock_on_multiples_of_its_step() -> None:
    question = Question("q", "up", Window(HOUR, 15_000))
    assert question.path == "/api/v1/query_range"
    assert form(question) == {
        "query": "up",
        "start": "1699996395",
        "end": "1699999995",
        "step": "15",
    }
    assert form(question, NOW + 14_000)["end"] == "1700000010"


def test_an_instant_query_is_asked_at_its_very_time() -> None:
    question = Question("q", "up", Window(HOUR, 0, lag_ms=1_000))
    assert question.path == "/api/v1/query"
    assert form(question) == {"query": "up", "time": "1700000006.123"}


def test_a_fixed_window_stays_where_it_is() -> None:
    window = Window(HOUR, 15_000, fixed_end_ms=10 * HOUR + 7)
    assert window.at(NOW) == window.at(NOW + HOUR) == (9 * HOUR + 7, 10 * HOUR + 7)


@given(
    st.integers(0, 10**13),
    st.integers(1, 10**7),
    st.integers(0, 10**8),
    st.integers(0, 10**7),
    st.integers(0, 100),
)
def test_a_moved_window_keeps_its_range_and_its_phases(
    now_ms: int, step_ms: int, lag_ms: int, start_ms: int, steps: int
) -> None:
    range_ms = steps * step_ms + start_ms % 7
    end_ms = start_ms + range_ms
    window = Window(range_ms, step_ms, lag_ms, start_ms % step_ms, end_ms % step_ms)
    start, end = window.at(now_ms)
    assert (start - start_ms) % step_ms == 0
    assert end - start == range_ms
    assert 0 <= now_ms - lag_ms - end < step_ms


def test_the_times_of_the_window_are_known_when_it_is_asked() -> None:
    expr = "up @ ${__to:date:seconds} > ${__from}"
    question = Question("q", expr, Window(HOUR, 15_000), knows_times=True)
    assert form(question)["query"] == f"up @ 1700000007 > {NOW - HOUR}"


def test_other_parameters_travel_along() -> None:
    question = Question("q", 'up{a="b c&d"}', Window(HOUR, 500), more=(("dedup", "true"),))
    assert form(question)["dedup"] == "true"
    assert form(question)["query"] == 'up{a="b c&d"}'
    assert form(question)["step"] == "500ms"


def test_a_step_of_the_command_line_is_for_range_queries_only() -> None:
    both = [Question("r", "up", Window(HOUR, 15_000)), Question("i", "up", Window(HOUR, 0))]
    assert [q.window.step_ms for q in with_step(both, 60_000)] == [60_000, 0]
