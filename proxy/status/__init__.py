"""The status page: what a process says of itself, what is wrong with that, and how it is shown."""
