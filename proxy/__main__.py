"""argv to settings to a running server, or to several."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from proxy.allocator import tune_allocator
from proxy.config import SettingError, load_settings
from proxy.machine import cores, memory_bytes, workers_for
from proxy.telemetry.log import LOG, configure
from proxy.worker import REFUSED, is_worker

if TYPE_CHECKING:
    from proxy.settings import Settings


def main() -> int:
    """The command `thanoxy`. Settings that cannot be used end it with one line."""
    try:
        settings, idle = load_settings(sys.argv[1:], os.environ)
        configure(settings.log_level, settings.log_format)
        for line in idle if not is_worker() else ():
            LOG.warning(line)
        workers = _workers(settings)
        if workers > 1 and not settings.demo and not is_worker():
            from proxy.supervisor import supervise  # noqa: PLC0415  a worker does not need it

            return supervise(settings, sys.argv[1:], workers)
        from proxy.app import serve  # noqa: PLC0415  the supervisor does not need it

        tune_allocator()
        uvloop.run(serve(settings))
    except SettingError as error:
        sys.stderr.write(f"thanoxy: {error}\n")
        return REFUSED
    return 0


def _workers(settings: Settings) -> int:
    if settings.workers is None:
        return workers_for(cores(), memory_bytes())
    return settings.workers or cores()


if __name__ == "__main__":
    sys.exit(main())
