"""`python -m proxy.demo --port 10902`: the demo upstream on its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys

from proxy.demo.app import start_demo

PARENT_CHECK_S = 1.0


async def serve(host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, or until the process that started this one is gone."""
    stop, parent = asyncio.Event(), os.getppid()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    demo = await start_demo(host, port)
    sys.stdout.write(f"demo upstream with synthetic series: {demo.url}\n")
    sys.stdout.flush()
    while not stop.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARENT_CHECK_S):
                await stop.wait()
    await demo.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m proxy.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default: any free port")
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
