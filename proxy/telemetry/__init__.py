"""What the operator sees: metrics and log lines."""
