"""Windows of time put one after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb.types_pb2 import Label, TimeSeries
from proxy.codec.chunk_batches import EMPTY
from proxy.codec.join_chunks import concatenate
from tests.codec.batches import Row, batch_of, rows_of

LABELS = st.lists(
    st.tuples(
        st.sampled_from(["a", "aa", "b", "ä"]), st.sampled_from(["", "1", "é", "2", "\U0001f600"])
    ),
    unique_by=lambda pair: pair[0],
).map(lambda pairs: tuple(sorted(pairs)))


def encoded(labels: tuple[tuple[str, str], ...]) -> bytes:
    pairs = [Label(name=name, value=value) for name, value in labels]
    return TimeSeries(labels=pairs).SerializeToString()


@given(st.lists(st.dictionaries(LABELS, st.integers(1, 3), max_size=5), max_size=4))
def test_a_series_is_its_chunks_of_all_windows_in_their_order(
    windows: list[dict[tuple[tuple[str, str], ...], int]],
) -> None:
    batches, wanted = [], dict[tuple[tuple[str, str], ...], list[Row]]()
    for number, counts in enumerate(windows):
        rows = {
            labels: [
                (number * 100 + i, number * 100 + i, f"{labels}{number}{i}".encode()) for i in range(n)
            ]
            for labels, n in sorted(counts.items())
        }
        batches.append(batch_of({encoded(labels): of_one for labels, of_one in rows.items()}))
        for labels, of_one in rows.items():
            wanted.setdefault(labels, []).extend(of_one)
    found = rows_of(concatenate(batches))
    assert list(found.items()) == [(encoded(labels), wanted[labels]) for labels in sorted(wanted)]


def test_windows_of_the_same_series_keep_their_list() -> None:
    first = batch_of({b"": [(0, 1, b"x")]})
    second = batch_of({b"": [(2, 3, b"y")]})
    joined = concatenate([first, EMPTY, second])
    assert joined.labels is first.labels
    assert rows_of(joined) == {b"": [(0, 1, b"x"), (2, 3, b"y")]}


def test_a_single_window_is_returned_as_it_is() -> None:
    batch = batch_of({b"": [(0, 1, b"x")]})
    assert concatenate([EMPTY, batch]) is batch
    assert concatenate([]) is EMPTY
