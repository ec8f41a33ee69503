"""What follows the series in an answer (`stats`, `analysis`, `warnings`, `infos`), in and out.

Its key order is that of Thanos (`pkg/api/api.go`, `pkg/api/query/v1.go`): members of `data` after
`result`, then the lists beside `data`.
"""

from __future__ import annotations

from typing import Any

import orjson

from proxy.codec.go_json import message_text
from proxy.errors import BadUpstreamAnswerError
from proxy.model.matrix import Tail

_OPEN = b'{"data":{"result":['
_NOTES = ("warnings", "infos")


def parse_tail(text: bytes) -> Tail:
    """Read from the `]` that closes `result` to the end of the body.

    Raises:
        BadUpstreamAnswerError: the body is truncated or goes on in an unknown way.
    """
    try:
        answer: dict[str, Any] = orjson.loads(_OPEN + text)
        extras = {n: _text(v) for n, v in answer.pop("data").items() if n != "result"}
        notes = {n: answer.pop(n) for n in _NOTES if answer.get(n)}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadUpstreamAnswerError("the upstream's answer is truncated or not JSON") from error
    if answer.keys() - set(_NOTES) or not all(map(_is_list_of_texts, notes.values())):
        raise BadUpstreamAnswerError(f"the upstream's answer has unknown members: {sorted(answer)}")
    return Tail(extras, {name: tuple(texts) for name, texts in notes.items()})


def _text(value: object) -> bytes:
    """JSON in no more memory than it needs: orjson's own result keeps its 4 KiB buffer."""
    return bytes(memoryview(orjson.dumps(value)))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def encode_tail(tail: Tail) -> bytes:
    """The text from the `]` that closes `result` to the end of the body."""
    extras = b"".join(b',"' + name.encode() + b'":' + text for name, text in tail.extras.items())
    notes = "".join(
        f',"{name}":[{",".join(map(message_text, texts))}]' for name, texts in tail.notes.items()
    )
    return b"]" + extras + b"}" + notes.encode() + b"}"


def merge_stats(texts: list[bytes]) -> bytes:
    """The statistics of several splits as one: sums, and the largest of the peaks.

    Raises:
        BadUpstreamAnswerError: they are no numbers by name.
    """
    try:
        return orjson.dumps(_merged([orjson.loads(text) for text in texts]))
    except (AttributeError, TypeError) as error:
        raise BadUpstreamAnswerError("the upstream's answer has statistics of another shape") from error


def _merged(trees: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name, first in trees[0].items():
        values = [tree[name] for tree in trees if name in tree]
        if isinstance(first, dict):
            merged[name] = _merged(values)
        else:
            merged[name] = max(values) if name.startswith("peak") else sum(values)
    return merged
