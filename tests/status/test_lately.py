"""What many ask for at once is made once."""

from __future__ import annotations

import time
from itertools import count

import pytest

from proxy.status.lately import Lately


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_it_is_given_again_for_a_while_and_then_made_anew(now_s: list[float]) -> None:
    numbers = count(1)
    body = Lately(lambda: b"%d" % next(numbers), life_s=0.5)
    assert [body(), body()] == [b"1", b"1"]
    now_s[0] += 0.49
    assert body() == b"1"
    now_s[0] += 0.01
    assert [body(), body()] == [b"2", b"2"]


def test_what_cannot_be_made_is_tried_again(now_s: list[float]) -> None:
    bodies = iter([b"", b"made"])

    def make() -> bytes:
        body = next(bodies)
        if not body:
            raise ValueError("not now")
        return body

    body = Lately(make, life_s=0.5)
    with pytest.raises(ValueError, match="not now"):
        body()
    assert body() == b"made"
    assert now_s == [100.0]


def test_without_a_life_each_is_its_own() -> None:
    numbers = count(1)
    body = Lately(lambda: b"%d" % next(numbers), life_s=0.0)
    assert [body(), body()] == [b"1", b"2"]
