"""What clients of thanoxy see while its upstreams fail: real Thanos processes, real faults.

    relays      in front of one Thanos Query: late, silent, resetting, cutting, refusing
    fleet       several `thanos query` on the same store
    questions   what a dashboard asks, and the answers that Thanos itself gives
    load        questions at their times, and what came back
    faults      what goes wrong, and how it is undone
    scenario    thanoxy in front of the fleet, load, a fault in the middle
    figures     what came back → numbers
    results     numbers → a JSON file, and back
    report      numbers → Markdown
    table       all scenarios → docs/reliability.md, `make reliability`

Nothing but the tests here needs pytest.
"""
