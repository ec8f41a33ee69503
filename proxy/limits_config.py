"""The file of `--limits.config-file`: limits that differ from the flags', and blocked queries.

default:                           # for everybody; the flags hold where it says nothing
  max_query_lookback: 400d
tenants:
  reports:                         # for one tenant; `default` holds where it says nothing
    max_query_steps: 0             # no limit
    max_query_upstream_bytes: 4GB
blocked:                           # a rule blocks what fits all of its members
  - pattern: '__name__=~"[.][*+]"'
    path: query_range
    reason: name the metric
  - dashboard: ce2v9d0q1a8zkb
    panel: 12

Its members are called as the flags are, without what stands before the dot.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from proxy.plan.blocked import APIS, BlockedRule, Pattern
from proxy.plan.limits import FLAGS, Limits, LimitsTable, member_of
from proxy.promql.lexer import normalise
from proxy.setting_values import SettingError, size_bytes
from proxy.strict_yaml import Section, read_section, shown

if TYPE_CHECKING:
    from proxy.settings import Settings

_WHAT = "--limits.config-file"
_LIMITS = {member_of(limit): limit for limit in FLAGS}
_RULE = tuple(member.name for member in dataclasses.fields(BlockedRule))


class LiveLimits:
    """The limits in force. `current` changes as a whole, when the file has been read again.

    Raises:
        SettingError: the file cannot be used.
    """

    def __init__(self, path: str, default: Limits) -> None:
        self._path = path
        self._default = default
        self.current = read_limits(path, default)

    def reload(self) -> None:
        """Read the file again.

        Raises:
            SettingError: it cannot be used; what was in force stays so.
        """
        self.current = read_limits(self._path, self._default)


def default_limits(settings: Settings) -> Limits:
    """What the flags say."""
    return Limits(**{limit: getattr(settings, limit) for limit in FLAGS})


def read_limits(path: str, default: Limits) -> LimitsTable:
    """What a file says; without one `default` is everybody's.

    Raises:
        SettingError: the file cannot be read, or something in it is not understood.
    """
    if not path:
        return LimitsTable(default)
    root = read_section(path, _WHAT)
    _know(root, "default", "tenants", "blocked")
    section = root.section("default")
    if section:
        default = _limits(section, default)
    tenants = root.section("tenants")
    return LimitsTable(
        default,
        {name: _limits(one, default) for name, one in _tenants(tenants)} if tenants else {},
        tuple(_rule(section) for section in _rules(root)),
    )


def _tenants(section: Section) -> list[tuple[str, Section]]:
    found = []
    for name in section.values:
        if not isinstance(name, str) or not name:
            raise SettingError(
                f"{section.where}: {shown(str(name))} is no tenant's name: put it in quotes"
            )
        found.append((name, _inside(section, name)))
    return found


def _inside(section: Section, name: str) -> Section:
    """A mapping inside that may be empty; names that a line cannot show are shortened."""
    where = f"{section.where}: {shown(name)}"
    found = section.values.get(name)
    if found is not None and not isinstance(found, dict):
        raise SettingError(f"{where} is a mapping")
    return Section(where, found or {})


def _limits(section: Section, default: Limits) -> Limits:
    _know(section, *_LIMITS)
    given = {limit: _value(section, member) for member, limit in _LIMITS.items()}
    return dataclasses.replace(default, **{k: v for k, v in given.items() if v is not None})


def _value(section: Section, member: str) -> int | None:
    limit = _LIMITS[member]
    if limit.endswith("_ms"):
        return section.duration_ms(member)
    if limit.endswith("_bytes"):
        return _size(section, member)
    return section.whole(member)


def _size(section: Section, member: str) -> int | None:
    """A size, or a number of bytes."""
    found = section.values.get(member)
    if not isinstance(found, str):
        return section.whole(member)
    try:
        return size_bytes(found)
    except ValueError as error:
        raise SettingError(f"{section.where}: {member}: {error}") from None


def _rules(root: Section) -> list[Section]:
    found = root.values.get("blocked")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(rule, dict) for rule in found):
        raise SettingError(f"{root.where}: blocked is a list of mappings")
    return [Section(f"{root.where}: blocked, rule {n}", rule) for n, rule in enumerate(found, 1)]


def _rule(section: Section) -> BlockedRule:
    _know(section, *_RULE)
    given = {member: _text(section, member) for member in _RULE if section.has(member)}
    for member, text in given.items():
        if not text.strip():
            raise SettingError(f"{section.where}: {member} is empty; leave it out, or fill it")
    if not set(given) - {"reason"}:
        matching = ", ".join(member for member in _RULE if member != "reason")
        raise SettingError(f"{section.where} needs one of {matching}")
    if "expression" in given and not normalise(given["expression"]).strip():
        raise SettingError(f"{section.where}: expression holds nothing but a comment")
    if given.get("path", APIS[0]) not in APIS:
        raise SettingError(f"{section.where}: path is one of {', '.join(APIS)}")
    for member in {"pattern", "user_agent"} & set(given):
        _check_pattern(section, member, given[member])
    given["reason"] = " ".join(given.get("reason", "").split())
    return BlockedRule(**given)


def _check_pattern(section: Section, member: str, text: str) -> None:
    try:
        Pattern(text)
    except ValueError as error:
        raise SettingError(f"{section.where}: {member}: {' '.join(str(error).split())}") from None


def _text(section: Section, member: str) -> str:
    """A text; a panel is mostly written as a number."""
    found: Any = section.values.get(member)
    if member == "panel" and type(found) is int:
        return str(found)
    return section.text(member)


def _know(section: Section, *names: str) -> None:
    """Refuse members that nobody knows, and say which are known."""
    try:
        section.only(*names)
    except SettingError as error:
        raise SettingError(f"{error}; known are {', '.join(names)}") from None
