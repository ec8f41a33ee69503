"""Feeds disturbed text to every parser that reads what clients or upstreams send.

    python -m tests.fuzz.parsers --rounds 200000 --seed 1

Whatever a text is: a parser reads it, or raises what it says that it raises. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.codec import durations
from proxy.codec.error_text import error_text
from proxy.codec.flags_json import parse_flags
from proxy.codec.matrix_json import scan_canonical, scan_matrix
from proxy.codec.params import encode_form, parse_form, parse_range_query
from proxy.codec.points import index_points
from proxy.codec.read_request import parse_read_request
from proxy.codec.samples_json import read_samples
from proxy.codec.stores_json import parse_stores, start_time
from proxy.codec.tail_json import merge_stats, parse_tail
from proxy.errors import BadDataError, BadUpstreamAnswerError, LimitError, NotSplittableError
from proxy.model.grid import Grid
from proxy.model.query import RangeQuery
from proxy.plan.expression import understand
from proxy.promql.lexer import LexError, normalise, tokenize
from tests.fakes import matrix_body
from tests.fuzz.questions import EXPRESSIONS, GOOD, STEPS, TIMES, disturbed, parameters, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

GRID = Grid(0, 600_000, 12)
MATRIX = matrix_body(GRID)
STATS = b'{"timings":{"evalTotalTime":0.5},"samples":{"totalQueryableSamples":5,"peakSamples":2}}'
HISTOGRAM = b'"histograms":[[0,{"count":"3","sum":"2.5","buckets":[[0,"0.5","1","2"]]}]]'
BODIES = (
    MATRIX,
    json.dumps(json.loads(MATRIX), indent=1).encode(),
    MATRIX.replace(b',"analysis":{}', b',"stats":' + STATS).replace(b"}}", b'}},"warnings":["w"]', 1),
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},'
    + HISTOGRAM
    + b"}]}}",
    b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
    b'{"status":"error","errorType":"execution","error":"x"}',
)
TAILS = (
    b'],"analysis":{}}}',
    b'],"stats":' + STATS + b'},"warnings":["a","b"],"infos":["c"]}',
    b"]}}",
)
STORES = (
    b'{"status":"success","data":{"store":[{"name":"a:1","lastCheck":"x","lastError":null,'
    b'"labelSets":[{"a":"b"}],"minTime":0,"maxTime":9223372036854775807}]}}',
)
FLAGS = (b'{"status":"success","data":{"query.replica-label":"a,b","x":"1"}}',)
ODD = (
    *(
        b"null",
        b"[]",
        b"{}",
        b"5",
        b"-1",
        b"1e400",
        b'"x"',
        b"true",
        b"[[[[",
        b"]]",
        b"}}",
        b'"',
        b"\\",
    ),
    *(b"\xff", b"\x00", b"9" * 400, b"[" * 2_000, b'{"a":' * 1_100, b'"\\ud800"', b"NaN", b" ", b","),
    *(b'},"v', b'},"values":[', b'{"metric":', b'"values":[[', b"1e5", b"-", b"0.0001"),
)
WORDS = (
    "@",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "offset",
    "step()",
    "end()",
    "5m",
    "1e400",
    ":",
    '"',
    "#",
    "`",
)


def bent(text: bytes, chance: random.Random) -> bytes:
    """Bytes disturbed, or a value put in place of another."""
    if chance.random() < 0.3:
        return disturbed(text, chance)
    for _ in range(chance.choice((1, 1, 2, 4))):
        ends = [at for at, byte in enumerate(text) if byte in b'[]{},:"'] or [0]
        begin, end = sorted(chance.choices(ends, k=2))
        if end - begin > 200 and chance.random() < 0.9:
            end = min((at for at in ends if at > begin), default=begin)
        text = text[: begin + 1] + chance.choice(ODD) + text[end:]
    return text


def bent_words(chance: random.Random) -> str:
    """An expression with something put in, taken out, or put together from two."""
    text = chance.choice((*EXPRESSIONS, *GOOD))
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        added = chance.choice((*WORDS, *EXPRESSIONS, *TIMES, *STEPS, chr(chance.randrange(0x110000))))
        text = text[:at] + added + text[at + chance.choice((0, 0, 1, 3)) :]
    if chance.random() < 0.02:
        text = chance.choice(("(", "[", "-", "a+", "@", "{a=", "sum(")) * chance.choice(
            (50, 5_000, 60_000)
        )
    return text


def _expression(chance: random.Random) -> None:
    text = bent_words(chance)
    start_ms = chance.choice((0, -(10**15), 1_700_000_000_000, 1 << 62))
    understand(RangeQuery(text, start_ms, start_ms + 10**7, chance.choice((1, 15_000, 10**12)), "", ()))
    tokens = tokenize(text)
    assert "".join(t.text for t in tokenize(normalise(text))) == "".join(t.text for t in tokens)


def _form(chance: random.Random) -> None:
    text = disturbed(parameters(chance).encode(), chance)
    form = parse_form(text.decode("utf-8", "surrogateescape"), text)
    if form is not None:
        parse_range_query(form)
        assert parse_form("", encode_form(form)) == form


def _times(chance: random.Random) -> None:
    text = disturbed(chance.choice((*TIMES, *STEPS)).encode(), chance).decode("utf-8", "replace")
    if (time_ms := durations.parse_time_ms(text)) is not None:
        assert durations.parse_time_ms(durations.format_time(time_ms)) is not None
    step_ms = durations.parse_duration_ms(text)
    if step_ms:
        durations.format_step(step_ms)


def _matrix(chance: random.Random) -> None:
    """Whatever is JSON is read alike on both paths.

    What is none may pass the fast one, which looks at structure and timestamps only: there it must
    not raise anything odd.
    """
    body = bent(chance.choice(BODIES), chance)
    fast = scan_canonical(body)
    found = scan_matrix(body)
    try:
        series = orjson.loads(body)["data"]["result"]
    except ValueError:
        series = None
    if fast is not None and series is not None and all(map(_is_json, fast.metrics)):
        assert [orjson.loads(metric) for metric in fast.metrics] == [one["metric"] for one in series]
        assert found.metrics == fast.metrics
    if "stats" in found.tail.extras:
        merge_stats([found.tail.extras["stats"], STATS])
    for lane, histograms in ((found.floats, False), (found.histograms, True)):
        index_points(found.text, lane, GRID, histograms)


def _is_json(metric: bytes) -> bool:
    """A member that Thanos does not know may stand between labels and points; it is kept as text."""
    try:
        orjson.loads(metric)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, and what it says that it raises."""

    run: Callable[[random.Random], Any]
    raises: tuple[type[Exception], ...] = ()


TARGETS: dict[str, Target] = {
    "expression": Target(_expression, (LexError,)),
    "form": Target(_form),
    "times": Target(_times),
    "matrix": Target(_matrix, (BadUpstreamAnswerError, NotSplittableError)),
    "samples": Target(
        lambda chance: read_samples(bent(chance.choice(BODIES), chance), 0),
        (BadUpstreamAnswerError, LimitError),
    ),
    "tail": Target(
        lambda chance: parse_tail(bent(chance.choice(TAILS), chance)), (BadUpstreamAnswerError,)
    ),
    "stores": Target(
        lambda chance: parse_stores(bent(chance.choice(STORES), chance)), (BadUpstreamAnswerError,)
    ),
    "start time": Target(lambda chance: start_time(bent(chance.choice(STORES), chance))),
    "flags": Target(
        lambda chance: parse_flags(bent(chance.choice(FLAGS), chance)), (BadUpstreamAnswerError,)
    ),
    "error text": Target(lambda chance: error_text(bent(BODIES[-1], chance))),
    "read request": Target(
        lambda chance: parse_read_request(disturbed(read_body(chance), chance), 1 << 20, 4),
        (BadDataError,),
    ),
}


def fuzz(rounds: int, seed: int, names: tuple[str, ...] = tuple(TARGETS)) -> dict[str, Any]:
    """Run each target so often; the figures, and the first few failures of each."""
    outcomes: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    slowest: dict[str, float] = {}
    for name in names:
        target, counts = TARGETS[name], Counter[str]()
        for number in range(rounds):
            began_s = time.perf_counter()
            try:
                target.run(random.Random(f"{seed} {name} {number}"))
                counts["read"] += 1
            except target.raises as error:
                counts[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001  that is what is looked for
                counts["wrong"] += 1
                if counts["wrong"] <= 3:
                    wrong.append(f"{name} {seed} {number}: {error!r}")
            slowest[name] = max(slowest.get(name, 0.0), time.perf_counter() - began_s)
        outcomes[name] = counts
    return {
        "rounds": rounds,
        "seed": seed,
        "outcomes": {name: dict(counts) for name, counts in outcomes.items()},
        "slowest_ms": {name: round(slow_s * 1000) for name, slow_s in slowest.items()},
        "wrong": wrong,
    }


def main(arguments: list[str]) -> int:
    """Returns the exit status: 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.parsers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    warnings.simplefilter("error")
    found = fuzz(options.rounds, options.seed)
    sys.stdout.write(json.dumps(found) + "\n")
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
