"""argv to settings to a running server."""

from __future__ import annotations

import os
import sys

import uvloop

from proxy.allocator import tune_allocator
from proxy.app import serve
from proxy.config import SettingError, load_settings
from proxy.telemetry.log import LOG, configure


def main() -> int:
    """The command `thanoxy`. Settings that cannot be used end it with one line."""
    try:
        settings, idle = load_settings(sys.argv[1:], os.environ)
        configure(settings.log_level, settings.log_format)
        tune_allocator()
        for line in idle:
            LOG.warning(line)
        uvloop.run(serve(settings))
    except SettingError as error:
        sys.stderr.write(f"thanoxy: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
