"""`python -m tests.soak --hours 24 --seed 7`: prints a summary as a line of JSON.

Exits with 1 when an answer was wrong or something has grown; what it was is said on stderr. What is
wrong in a way that is documented (`tally.DOCUMENTED`) is said and counted too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import orjson
import uvloop

from proxy.allocator import tune_allocator
from tests.soak.clock import HOUR_MS
from tests.soak.simulation import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=int, default=24, help="simulated hours (default: 24)")
    parser.add_argument("--seed", type=int, default=1, help="what all is drawn from (default: 1)")
    parser.add_argument("--stale", action="store_true", help="with --query-range.stale-if-error=1h")
    options = parser.parse_args()
    changes = {"stale_ms": HOUR_MS} if options.stale else {}
    tune_allocator()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally, summary = runner.run(soak(options.seed, options.hours, **changes))
    for violation in tally.violations:
        sys.stderr.write(f"seed {tally.seed}, {violation}\n")
    sys.stdout.write(orjson.dumps(summary).decode() + "\n")
    return int(bool(tally.violated or summary["growth"]))


if __name__ == "__main__":
    sys.exit(main())
