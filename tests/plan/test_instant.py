"""Which instant queries are kept, and why the others are not."""

from __future__ import annotations

import pytest

from proxy.plan.instant import why_not_kept

NOW_MS = 1_000_000


@pytest.mark.parametrize(
    ("query", "more", "time_ms", "words"),
    [
        ("up", (), NOW_MS - 1, ""),
        ("up", (("dedup", "false"),), NOW_MS - 1, ""),
        ("up offset 1h", (), NOW_MS - 1, ""),
        ("up", (), None, "about now"),
        ("up", (), NOW_MS, "too young"),
        ("up offset -1h", (), NOW_MS - 1, "too young"),
        ("up @ 2000", (), NOW_MS - 1, "too young"),
        ("up", (("stats", "all"),), NOW_MS - 1, "stats"),
        ("up", (("analyze", "true"),), NOW_MS - 1, "analyze"),
        ("up{", (), NOW_MS - 1, "not understood"),
    ],
)
def test_only_settled_times_are_kept(
    query: str, more: tuple[tuple[str, str], ...], time_ms: int | None, words: str
) -> None:
    why_not = why_not_kept((("query", query), *more), time_ms, NOW_MS)
    assert bool(why_not) is bool(words)
    assert words in why_not
