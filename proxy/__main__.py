"""argv to settings to a running server, or to several."""

from __future__ import annotations

import os
import sys

import uvloop

from proxy.allocator import tune_allocator
from proxy.config import SettingError, load_settings
from proxy.machine import cores
from proxy.telemetry.log import LOG, configure
from proxy.worker import is_worker


def main() -> int:
    """The command `thanoxy`. Settings that cannot be used end it with one line."""
    try:
        settings, idle = load_settings(sys.argv[1:], os.environ)
        configure(settings.log_level, settings.log_format)
        workers = settings.workers or cores()
        if workers > 1 and not settings.demo and not is_worker():
            from proxy.supervisor import supervise  # noqa: PLC0415  a worker does not need it

            supervise(settings, sys.argv[1:], workers)
            return 0
        from proxy.app import serve  # noqa: PLC0415  the supervisor does not need it

        tune_allocator()
        for line in idle if not is_worker() else ():
            LOG.warning(line)
        uvloop.run(serve(settings))
    except SettingError as error:
        sys.stderr.write(f"thanoxy: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
