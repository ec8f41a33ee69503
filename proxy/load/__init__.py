"""`thanoxy-load`: a load tester for anything that speaks the Prometheus HTTP API.

What is asked      json_text → dashboard (variables, intervals), query_log, profile → workload
When it is asked   schedule: every request has a planned time, whatever the server does
What came of it    histogram, tally, saved → table, hgrm, report (page, plots, svg), progress
Sockets, clocks    client, check, driver, run; the command line: options, __main__

Only the last row and `progress` know a clock or a socket. Nothing is ever sent to an address that
does not stand on the command line: redirects are not followed, proxies of the environment not used.
"""

from __future__ import annotations


class LoadError(Exception):
    """A file, an option or a target that cannot be used. `str(error)` is the line to show."""
