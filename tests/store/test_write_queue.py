"""What waits to be written, and for how long it is still good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.store.raw_tier import Entry
from proxy.store.write_queue import QueueBounds, WriteQueue
from proxy.telemetry.metrics import TIER_QUEUE_BYTES

BOUNDS = QueueBounds(of_bytes=1_000, of_values=3, part_bytes=10_000)


def queued_bytes() -> float:
    value: float = TIER_QUEUE_BYTES.labels("fake")._value.get()
    return value


def names(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


def test_what_has_waited_longest_is_taken_first() -> None:
    queue = WriteQueue("fake", BOUNDS)
    for name in ("a", "b", "c"):
        assert queue.put(Entry(name, bytes(300), 60), 0)
    assert names(queue.take(301, 0)) == ["a", "b"]
    assert len(queue) == 1
    assert queued_bytes() == 300
    assert names(queue.take(301, 0)) == ["c"]
    assert queue.take(301, 0) == []


def test_a_later_value_takes_the_place_and_waits_anew() -> None:
    queue = WriteQueue("fake", BOUNDS)
    queue.put(Entry("a", b"1", 60), 0)
    queue.put(Entry("b", b"2", 60), 0)
    queue.put(Entry("a", b"3", 60), 0)
    taken = queue.take(1_000, 0)
    assert [(one.name, one.value[-1:]) for one in taken] == [("b", b"2"), ("a", b"3")]


def test_what_waits_lives_shorter_and_ends_when_its_life_is_over() -> None:
    queue = WriteQueue("fake", BOUNDS)
    queue.put(Entry("long", b"1", 100), 0)
    queue.put(Entry("short", b"1", 10), 0)
    assert [(one.name, one.life_s) for one in queue.take(1_000, 30)] == [("long", 70)]


def test_a_dropped_value_makes_room() -> None:
    queue = WriteQueue("fake", BOUNDS)
    assert queue.put(Entry("a", bytes(900), 60), 0)
    assert not queue.put(Entry("b", bytes(200), 60), 0)
    queue.drop("a")
    queue.drop("a")
    assert queue.put(Entry("b", bytes(200), 60), 0)
    assert queued_bytes() == 200


@given(st.lists(st.tuples(st.sampled_from("pdt"), st.integers(0, 5), st.integers(0, 600)), max_size=40))
def test_the_bytes_are_those_that_wait_and_never_above_the_bound(
    actions: list[tuple[str, int, int]],
) -> None:
    queue = WriteQueue("fake", BOUNDS)
    held: dict[str, int] = {}
    for action, number, size in actions:
        name = f"name-{number}"
        if action == "p":
            held.pop(name, None)
            if queue.put(Entry(name, bytes(size), 60), 0):
                held[name] = size
        elif action == "d":
            queue.drop(name)
            held.pop(name, None)
        else:
            for entry in queue.take(size, 0):
                held.pop(entry.name)
        assert len(queue) == len(held) <= 3
        assert sum(held.values()) <= 1_000
    if actions:
        expected = sum(held.values())
        queue.drop("never there")
        assert queue.put(Entry("last", b"", 60), 0) or len(held) == 3
        assert queued_bytes() == expected
