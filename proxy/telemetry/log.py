"""Lines for the operator, in logfmt as Thanos writes them."""

from __future__ import annotations

import datetime as dt
import logging
import sys

LOG = logging.getLogger("thanoxy")

_OWN = frozenset(vars(logging.makeLogRecord({})))


class LogfmtFormatter(logging.Formatter):
    """`ts=… level=… msg=…` and whatever stands in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in self.fields(record).items())

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        """What a line says, by name and in order."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": {"WARNING": "warn"}.get(record.levelname, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        fields.update((k, str(v)) for k, v in vars(record).items() if k not in _OWN)
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return fields


def _quoted(value: str) -> str:
    if value and value.isascii() and not any(c in ' "=\\' or c < " " for c in value):
        return value
    return _string(value)


def _string(value: str) -> str:
    """In quotes, as logfmt and JSON write it alike."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'


class JsonFormatter(LogfmtFormatter):
    """The same fields as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record).items()
        return "{" + ",".join(f"{_string(name)}:{_string(value)}" for name, value in fields) + "}"


def configure(level: str, log_format: str = "logfmt") -> None:
    """Log to stderr from this level on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else LogfmtFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
