"""A matrix answer's JSON to `EncodedMatrix`: found with numpy, not decoded.

Why text may be cut: inside a JSON string every quote is escaped, so the bytes `},"v`, `},"h` and
`},{"m` cannot stand in a label. Between a series' `"values":[` and its end there are only numbers,
quoted numbers and punctuation. The fast path insists on the exact shape that Thanos Query writes
(`{"metric":{…},"values":[[t,"v"],…]}`, no white space); whatever differs is decoded by orjson,
written again in that shape and scanned like the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from proxy.codec.durations import format_time
from proxy.codec.go_json import label_text
from proxy.codec.small_matrix import HEAD, SMALL_BYTES, scan_small
from proxy.codec.tail_json import parse_tail
from proxy.errors import BadUpstreamAnswerError
from proxy.model.matrix import EncodedMatrix, Lane, Offsets

_METRIC = b'{"metric":'
_VALUES = b',"values":['
_HISTOGRAMS = b',"histograms":['
MOST_ODD_BYTES = 32 << 20

Bytes = NDArray[np.uint8]


def scan_matrix(body: bytes) -> EncodedMatrix:
    """The series of a 200 answer to `query_range`.

    Raises:
        BadUpstreamAnswerError: truncated, not JSON, or not a matrix.
    """
    matrix = scan_small(body) if len(body) <= SMALL_BYTES else None
    if matrix is None:
        matrix = scan_canonical(body)
    return matrix if matrix is not None else _scan_odd(body)


def scan_canonical(body: bytes) -> EncodedMatrix | None:
    """The fast path; None for every body that is not exactly in Thanos's shape."""
    if not body.startswith(HEAD):
        return None
    text = np.frombuffer(body, np.uint8)
    braces = np.flatnonzero(text == ord("}"))
    braces = braces[braces < len(body) - 16]
    labels_end = _positions_before(text, braces, b',"v', b',"h')
    if not labels_end.size:
        return _without_series(body)
    series_end = _series_ends(body, text, braces, labels_end)
    if series_end is None or _has_white_space(text, labels_end, series_end):
        return None
    return _cut(body, text, labels_end, series_end)


def _positions_before(text: Bytes, at: Offsets, *markers: bytes) -> Offsets:
    """Those positions that are directly followed by one of the markers."""
    found = np.zeros(len(at), dtype=bool)
    for marker in markers:
        same = np.ones(len(at), dtype=bool)
        for distance, byte in enumerate(marker, start=1):
            same &= text[at + distance] == byte
        found |= same
    return at[found]


def _series_ends(body: bytes, text: Bytes, braces: Offsets, labels_end: Offsets) -> Offsets | None:
    """The closing brace of each series, or None when they do not alternate with label sets."""
    joints = _positions_before(text, braces, b"," + _METRIC + b"{")
    joints = joints[text[joints - 1] == ord("]")]
    last = _last_series_end(body, int(labels_end[-1]))
    if last < 0 or len(joints) != len(labels_end) - 1:
        return None
    ends = np.append(joints, last)
    in_turn = bool(np.all(labels_end < ends) and np.all(ends[:-1] < labels_end[1:]))
    return ends if in_turn else None


def _last_series_end(body: bytes, labels_end: int) -> int:
    histograms = body.find(_HISTOGRAMS, labels_end)
    if histograms >= 0:
        return body.find(b"}]]}", histograms) + 3 if b"}]]}" in body[histograms:] else -1
    end = body.find(b"]]}", labels_end)
    return end + 2 if end >= 0 else -1


def _has_white_space(text: Bytes, labels_end: Offsets, series_end: Offsets) -> bool:
    """Whether blanks stand between the points (inside labels they are welcome)."""
    blanks = np.flatnonzero(text <= ord(" "))
    row = np.searchsorted(labels_end, blanks) - 1
    return bool(np.any((row >= 0) & (blanks < series_end[row])))


def _cut(body: bytes, text: Bytes, labels_end: Offsets, series_end: Offsets) -> EncodedMatrix | None:
    start = np.concatenate(([len(HEAD)], series_end[:-1] + 2))
    only_histograms = text[labels_end + 3] == ord("h")
    marker = np.where(only_histograms, len(_HISTOGRAMS), len(_VALUES))
    first, end = labels_end + 1 + marker, series_end - 1
    if not _opens_right(text, start, labels_end, only_histograms, end):
        return None
    floats = Lane(first, np.where(only_histograms, first, end))
    histograms = Lane(np.where(only_histograms, first, end), end.copy())
    for row in _rows_with_both(body, series_end, only_histograms):
        joint = body.find(b"]" + _HISTOGRAMS, labels_end[row], series_end[row])
        if joint < 0:
            return None
        floats.end[row], histograms.start[row] = joint, joint + 1 + len(_HISTOGRAMS)
    metrics = tuple(
        body[a:b]
        for a, b in zip((start + len(_METRIC)).tolist(), (labels_end + 1).tolist(), strict=True)
    )
    tail = parse_tail(body[int(series_end[-1]) + 1 :])
    return EncodedMatrix(body, metrics, floats, histograms, tail)


def _opens_right(
    text: Bytes,
    start: Offsets,
    labels_end: Offsets,
    only_histograms: NDArray[np.bool_],
    end: Offsets,
) -> bool:
    """Every series opens as `{"metric":{`, its first lane as `"values":[[` or `"histograms":[[`."""
    return (
        len(_positions_before(text, start - 1, _METRIC + b"{")) == len(start)
        and len(_positions_before(text, labels_end[~only_histograms], _VALUES + b"["))
        + len(_positions_before(text, labels_end[only_histograms], _HISTOGRAMS + b"["))
        == len(start)
        and bool(np.all((text[end] == ord("]")) & (text[end - 1] == ord("]"))))
    )


def _rows_with_both(body: bytes, series_end: Offsets, only_histograms: NDArray[np.bool_]) -> list[int]:
    """Series with floats and histograms: an object's `}]` stands before the closing bracket."""
    text = np.frombuffer(body, np.uint8)
    ends_in_object = text[series_end - 3] == ord("}")
    return np.flatnonzero(ends_in_object & ~only_histograms).tolist()


def _without_series(body: bytes) -> EncodedMatrix | None:
    if body[len(HEAD) : len(HEAD) + 1] != b"]":
        return None
    none = Lane(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return EncodedMatrix(body, (), none, none, parse_tail(body[len(HEAD) :]))


def _scan_odd(body: bytes) -> EncodedMatrix:
    """The slow path: decode with orjson, write in Thanos's shape, scan that.

    That takes some twenty times as much memory as the body: Thanos's own never come here.
    """
    if len(body) > MOST_ODD_BYTES:
        raise BadUpstreamAnswerError(
            f"the upstream's answer is not in Thanos's shape, and larger than {MOST_ODD_BYTES} bytes: "
            "whatever rewrites it on the way must not"
        )
    try:
        canonical = _canonical(orjson.loads(body))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # orjson's is one of the last
        raise BadUpstreamAnswerError(describe_odd_body(body)) from error
    matrix = scan_canonical(canonical)
    if matrix is None:
        raise BadUpstreamAnswerError(describe_odd_body(body))
    return matrix


def describe_odd_body(body: bytes) -> str:
    start = body[:60].decode("utf-8", "replace")
    return f"the upstream answered 200 with a body that is not a matrix answer; it starts: {start!r}"


def _canonical(answer: dict[str, Any]) -> bytes:
    data = answer["data"]
    if answer["status"] != "success" or data["resultType"] != "matrix":
        raise ValueError("not a matrix")
    series = b",".join(_canonical_series(one) for one in data["result"])
    extras = {k: v for k, v in data.items() if k not in {"resultType", "result"}}
    notes = {k: answer[k] for k in ("warnings", "infos") if answer.get(k)}
    rest = b"".join(b"," + _member(k, v) for k, v in extras.items())
    ends = b"".join(b"," + _member(k, v) for k, v in notes.items())
    return HEAD + series + b"]" + rest + b"}" + ends + b"}"


def _member(name: str, value: object) -> bytes:
    return orjson.dumps(name) + b":" + orjson.dumps(value)


def _canonical_series(series: dict[str, Any]) -> bytes:
    labels = ",".join(f"{label_text(n)}:{label_text(v)}" for n, v in series["metric"].items())
    lanes = ""
    if values := series.get("values"):
        points = ",".join(f"[{_time(t)},{label_text(v)}]" for t, v in values)
        lanes += f',"values":[{points}]'
    if histograms := series.get("histograms"):
        points = ",".join(f"[{_time(t)},{_histogram(h)}]" for t, h in histograms)
        lanes += f',"histograms":[{points}]'
    if not lanes:
        raise ValueError("a series without points")
    return f'{{"metric":{{{labels}}}{lanes}}}'.encode()


def _time(seconds: float) -> str:
    return format_time(round(seconds * 1000))


def _histogram(histogram: dict[str, Any]) -> str:
    return orjson.dumps(histogram).decode()
