"""A dashboard's variables: which values they have, and how they are written into PromQL.

The rules are Grafana's. `$name`, `${name:format}` and `[[name]]` are replaced; what has no value
stays as it is written. Values of a variable that allows several become a regular expression
(`packages/grafana-prometheus/src/escaping.ts`); a custom value for *All* is taken as written.

A saved dashboard does not always hold the values of *All*, nor a choice: those that Grafana would
ask for are not asked here. `.*` stands for them, and a note says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.load.intervals import auto_interval_ms, grafana_duration_ms, interval_text
from proxy.load.json_text import mapping, sequence, string, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = "$__all"
EVERYTHING = ".*"
NOT_FOR_PROMQL = frozenset(("datasource", "adhoc", "groupby"))

_REFERENCE = re.compile(
    r"\$(?P<plain>\w+)"
    r"|\[\[(?P<square>\w+?)(?::(?P<square_format>\w+))?\]\]"
    r"|\$\{(?P<curly>\w+)(?:\.[^:}]+)?(?::(?P<curly_format>[^}]+))?\}",
    re.ASCII,
)
_REGEX_SIGNS = re.compile(r"[$^*{}\[\]+?.()|]")
_AUTO_COUNT, _AUTO_LEAST = 30, "10s"


@dataclass(frozen=True, slots=True)
class Variable:
    """The chosen values of a variable.

    `is_list` is for variables that allow several values: theirs are escaped for a regular
    expression. `as_written` values are not escaped at all.
    """

    name: str
    values: tuple[str, ...]
    is_list: bool = False
    as_written: bool = False

    def text(self, style: str | None) -> str:
        """The values as a format of Grafana's writes them; None is the format of PromQL."""
        joined = {"pipe": "|", "text": " + "}
        if self.as_written or style in {"raw", "csv", "pipe", "text"}:
            return joined.get(style or "", ",").join(self.values)
        if style in {"doublequote", "singlequote"}:
            mark = '"' if style == "doublequote" else "'"
            return ",".join(mark + v.replace(mark, "\\" + mark) + mark for v in self.values)
        if style == "regex":
            return _alternatives([_escaped(value, "\\") for value in self.values])
        if style is None:
            return self._promql()
        return self.values[0] if len(self.values) == 1 else "{" + ",".join(self.values) + "}"

    def _promql(self) -> str:
        if not self.is_list:
            return ",".join(self.values).replace("\\", "\\\\").replace("'", "\\\\'")
        return _alternatives([_escaped(value, "\\\\") for value in self.values])


def _escaped(value: str, mark: str) -> str:
    """Signs of regular expressions made harmless; two backslashes inside a PromQL string."""
    return _REGEX_SIGNS.sub(lambda found: mark + found[0], value.replace("\\", mark * 2))


def _alternatives(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else "(" + "|".join(values) + ")"


def interpolate(text: str, variables: Mapping[str, Variable], own: Mapping[str, str]) -> str:
    """The text with its variables replaced.

    `own` are Grafana's own by name, or by `name:format`; their text is taken as it is.
    """

    def replaced(found: re.Match[str]) -> str:
        name = found["plain"] or found["square"] or found["curly"]
        style = found["square_format"] or found["curly_format"]
        text = own.get(f"{name}:{style}", own.get(name))
        if text is not None:
            return text
        variable = variables.get(name)
        return variable.text(style) if variable else found[0]

    return _REFERENCE.sub(replaced, text)


def unknown_names(text: str) -> list[str]:
    """Names of references that are still in a text."""
    found = (m["plain"] or m["square"] or m["curly"] for m in _REFERENCE.finditer(text))
    return sorted({name for name in found if not name.isdecimal()})


def read_variables(
    document: Mapping[str, object], range_ms: int, overrides: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Variable], list[str]]:
    """The variables of a dashboard by name, and notes about values that had to be made up."""
    variables: dict[str, Variable] = {}
    notes: list[str] = []
    for item in sequence(mapping(document.get("templating")).get("list")):
        model = mapping(item)
        name, kind = string(model.get("name")), string(model.get("type"))
        if not name or name in overrides or kind in NOT_FOR_PROMQL:
            continue
        variables[name] = variable = _variable(name, kind, model, range_ms)
        if variable.as_written and EVERYTHING in variable.values:
            notes.append(f"variable {name}: no value in the file, {EVERYTHING} stands for it")
    for name, values in overrides.items():
        variables[name] = Variable(name, values, is_list=len(values) > 1)
    return variables, notes


def _variable(name: str, kind: str, model: Mapping[str, object], range_ms: int) -> Variable:
    is_list = bool(model.get("multi")) or bool(model.get("includeAll"))
    values = _chosen(model) or _offered(kind, model)[:1]
    if kind == "interval" and values and values[0].startswith("$__auto"):
        return Variable(name, (_auto_interval(model, range_ms),))
    if ALL in values:
        all_value = string(model.get("allValue"))
        values = () if all_value else _offered(kind, model)
        if all_value or not values:
            return Variable(name, (all_value or EVERYTHING,), is_list, as_written=True)
    if not values:
        return Variable(name, (EVERYTHING,), is_list, as_written=True)
    return Variable(name, values, is_list)


def _chosen(model: Mapping[str, object]) -> tuple[str, ...]:
    value = mapping(model.get("current")).get("value")
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in map(string, values) if text)


def _offered(kind: str, model: Mapping[str, object]) -> tuple[str, ...]:
    """The options in the file, the selected first; else what the definition itself says."""
    options = [mapping(option) for option in sequence(model.get("options"))]
    options.sort(key=lambda option: not option.get("selected"))
    values = tuple(string(option.get("value")) for option in options)
    definition = string(model.get("query"))
    if not any(values) and kind in {"constant", "textbox"} and definition:
        values = (definition,)
    elif not any(values) and kind in {"custom", "interval"}:
        values = tuple(part.rpartition(" : ")[2].strip() for part in definition.split(","))
    return tuple(value for value in values if value and value != ALL)


def _auto_interval(model: Mapping[str, object], range_ms: int) -> str:
    least_ms = grafana_duration_ms(string(model.get("auto_min")) or _AUTO_LEAST) or 1
    count = whole(model.get("auto_count"), _AUTO_COUNT)
    return interval_text(auto_interval_ms(range_ms, count, least_ms))
