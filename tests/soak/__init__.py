"""A day of dashboards in minutes: moving time, late samples, lost stores, faults; each answer judged.

    python -m tests.soak --hours 24 --seed 7

`simulation` tells the story: `clock` is moved on, `replicas` answer from the `world`, `panels` ask,
`faults` strike, `judging` compares with what the world would have said.
"""
