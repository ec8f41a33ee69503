"""The same questions asked of Thanos Query and of thanoxy: the answers must be the same bytes.

    queries     shapes of PromQL over the sample series
    windows     start, end and step of a range query, and the ways of writing them
    cases       a case: query, window, parameters, method; all drawn from a seed and a number
    refusals    requests that Thanos refuses, and those at the edge of being refused
    asking      a request on the wire, and the answer to it
    comparing   two answers → the first difference that counts
    oracle      what Thanos itself answers to the windows of the splits, joined
    modes       what is done with a case: asked once, or so that kept pieces serve
    sequences   the windows that one dashboard asks for, one after the other
    meddling    kept pieces are evicted, expire, are purged, get holes
    hard_use    a case again and again, by many clients at once, with meddling in between
    moving      time goes on, samples arrive, some of them late
    clock       a clock that tests move on
    relay       makes Thanos slow, so that more happens while a fetch is under way
    running     many cases side by side → a report

What may differ between two answers of Thanos itself is listed in `comparing`; nothing else may.
"""
