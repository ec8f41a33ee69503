"""Tells a collector of traces what requests did (OpenTelemetry)."""
