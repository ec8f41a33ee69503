"""Decisions as printable data: what to ask of the upstream, and what not to."""
