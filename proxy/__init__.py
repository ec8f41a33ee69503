"""thanoxy: a query proxy and cache in front of Thanos Query.

The path of a query, as the packages stand below one another:

    api        HTTP in, HTTP out                              edge
    upstream   Thanos Query, asked over HTTP                  edge
    store      where extents are kept                         edge
    engine     the story of a query: plan, lookup, fetch,     async, knows only Protocols
               join, keep
    codec      bytes from and to the model                    pure
    merge      many partial answers into one                  pure
    plan       decisions as printable data: splits, key, gaps pure
    promql     what an expression allows, not its value       pure
    model      the values that every stage speaks             pure

Arrows point down only. Pure packages know no event loop, no clock and no logger. `app` builds
every part once; `telemetry` is what the operator sees; `demo` is a small synthetic upstream.
"""

__version__ = "0.1.0"
