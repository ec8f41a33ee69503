"""A log of queries → the questions in it, and when they were asked.

Read are, also mixed in one file:

* Prometheus's query log, one JSON object a line, the query below `params` (the guide "Using the
  Prometheus query log"). Evaluations of rules are left out: no client asked them.
* Lines of thanoxy's slow-query log: logfmt, the form urlencoded in `params`.
* Lines of query-frontend's slow-query log: logfmt with `param_query`, `param_start` and so on.

A window is moved to the time at which it is asked again, at its distance from the log line's
time and on its phase of the step; or it stays where it was.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from proxy.codec.durations import parse_duration_ms, parse_time_ms
from proxy.load import LoadError
from proxy.load.json_text import mapping, read_json, string
from proxy.load.workload import Question, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_ENTRIES = 100_000
_CUT_AT_CHARACTERS = 2_000
"""thanoxy's own lines hold no more of a form than this."""

_FIELD = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_CONTROL = {"n": "\n", "t": "\t", "r": "\r"}
_KNOWN = frozenset(("query", "start", "end", "step", "time"))


@dataclass(frozen=True, slots=True)
class QueryLog:
    """Questions in the order of the log; `offsets_ms` since the first, None without times."""

    questions: tuple[Question, ...]
    offsets_ms: tuple[float, ...] | None
    notes: tuple[str, ...]


class _UnusableError(ValueError):
    """Why a line cannot be asked again."""


def read_query_log(lines: Iterable[bytes], *, keep_times: bool) -> QueryLog:
    """All usable lines. Raises `LoadError` when there is none."""
    found: list[tuple[int | None, Question]] = []
    reasons: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(found) == MAX_ENTRIES:
            reasons[f"beyond the first {MAX_ENTRIES:,} queries"] += 1
            break
        try:
            found.append(_entry(line, number, keep_times=keep_times))
        except _UnusableError as reason:
            reasons[str(reason)] += 1
    notes = tuple(f"lines left out, {reason}: {n:,}" for reason, n in reasons.most_common())
    if not found:
        raise LoadError("no query in the log" + "".join(f"; {note}" for note in notes[:3]))
    return _in_order(found, notes)


def _in_order(found: list[tuple[int | None, Question]], notes: tuple[str, ...]) -> QueryLog:
    known = [(asked_ms, question) for asked_ms, question in found if asked_ms is not None]
    if len(known) < len(found):
        return QueryLog(tuple(question for _, question in found), None, notes)
    known.sort(key=lambda entry: entry[0])
    first_ms = known[0][0]
    offsets = tuple(float(asked_ms - first_ms) for asked_ms, _ in known)
    return QueryLog(tuple(question for _, question in known), offsets, notes)


def _entry(line: bytes, number: int, *, keep_times: bool) -> tuple[int | None, Question]:
    """When it was asked, and what. Raises `_UnusableError`."""
    asked, path, form = _json_form(line) if line.lstrip()[:1] == b"{" else _logfmt_form(line)
    if path and not path.endswith(("/query", "/query_range")):
        raise _UnusableError("neither query nor query_range")
    if not form.get("query"):
        raise _UnusableError("without a query (the form of a POST is not in the log)")
    asked_ms = _moment_ms(asked)
    window = _window(form, asked_ms, keep_times=keep_times)
    more = tuple((name, value) for name, value in form.items() if name not in _KNOWN)
    return asked_ms, Question(f"line {number}", form["query"], window, more=more)


def _json_form(line: bytes) -> tuple[str, str, dict[str, str]]:
    try:
        entry = mapping(read_json(line))
    except LoadError:
        raise _UnusableError("not JSON") from None
    if entry.get("ruleGroup"):
        raise _UnusableError("an evaluation of a rule")
    form = {name: string(value) for name, value in mapping(entry.get("params")).items()}
    path = string(mapping(entry.get("httpRequest")).get("path"))
    return string(entry.get("ts")) or string(entry.get("time")), path, form


def _logfmt_form(line: bytes) -> tuple[str, str, dict[str, str]]:
    text = line.decode("utf-8", "replace")
    fields = {name: _unquoted(value) for name, value in _FIELD.findall(text)}
    encoded = fields.get("params", "")
    if len(encoded) >= _CUT_AT_CHARACTERS:
        raise _UnusableError("cut off")
    form = {n.removeprefix("param_"): v for n, v in fields.items() if n.startswith("param_")}
    try:
        form |= parse_qsl(encoded, keep_blank_values=True, max_num_fields=1_000)
    except ValueError:
        raise _UnusableError("not urlencoded") from None
    return fields.get("ts", ""), fields.get("path", ""), form


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _CONTROL.get(m[2], m[2]), value[1:-1])


def _moment_ms(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return round(moment.timestamp() * 1000)


def _window(form: Mapping[str, str], asked_ms: int | None, *, keep_times: bool) -> Window:
    """An instant where start and end are one moment: Prometheus's log writes both."""
    start_ms, end_ms = _time_ms(form, "start"), _time_ms(form, "end")
    if start_ms is None or end_ms is None or start_ms == end_ms:
        moment_ms = _time_ms(form, "time") if end_ms is None else end_ms
        lag_ms = asked_ms - moment_ms if asked_ms is not None and moment_ms is not None else 0
        return Window(0, 0, max(0, lag_ms), fixed_end_ms=moment_ms if keep_times else None)
    step_ms = parse_duration_ms(form.get("step", ""))
    if step_ms is None or step_ms <= 0 or end_ms < start_ms:
        raise _UnusableError("a step or a range that cannot be read")
    return Window(
        range_ms=end_ms - start_ms,
        step_ms=step_ms,
        lag_ms=max(0, asked_ms - end_ms) if asked_ms is not None else 0,
        start_phase_ms=start_ms % step_ms,
        end_phase_ms=end_ms % step_ms,
        fixed_end_ms=end_ms if keep_times else None,
    )


def _time_ms(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name)
    if not text:
        return None
    found = parse_time_ms(text)
    if found is None:
        raise _UnusableError("a time that cannot be read")
    return found
