"""YAML files of settings, read so that nothing in them is ignored and nothing secret is repeated.

Errors name the section and the option, or the line and column. The words of the YAML library are left
out of them: it quotes the text around a mistake, and the text around a mistake may be a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from proxy.setting_values import SettingError, duration_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_LONGEST_SHOWN = 40


class _Loader(yaml.SafeLoader):
    """Safe types only; a key that is given twice is a mistake, as it is to Go's strict decoder."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _Twice(key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


class _Twice(yaml.MarkedYAMLError):
    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__(problem_mark=mark)


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping in a file. where: how errors call it."""

    where: str
    values: Mapping[object, object]

    def only(self, *names: str) -> None:
        """Refuse every option but these."""
        for name in self.values:
            if name not in names:
                raise SettingError(f"{self.where} has no option {_shown_option(name)}")

    def section(self, name: str) -> Section | None:
        """A mapping inside; None where it is missing or empty."""
        found = self.values.get(name)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise SettingError(f"{self.where}: {name} is a mapping")
        return Section(f"{self.where}: {name}", found)

    def text(self, name: str) -> str:
        """A text; "" where it is missing."""
        found = self.values.get(name)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise SettingError(f"{self.where}: {name} is a text")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.values.get(name)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise SettingError(f"{self.where}: {name} is a list of texts")
        return tuple(found)

    def pairs(self, name: str) -> dict[str, str]:
        """A mapping of texts."""
        found = self.section(name)
        values = found.values.items() if found else ()
        if not all(isinstance(key, str) and isinstance(value, str) for key, value in values):
            raise SettingError(f"{self.where}: {name} maps texts to texts")
        return {str(key): str(value) for key, value in values}

    def flag(self, name: str, default: bool) -> bool:
        found = self.values.get(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise SettingError(f"{self.where}: {name} is true or false")
        return found

    def whole(self, name: str) -> int | None:
        """A whole number from 0 on; None where it is missing."""
        found = self.values.get(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise SettingError(f"{self.where}: {name} is a whole number")
        return found

    def duration_ms(self, name: str) -> int | None:
        """A duration, which has a unit, or 0; None where it is missing."""
        found = self.values.get(name)
        if found is None:
            return None
        try:
            return duration_ms(found if isinstance(found, str) else "0" if found == 0 else "")
        except ValueError as error:
            raise SettingError(f"{self.where}: {name}: {error}") from None

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None


def read_section(path: str, what: str) -> Section:
    """The mapping that a file holds.

    Raises:
        SettingError: it cannot be read, or is not such a file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{what} {path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise SettingError(f"{what} {path}: it is not UTF-8") from None
    return parse_section(text, f"{what} {path}")


def parse_section(text: str, where: str) -> Section:
    """The mapping that a text holds; an empty text is an empty one.

    Raises:
        SettingError: it is not YAML, or not a mapping.
    """
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except _Twice as error:
        raise SettingError(f"{where}: {_place(error)} is given twice") from None
    except yaml.MarkedYAMLError as error:
        raise SettingError(f"{where}: {_place(error)} is not YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingError(f"{where}: it is not YAML") from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise SettingError(f"{where}: a mapping is expected")
    return Section(where, document)


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "something"


def _shown_option(name: object) -> str:
    """A name that nobody knows: shown only if it looks like one."""
    if isinstance(name, str) and _OPTION.fullmatch(name):
        return name
    return "of such a name"


def shown(value: str) -> str:
    """A value that is no secret, for an error's text: one short line."""
    cut = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
    return repr(cut)[1:-1] or "(empty)"
