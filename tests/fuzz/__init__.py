"""Hostile input by the million: `python -m tests.fuzz.http --requests 100000 --seed 1`."""
