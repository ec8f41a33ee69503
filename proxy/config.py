"""Settings from flags, environment and file.

A flag `--a.b-c` is `THANOXY_A_B_C` in the environment and `a.b-c` in the config file (TOML); a flag
wins over the environment, that over the file, that over the default.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy import __version__
from proxy.idle_flags import WITHOUT_EFFECT
from proxy.setting_values import SettingError, addresses, boolean, names, urls
from proxy.settings import Settings, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["WITHOUT_EFFECT", "SettingError", "Settings", "load_settings", "rows"]


_LISTS = (addresses, names, urls)


def load_settings(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[Settings, list[str]]:
    """Settings from flags, environment and file, and the flags that have no effect here.

    Raises:
        SettingError: an unknown flag, or a value that cannot be read.
    """
    given, config_file = _read_flags(arguments)
    idle = [
        f"--{flag} has no effect: {WITHOUT_EFFECT[flag]}" for flag in given if flag in WITHOUT_EFFECT
    ]
    from_file = _read_file(config_file or environment.get("THANOXY_CONFIG_FILE", ""))
    values = {}
    for row in rows():
        flag = row["flag"]
        variable = "THANOXY_" + re.sub(r"[.-]", "_", flag).upper()
        for source in (given, {flag: environment.get(variable)}, from_file):
            if (text := source.get(flag)) is not None:
                values[row["name"]] = _parse(row, text)
                break
    return Settings(**values), idle


def _parse(row: dict[str, Any], text: str) -> Any:
    try:
        return row["parse"](text)
    except ValueError as error:
        raise SettingError(f"--{row['flag']}={text}: {error}") from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise SettingError(f"{message}; --help lists all flags")


def _read_flags(arguments: Sequence[str]) -> tuple[dict[str, str], str]:
    """Flags as given, in kingpin's forms: `--flag=value`, `--flag value`, `--[no-]flag`."""
    parser = _Parser(prog="thanoxy", allow_abbrev=False, argument_default=argparse.SUPPRESS)
    version = f"thanoxy {__version__}"
    parser.add_argument("--version", action="version", version=version, help="print it and leave")
    parser.add_argument("--config.file", metavar="FILE", help="settings as TOML")
    for row in rows():
        text = f"{row['meaning']} [{row['default']}]".replace("%", "%%")
        if row["parse"] in _LISTS:
            dest = row["flag"]
            parser.add_argument(f"--{dest}", dest=dest, action="append", metavar="VALUE", help=text)
        else:
            _add_flag(parser, row["flag"], row["parse"] is boolean, text)
    for flag in WITHOUT_EFFECT:
        _add_flag(parser, flag, switch=True, text=argparse.SUPPRESS)
    given = vars(parser.parse_args(list(arguments)))
    flat = {flag: ",".join(v) if isinstance(v, list) else v for flag, v in given.items()}
    return flat, flat.pop("config.file", "")


def _add_flag(parser: argparse.ArgumentParser, flag: str, switch: bool, text: str) -> None:
    """A switch may stand alone or be negated; other flags want a value."""
    if not switch:
        parser.add_argument(f"--{flag}", dest=flag, metavar="VALUE", help=text)
        return
    parser.add_argument(f"--{flag}", dest=flag, nargs="?", const="true", metavar="BOOL", help=text)
    parser.add_argument(
        f"--no-{flag}", dest=flag, action="store_const", const="false", help=argparse.SUPPRESS
    )


def _read_file(path: str) -> dict[str, str]:
    if not path:
        return {}
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"config file {path}: {error}") from error
    flat = dict(_flatten(document, ""))
    unknown = flat.keys() - {row["flag"] for row in rows()} - WITHOUT_EFFECT.keys()
    if unknown:
        raise SettingError(f"config file {path}: unknown settings {', '.join(sorted(unknown))}")
    return flat


def _flatten(table: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += _flatten(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, _as_text(value)))
    return pairs


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
